package work

// FeatureFollow is the feature of nodes with the command "work follow".
//
// One session of that command carries the states and the output of any number
// of units to a node that waits for them. The client sends followRequests, the
// node followMessages, each a line of JSON; output follows its message as it is.
const FeatureFollow = "follow"

const (
	// followLine bounds a line of either side, in bytes.
	followLine = 64 << 10
	// followPiece is how much output comes with one message, at most. Units take
	// turns, piece by piece.
	followPiece = 64 << 10
	// maxDue is how many feeds may be due before no more requests are read. It
	// bounds what a client has of the memory beside a feed for each unit there is:
	// whoever can connect can ask, and need not read.
	maxDue = 4096
)

// followRequest asks for a unit from a byte of its output on, or not to hear of
// it any more. A node of ours asks for each unit once at a time.
type followRequest struct {
	UnitID   string `json:"unitid"`
	StartPos int64  `json:"startpos,omitempty"`
	// ErrPos asks for the stderr too, from that byte on, if the unit keeps it apart.
	ErrPos *int64 `json:"errpos,omitempty"`
	Stop   bool   `json:"stop,omitempty"`
	// Signature is as in a command with the unit's ID, startpos and the subcommand
	// "follow".
	Signature string `json:"signature,omitempty"`
}

// hash is what the signature of the request is bound to; see commandHash.
func (q followRequest) hash() string { return commandHash(q.fields()) }

func (q followRequest) fields() map[string]any {
	return map[string]any{"subcommand": "follow", "unitid": q.UnitID, "startpos": q.StartPos}
}

// followMessage has State, Bytes, End, Error, or the last two.
type followMessage struct {
	UnitID string `json:"unitid"`
	// State is what the unit is in, before it ends.
	State *followState `json:"state,omitempty"`
	// Bytes of output follow the line, those from At on; of stderr if Stream says so.
	At     int64  `json:"at,omitempty"`
	Bytes  int    `json:"bytes,omitempty"`
	Stream string `json:"stream,omitempty"`
	// End says that all output has been sent, or with Error that the rest of it is
	// lost. It is the last of the unit.
	End *followEnd `json:"end,omitempty"`
	// Error says why nothing more comes of the unit, as an answer "ERROR: …" does.
	Error string `json:"error,omitempty"`
}

type followState struct {
	State  State  `json:"state"`
	Detail string `json:"detail"`
	Size   int64  `json:"size"` // of the output so far, in bytes
	// ErrSize is that of the stderr, if that was asked for and is kept apart.
	ErrSize *int64 `json:"errsize,omitempty"`
}

// stderrName is the Stream of messages with stderr.
const stderrName = "stderr"

type followEnd struct {
	followState
	// SHA256 is that of the whole output from its first byte on, in hex.
	SHA256 string `json:"sha256,omitempty"`
	// ErrSHA256 is that of the stderr, if there is an ErrSize.
	ErrSHA256 string `json:"errsha256,omitempty"`
}
