package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"receptor/sim"
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

// Later seeds end first here: each waits for its successor.
func TestResultsComeInTheOrderOfSeeds(t *testing.T) {
	t.Parallel()
	const seeds = 30
	ended := make([]chan struct{}, seeds)
	for i := range ended {
		ended[i] = make(chan struct{})
	}
	var got []uint64
	err := seedRange{100, 100 + seeds}.each(2, func(seed uint64) (sim.Report, error) {
		i := seed - 100
		defer close(ended[i])
		if i%2 == 0 {
			<-ended[i+1]
		}
		return sim.Report{Seed: seed}, nil
	}, func(r sim.Report) { got = append(got, r.Seed) })
	if err != nil || len(got) != seeds || !slices.IsSorted(got) || got[0] != 100 {
		t.Errorf("took %v (%v)", got, err)
	}
}

func TestFirstErrorInTheOrderOfSeeds(t *testing.T) {
	t.Parallel()
	later := make(chan struct{})
	var got []uint64
	err := seedRange{0, 1000}.each(2, func(seed uint64) (sim.Report, error) {
		switch seed {
		case 5:
			<-later
			return sim.Report{}, errors.New("five")
		case 6:
			close(later)
			return sim.Report{}, errors.New("six")
		}
		return sim.Report{Seed: seed}, nil
	}, func(r sim.Report) { got = append(got, r.Seed) })
	if err == nil || err.Error() != "seed 5: five" || !slices.Equal(got, []uint64{0, 1, 2, 3, 4}) {
		t.Errorf("took %v, error %v", got, err)
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
	path := write(t, small+"expect: {converged_within: 222ms}\n")
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
