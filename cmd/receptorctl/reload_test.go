package main

import (
	"errors"
	"testing"
)

func TestReload(t *testing.T) {
	n := newFakeNode(t, map[string]any{"reload": `{"Success":true}`})
	n.ctl("reload").want(t, 0, "Reload successful\n", "")
	n.wantRequests("reload {}")
	for answer, code := range map[string]int{
		`{"Success":false,"Error":"x ERRORCODE 3"}`:   3,
		`{"Success":false,"Error":"x ERRORCODE 4 y"}`: 4,
		`{"Success":false,"Error":"x"}`:               5,
		`{"Success":false}`:                           5,
		`{"Success":"yes"}`:                           1,
	} {
		newFakeNode(t, map[string]any{"reload": answer}).ctl("reload").want(t, code, "", "ERROR: ")
	}
	newFakeNode(t, map[string]any{"reload": errors.New("Unknown command")}).ctl("reload").want(t, 1, "", "ERROR: Unknown command\n")
}
