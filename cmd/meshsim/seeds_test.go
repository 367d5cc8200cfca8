package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSeedRange(t *testing.T) {
	t.Parallel()
	if r, err := parseSeeds("3:18446744073709551615"); err != nil || r != (seedRange{3, 1<<64 - 1}) {
		t.Errorf("3:18446744073709551615 is %v (%v)", r, err)
	}
	for _, bad := range []string{"", "5", ":", "1:", ":1", "2:2", "3:1", "-1:4", "a:b", "1:2:3", "0:18446744073709551616"} {
		if r, err := parseSeeds(bad); err == nil {
			t.Errorf("%q is %v, want an error", bad, r)
		}
	}
}

func TestSweepIsTheSameWithAnyNumberOfJobs(t *testing.T) {
	t.Parallel()
	path := write(t, small+"timeline: [{at: 6s, link: [a, b], do: down}, {at: 6500ms, link: [a, b], do: up}]\n")
	_, one, _ := meshsim("run", path, "--seeds", "0:12", "--jobs", "1")
	code, many, stderr := meshsim("run", path, "--seeds", "0:12", "--jobs", "5")
	if code != exitOK || stderr != "" || one != many {
		t.Fatalf("exit code %d, stderr %q; one job printed\n%s\nfive jobs\n%s", code, stderr, one, many)
	}
	for _, want := range []string{
		"12 runs of " + path, "routes right after start", "all right after link loss", "after heal",
		"pings       12 sent, 12 answered, 0 lost", "datagrams   12 sent, 12 delivered\n", "violations  none",
	} {
		if !strings.Contains(many, want) {
			t.Errorf("no %q in\n%s", want, many)
		}
	}
}

func TestSweepTellsWhichSeedsFail(t *testing.T) {
	t.Parallel()
	path := write(t, small+"expect: {converged_within: 230ms}\n")
	code, stdout, _ := meshsim("run", path, "--seeds", "0:40", "--for", "3s", "--json")
	var r struct {
		Runs        int
		FailedSeeds []uint64 `json:"failed_seeds"`
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || r.Runs != 40 {
		t.Fatalf("%v: %s", err, stdout)
	}
	if code != exitViolated || len(r.FailedSeeds) == 0 || len(r.FailedSeeds) == 40 {
		t.Fatalf("exit code %d; %s", code, stdout)
	}
	_, stdout, _ = meshsim("run", path, "--seeds", "0:40", "--for", "3s")
	_, replay, found := strings.Cut(stdout, "replay      meshsim ")
	if !found {
		t.Fatalf("no command that replays in\n%s", stdout)
	}
	if code, stdout, _ := meshsim(strings.Fields(replay)...); code != exitViolated {
		t.Errorf("the replay ends with %d:\n%s", code, stdout)
	}
}
