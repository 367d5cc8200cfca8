package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// captured returns the frames recorded from a mesh of deployed nodes.
func captured(t testing.TB) [][]byte {
	t.Helper()
	f, err := os.Open("testdata/capture.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var frames [][]byte
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var record struct{ Hex string }
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Fatal(err)
		}
		frame, err := hex.DecodeString(record.Hex)
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, frame)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return frames
}

// reencode decodes a frame and encodes what came out.
func reencode(frame []byte) ([]byte, error) {
	t, err := TypeOf(frame)
	if err != nil {
		return nil, err
	}
	switch t {
	case TypeData:
		d, err := ParseData(frame)
		if err != nil {
			return nil, err
		}
		return AppendData(nil, d.Header, d.Payload), nil
	case TypeRouting:
		u, err := ParseRouting(frame)
		if err != nil {
			return nil, err
		}
		return u.Encode(), nil
	case TypeService:
		a, err := ParseAdvertisement(frame)
		if err != nil {
			return nil, err
		}
		return a.Encode(), nil
	case TypeSummary:
		s, err := ParseSummary(frame)
		if err != nil {
			return nil, err
		}
		return s.Encode(), nil
	default:
		return Reject(""), nil
	}
}

// Every frame of deployed nodes decodes, and encodes to the same bytes.
func TestCaptureRoundTrip(t *testing.T) {
	counts := map[Type]int{}
	for i, frame := range captured(t) {
		got, err := reencode(frame)
		if err != nil {
			t.Errorf("frame %d: %v", i, err)
			continue
		}
		if !bytes.Equal(got, frame) {
			t.Errorf("frame %d:\n got %q\nwant %q", i, got, frame)
		}
		counts[Type(frame[0])]++
	}
	if want := (map[Type]int{TypeData: 79, TypeRouting: 14, TypeService: 4}); len(counts) != 3 ||
		counts[TypeData] != want[TypeData] || counts[TypeRouting] != want[TypeRouting] || counts[TypeService] != want[TypeService] {
		t.Errorf("the capture has %v frames by type, want %v", counts, want)
	}
}

// The node hashes in the capture are those of a and c, whose datagrams it has.
func TestHashNode(t *testing.T) {
	var data []Data
	for _, frame := range captured(t) {
		if Type(frame[0]) == TypeData {
			d, err := ParseData(frame)
			if err != nil {
				t.Fatal(err)
			}
			data = append(data, d)
		}
	}
	first := data[0]
	if got, want := first.FromNode, HashNode("a"); got != want {
		t.Errorf("hash of a: %x, want %x", want, got)
	}
	if got, want := first.ToNode, HashNode("b"); got != want {
		t.Errorf("hash of b: %x, want %x", want, got)
	}
	if first.ToService != ServicePing || first.HopsToLive != MaxHops-1 || len(first.Payload) != 0 {
		t.Errorf("first datagram %+v, want a ping of one hop", first)
	}
}

// An unreach message of ours begins as those of deployed nodes do. (The
// recording cuts long data frames.)
func TestUnreachEncoding(t *testing.T) {
	ours := Unreach{FromNode: "a", ToNode: "c", FromService: "72Yqgc5k", ToService: "ping", Problem: ProblemExpired}
	found := false
	for _, frame := range captured(t) {
		if d, err := ParseData(frame); Type(frame[0]) == TypeData && err == nil && d.ToService == ServiceUnreach {
			found = found || bytes.HasPrefix(ours.Encode(), d.Payload)
		}
	}
	if !found {
		t.Errorf("no unreach message in the capture begins as %s", ours.Encode())
	}
	back, err := ParseUnreach(ours.Encode())
	if err != nil || *back != ours {
		t.Errorf("%+v came back as %+v (%v)", ours, back, err)
	}
}

