package eventlog

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// A line is the JSON of an event, and is read as that event.
func TestLines(t *testing.T) {
	t.Parallel()
	texts := rapid.SampledFrom([]string{"", "n1", `quo"te`, `back\slash`, "<&>", "zürich", "a\nb", "\x7f", "\xff"})
	rapid.Check(t, func(t *rapid.T) {
		var e Event
		for v, i := reflect.ValueOf(&e).Elem(), 0; i < v.NumField(); i++ {
			name := v.Type().Field(i).Name
			switch f := v.Field(i); f.Kind() {
			case reflect.String:
				f.SetString(texts.Draw(t, name))
			case reflect.Int, reflect.Int64:
				f.SetInt(rapid.Int64Range(0, math.MaxInt64).Draw(t, name))
			case reflect.Uint64:
				f.SetUint(rapid.Uint64().Draw(t, name))
			default:
				t.Fatalf("a field %s of kind %v", name, f.Kind())
			}
		}
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if line := e.Append(nil); string(line) != string(want)+"\n" {
			t.Fatalf("a line is\n%s, want\n%s", line, want)
		}
		e.Kind = rapid.SampledFrom([]Kind{Frame, Disk, LogLine, FaultOver, End}).Draw(t, "kind")
		if line := e.Append(nil); KindOf(line) != e.Kind {
			t.Fatalf("%s is said to be of kind %q, want %q", line, KindOf(line), e.Kind)
		}
	})
}

func TestKindOfWhatIsNoLine(t *testing.T) {
	for _, line := range []string{"", "{}", `{"at":`, `{"at":1,"node":"n1","kind":"frame"}`, `{"at":1,"kind":"frame`, `x{"at":1,"kind":"frame"`} {
		if kind := KindOf([]byte(line)); kind != "" {
			t.Errorf("%q is said to be of kind %q", line, kind)
		}
	}
}
