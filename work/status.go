package work

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Details of PROTOCOL section 4 that are not made of anything else.
const (
	detailCreated   = "Unit Created" // by deployed nodes
	detailWaiting   = "Waiting for Input Data"
	detailStarting  = "Starting Worker"
	detailQueued    = "Queued" // answers tell the place
	detailCanceled  = "Canceled"
	detailAtRestart = "Pending at restart"
	detailLocally   = "Locally Cancelled"
	detailRest      = "Waiting for the rest of the output"
	detailGone      = "Remote work unit is gone"
)

// remoteType is the work type of a unit that another node runs.
const remoteType = "remote"

// unknownType stands in for the extra data of a unit whose work type is not
// registered.
const unknownType = "Unknown WorkType"

// Status is what the status file of a unit says (PROTOCOL section 5).
type Status struct {
	State  State
	Detail string
	// StdoutSize is in bytes. In a terminal state it is the length of the
	// output; before, the output may already be longer.
	StdoutSize int64
	WorkType   string
	// ExtraData is a CommandExtra or a RemoteExtra, the JSON null for a local
	// unit that is complete, or what a type unknown here has put there.
	ExtraData json.RawMessage
	// Version grows with each status that is written. Deployed nodes write none.
	Version int64 `json:",omitempty"`
	// StderrSize is that of a stderr that is kept apart, as StdoutSize is.
	// Deployed nodes ignore it.
	StderrSize int64 `json:",omitempty"`
	// Secret is part of the key by which the node of a remote unit knows its
	// submission (submissionKey). It does not change, and is never shown: an answer
	// about a unit is made of the other fields.
	Secret string `json:",omitempty"`
	// Submission is that which the unit is of, if it came with a key. It does not change
	// either, nor is it shown.
	Submission *identity `json:",omitempty"`
	// Input is the whole of a stdin that is short: it is in no file of its own then. It stays
	// until the unit is claimed, or complete.
	Input *[]byte `json:",omitempty"`
	// Claim is who the supervisor is that may run the command, in the form of Processes,
	// once there is one. It stays: there is never another.
	Claim json.RawMessage `json:",omitempty"`
	// Done: the unit is complete, and no process of it left but its supervisor.
	Done bool `json:",omitempty"`
}

// contradicts tells of a status that may not follow s, which is terminal: only
// what is to be done about the unit may still change.
func (s Status) contradicts(next Status) bool {
	return s.State.Terminal() && (next.State != s.State || next.Detail != s.Detail || next.StdoutSize != s.StdoutSize)
}

// follows tells of a status that may follow old.
func (s Status) follows(old Status) bool {
	return old.State.canBecome(s.State) && (s.Version == 0 || s.Version >= old.Version)
}

// CommandExtra is the ExtraData of a unit that runs a command here.
type CommandExtra struct {
	// Pid is the supervisor's process ID, 0 before it runs.
	Pid int
	// Params are the command's parameters before they are split into words.
	Params string
	// InputComplete is set when the whole stdin is on disk. Only then may the
	// unit be started after a restart. Deployed nodes ignore it.
	InputComplete bool `json:",omitempty"`
	// Arrival numbers the units of work types with a limit on how many run at
	// once, in the order in which they wait. Deployed nodes ignore it.
	Arrival uint64 `json:",omitempty"`
}

// RemoteExtra is the ExtraData of a unit that another node runs.
type RemoteExtra struct {
	RemoteNode     string
	RemoteWorkType string
	// RemoteParams may hold secrets: only redacted leaves them out.
	RemoteParams map[string]string
	// RemoteUnitID is the unit's ID on the remote node, empty until known.
	RemoteUnitID string
	// RemoteStarted: the remote node has all input and has started the unit.
	RemoteStarted bool
	// LocalCancelled and LocalReleased are orders given here, carried out there
	// or not.
	LocalCancelled bool
	LocalReleased  bool
	SignWork       bool
	TLSClient      string
	// Expiration is when a unit that has not started fails; zero means never.
	Expiration time.Time
	// SubmitSent is set before the submission is sent. Without a RemoteUnitID
	// it means that nobody here knows whether the unit exists there, so it must
	// not be submitted again. Deployed nodes ignore it.
	SubmitSent bool `json:",omitempty"`
	// SubmitKeyed: the node to which it was sent knows keys of submissions, so it
	// may be submitted again.
	SubmitKeyed bool `json:",omitempty"`
	// AwaySince is since when the remote node cannot be reached, zero if it can
	// or there was no reason to try.
	AwaySince time.Time `json:",omitzero"`
	// StderrApart: the unit keeps stderr apart, and what there is of it is, or will
	// be, here. Deployed nodes ignore it.
	StderrApart bool `json:",omitempty"`
	// ReleasedAt is when LocalReleased was set.
	ReleasedAt time.Time `json:",omitzero"`
}

