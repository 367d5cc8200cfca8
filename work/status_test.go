package work

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// What is written without reflection is what reflection would write.
func TestStatusAnswerJSON(t *testing.T) {
	type reflected statusAnswer // without its method
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]*`))
		a := statusAnswer{
			State: State(rapid.IntRange(0, 4).Draw(t, "state")), StateName: text.Draw(t, "name"), Detail: text.Draw(t, "detail"),
			StdoutSize: rapid.Int64().Draw(t, "size"), WorkType: text.Draw(t, "type"), StderrSize: rapid.Int64Min(1).Draw(t, "stderr"),
		}
		raw, err := json.Marshal(map[string]string{"k": text.Draw(t, "param")})
		if err != nil {
			t.Fatal(err)
		}
		a.ExtraData = rapid.SampledFrom([]any{nil, json.RawMessage(raw), &struct{ Pid int }{7}, unknownType}).Draw(t, "extra")
		got, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := json.Marshal(reflected(a)); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s, want %s, %v", got, want, err)
		}
		if line := a.append(nil); !bytes.Equal(line, got) {
			t.Fatalf("as it is: %s, want %s", line, got)
		}
	})
}

// The extra data of a status file, which another program or a person may have
// written, does not break up a line in which it is shown.
func TestExtraDataOnOneLine(t *testing.T) {
	s, err := decodeStatus([]byte("{\"WorkType\": \"cat\", \"ExtraData\": {\n  \"Pid\": 7\n}}"))
	if err != nil || string(s.ExtraData) != `{"Pid":7}` {
		t.Errorf("%s, %v", s.ExtraData, err)
	}
}