// Epochs are beyond the integers that a float can hold.
func TestEpochIsExact(t *testing.T) {
	const epoch = 30123174332195801
	u, err := ParseRouting([]byte("\x01" + `{"NodeID":"a","UpdateEpoch":30123174332195801,"Connections":{},"ForwardingNode":"a"}`))
	if err != nil || u.UpdateEpoch != epoch {
		t.Errorf("epoch %d (%v), want %d", u.UpdateEpoch, err, uint64(epoch))
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ name, frame, want string }{
		{"empty", "", "zero length"},
		{"unknown type", "\x05x", "unknown frame type 5"},
		{"short data", "\x00\x1e", "shorter than its header"},
		{"routing without body", "\x01", "decode routing update"},
		{"routing of nobody", "\x01{}", "NodeID: node ID is empty"},
		{"no forwarder", "\x01" + `{"NodeID":"a"}`, "ForwardingNode: node ID is empty"},
		{"negative cost", "\x01" + `{"NodeID":"a","ForwardingNode":"a","Connections":{"b":-1}}`, `connection to "b": cost -1`},
		{"zero cost", "\x01" + `{"NodeID":"a","ForwardingNode":"a","Connections":{"b":0}}`, `connection to "b": cost 0`},
		{"long ID", "\x01" + `{"NodeID":"` + strings.Repeat("x", 256) + `","ForwardingNode":"a"}`, "256 bytes"},
		{"long update ID", "\x01" + `{"NodeID":"a","ForwardingNode":"a","UpdateID":"` + strings.Repeat("x", 65) + `"}`, "UpdateID of 65 bytes"},
		{"many features", "\x01" + `{"NodeID":"a","ForwardingNode":"a","Features":["` + strings.Repeat(`","`, 40) + `"]}`, "41 Features"},
		{"long feature", "\x01" + `{"NodeID":"a","ForwardingNode":"a","Features":["` + strings.Repeat("x", 33) + `"]}`, "33 bytes"},
		{"advertisement without service", "\x02" + `{"NodeID":"a","Service":""}`, "service name is empty"},
		{"short summary", "\x04" + strings.Repeat("x", 255), "summary of 256 bytes, want 257"},
		{"long summary", "\x04" + strings.Repeat("x", 1<<16), "want 257"},
		{"long service", "\x02" + `{"NodeID":"a","Service":"123456789"}`, "9 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := reencode([]byte(test.frame))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one about %q", err, test.want)
			}
		})
	}
}

func TestExtensionsAreInvisible(t *testing.T) {
	u := RoutingUpdate{NodeID: "a", ForwardingNode: "a", Connections: map[string]float64{"b": 1}}
	if got := string(u.Encode()); strings.Contains(got, "Features") {
		t.Errorf("an update without features tells of them: %s", got)
	}
	u.Features = []string{FeatureExchange}
	back, err := ParseRouting(u.Encode())
	if err != nil || !back.HasFeature(FeatureExchange) || back.HasFeature(FeatureCancelOnce) {
		t.Errorf("features came back as %v (%v)", back.Features, err)
	}
}

func TestAdvertisementAlwaysHasWorkCommands(t *testing.T) {
	a := ServiceAdvertisement{NodeID: "a", Service: "s", Time: time.Unix(0, 0).UTC()}
	if got := string(a.Encode()); !strings.Contains(got, `"WorkCommands":null`) {
		t.Errorf("%s, want a WorkCommands of null", got)
	}
}

// The key of every recorded update can be read without decoding it.
func TestPeekCapture(t *testing.T) {
	peeked := 0
	for _, frame := range captured(t) {
		if Type(frame[0]) != TypeRouting {
			continue
		}
		k, ok := PeekRouting(frame)
		u, err := ParseRouting(frame)
		if !ok || err != nil || string(k.NodeID) != u.NodeID || k.Epoch != u.UpdateEpoch || k.Sequence != u.UpdateSequence {
			t.Errorf("peeked %s, %d, %d (%v) at %s", k.NodeID, k.Epoch, k.Sequence, ok, frame)
		}
		peeked++
	}
	if peeked == 0 {
		t.Error("the capture has no updates")
	}
}