// keyed: the remote node may have the unit, by the key of its submission.
func (e RemoteExtra) keyed() bool { return e.SubmitSent && e.SubmitKeyed }

// isSecret tells of a parameter that must neither be shown nor sent in clear.
func isSecret(param string) bool {
	return strings.HasPrefix(strings.ToLower(param), "secret_")
}

// maxDetail is how many bytes are kept of what another node says about a unit.
const maxDetail = 4096

// clip cuts a text from another node to what a person can use.
func clip(text string) string {
	if len(text) <= maxDetail {
		return text
	}
	return strings.ToValidUTF8(text[:maxDetail], "") + "…"
}

// hides tells whether redacted would be another: there are secrets, or there is
// no map, which is shown as an empty one.
func (e RemoteExtra) hides() bool {
	return e.RemoteParams == nil || slices.ContainsFunc(slices.Collect(maps.Keys(e.RemoteParams)), isSecret)
}

// redacted returns e without secret parameters.
func (e RemoteExtra) redacted() RemoteExtra {
	shown := make(map[string]string, len(e.RemoteParams))
	for name, value := range e.RemoteParams {
		if !isSecret(name) {
			shown[name] = value
		}
	}
	e.RemoteParams = shown
	return e
}

// mustJSON encodes extra data, which always has a JSON form.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("work: extra data without a JSON form: " + err.Error())
	}
	return b
}

// decodeStatus parses the JSON of a status, which may be anything: a deployed node that
// crashed leaves empty and cut ones.
func decodeStatus(b []byte) (Status, error) {
	var s Status
	if len(bytes.TrimSpace(b)) == 0 {
		return Status{}, fmt.Errorf("it is empty")
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return Status{}, fmt.Errorf("it is not the JSON of a status: %w", err)
	}
	switch {
	case s.WorkType == "":
		return Status{}, fmt.Errorf("it names no work type")
	case !s.State.valid():
		return Status{}, fmt.Errorf("it has the state %d, there are 0 to %d", int(s.State), int(Canceled))
	case s.StdoutSize < 0:
		return Status{}, fmt.Errorf("it has an output of %d bytes", s.StdoutSize)
	}
	// It is shown as it is, in one line.
	s.ExtraData = mustJSON(s.ExtraData)
	return s, nil
}

// statusAnswer is how a status looks in answers of the control service.
type statusAnswer struct {
	State      State
	StateName  string
	Detail     string
	StdoutSize int64
	WorkType   string
	ExtraData  any
	StderrSize int64 // left out if it is 0
}

// MarshalJSON implements json.Marshaler.
func (a statusAnswer) MarshalJSON() ([]byte, error) { return a.append(nil), nil }

// append appends the JSON of an answer. A list has thousands, and two thirds of what it
// cost were spent on reflection, and on looking through ExtraData once more.
func (a statusAnswer) append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"State":`...), int64(a.State), 10)
	b = appendString(append(b, `,"StateName":`...), a.StateName)
	b = appendString(append(b, `,"Detail":`...), a.Detail)
	b = strconv.AppendInt(append(b, `,"StdoutSize":`...), a.StdoutSize, 10)
	b = appendString(append(b, `,"WorkType":`...), a.WorkType)
	b = append(b, `,"ExtraData":`...)
	if raw, ok := a.ExtraData.(json.RawMessage); ok {
		b = append(b, raw...)
	} else {
		b = append(b, mustJSON(a.ExtraData)...)
	}
	if a.StderrSize != 0 {
		b = strconv.AppendInt(append(b, `,"StderrSize":`...), a.StderrSize, 10)
	}
	return append(b, '}')
}

// appendString appends the JSON of a string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || strings.IndexByte(`"\<>&`, c) >= 0 {
			return append(b, mustJSON(s)...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
