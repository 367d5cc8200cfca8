package host

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestTracingOfTheEnvironment(t *testing.T) {
	for text, want := range map[string]int{"": 0, "0": 0, "1": 1, "3": 3, "4": -1, "-1": -1, "full": -1} {
		env := map[string]string{"RECEPTOR_PAYLOAD_TRACE_LEVEL": text}
		got, err := Tracing(func(name string) string { return env[name] }, nil)
		if (err != nil) != (want < 0) || got.Payload != max(want, 0) || got.QLog != nil {
			t.Errorf("level %q: %d, files %v (%v), want %d", text, got.Payload, got.QLog != nil, err, want)
		}
	}
}

func TestQLogFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "for-it")
	env := map[string]string{"QLOGDIR": dir}
	var warnings []error
	tracing, err := Tracing(func(name string) string { return env[name] }, func(err error) { warnings = append(warnings, err) })
	if err != nil {
		t.Fatal(err)
	}
	f := tracing.QLog("log_1_client.qlog")
	if f == nil {
		t.Fatal(warnings)
	}
	io.WriteString(f, "text")
	f.Close()
	name := filepath.Join(dir, "log_1_client.qlog")
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 4 {
		t.Errorf("%v (%v), want four bytes for nobody else to read", info, err)
	}
	if f := tracing.QLog("log_1_client.qlog"); f != nil || len(warnings) != 1 {
		t.Errorf("a file that is there was opened (%v), warnings %v", f != nil, warnings)
	}
}

// What cannot be the directory is told once, not for each stream.
func TestQLogDirectoryThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"QLOGDIR": file, "RECEPTOR_PAYLOAD_TRACE_LEVEL": "2"}
	got, err := Tracing(func(name string) string { return env[name] }, nil)
	if err == nil || got.QLog != nil || got.Payload != 2 {
		t.Errorf("level %d, files %v, %v; want an error, and the level all the same", got.Payload, got.QLog != nil, err)
	}
}