func TestPeekLeavesTheRestToParse(t *testing.T) {
	for _, body := range []string{
		``, `{`, `{"NodeID":"a`, `{"NodeID":"a","UpdateID":"x","UpdateEpoch":1,"UpdateSequence":`,
		`{"NodeID":"a","UpdateID":"x","UpdateEpoch":1,"UpdateSequence":2`, // cut: the number may be longer
		`{"NodeID":"a\u0062","UpdateID":"x","UpdateEpoch":1,"UpdateSequence":2,"Connections":{}}`,
		`{ "NodeID":"a","UpdateID":"x","UpdateEpoch":1,"UpdateSequence":2,"Connections":{}}`,
		`{"UpdateID":"x","NodeID":"a","UpdateEpoch":1,"UpdateSequence":2,"Connections":{}}`,
		`{"NodeID":"a","UpdateID":"x","UpdateEpoch":18446744073709551616,"UpdateSequence":2,"Connections":{}}`,
		`{"NodeID":"a","UpdateID":"x","UpdateEpoch":1,"UpdateSequence":2,"Connections":{},"ForwardingNode":"b","SuspectedDuplicate":7}`,
		`{"NodeID":"a","UpdateID":"x","UpdateEpoch":1,"UpdateSequence":2,"Connections":{},"ForwardingNode":"b","SuspectedDuplicate":01}`,
		`{"NodeID":"a","UpdateID":"x","UpdateEpoch":1.5,"UpdateSequence":2,"Connections":{}}`,
	} {
		if k, ok := PeekRouting([]byte("\x01" + body)); ok {
			t.Errorf("peeked %s, %d, %d at %s", k.NodeID, k.Epoch, k.Sequence, body)
		}
	}
}

func BenchmarkPeekRouting(b *testing.B) {
	frame := captured(b)[2]
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := PeekRouting(frame); !ok {
			b.Fatal("not an update")
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, frame := range captured(f) {
		f.Add(frame)
	}
	f.Add([]byte{})
	f.Add(Reject(""))
	f.Add((&Summary{1, 2, 3}).Encode())
	f.Fuzz(func(t *testing.T, frame []byte) {
		once, err := reencode(frame)
		if err != nil {
			return
		}
		// What was accepted is a valid value: it survives another round.
		twice, err := reencode(once)
		if err != nil {
			t.Fatalf("%q was accepted, its encoding %q not: %v", frame, once, err)
		}
		if !bytes.Equal(once, twice) {
			t.Fatalf("encodings differ: %q, then %q", once, twice)
		}
	})
}

func BenchmarkParseRouting(b *testing.B) {
	u := RoutingUpdate{NodeID: "node-1", UpdateID: "abcdefgh", UpdateEpoch: 30123174332195801, UpdateSequence: 7,
		Connections: map[string]float64{"node-2": 1, "node-3": 1, "node-4": 2, "node-5": 1}, ForwardingNode: "node-2"}
	frame := u.Encode()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRouting(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHashNode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		HashNode("a-node-with-a-name.example.org")
	}
}

// An age is what Encode would write, also where others have written the rest.
func TestWithAge(t *testing.T) {
	ad := ServiceAdvertisement{NodeID: "a", Service: "svc", Time: time.Unix(0, 1).UTC(), Tags: map[string]string{"k": "}<"}}
	frame := ad.Encode()
	ad.Age = 17
	if got := WithAge(frame, 17); !bytes.Equal(got, ad.Encode()) {
		t.Errorf("%s, want %s", got, ad.Encode())
	}
	for _, frame := range captured(t) {
		if Type(frame[0]) != TypeService {
			continue
		}
		got, err := ParseAdvertisement(WithAge(append(frame, " \n"...), 299))
		if err != nil || got.Age != 299 {
			t.Errorf("age %v (%v) of %s", got, err, frame)
		}
	}
}

// A reject may have a reason, which deployed nodes do not read.
func TestRejectReason(t *testing.T) {
	for frame, want := range map[string]string{
		string(Reject("")): "", string(Reject(`a "reason"`)): `a "reason"`, "\x03": "", "\x03null": "", "\x03[]": "", "\x03[1]": "", "\x03{": "", `\x03["x"`: "",
		string(Reject(strings.Repeat("x", maxReason))): "",
	} {
		if got := RejectReason([]byte(frame)); got != want {
			t.Errorf("%.30q has the reason %q, want %q", frame, got, want)
		}
	}
}
