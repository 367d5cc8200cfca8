package mesh_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"receptor/mesh"
	"receptor/transport"
)

// qlogFile is a file that knows whether it is closed.
type qlogFile struct {
	bytes.Buffer
	closed bool
}

func (f *qlogFile) Close() error {
	f.closed = true
	return nil
}

// Each end of a stream has a file of its own, of one connection, which has no
// payload in it, and is complete when the stream has ended.
func TestQLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		files := map[string]*qlogFile{}
		n, err := mesh.New(mesh.Config{ID: "a", Clock: transport.System, Rand: rand.NewPCG(1, 1), QLog: func(name string) io.WriteCloser {
			mu.Lock()
			defer mu.Unlock()
			files[name] = &qlogFile{}
			return files[name]
		}})
		if err != nil {
			t.Fatal(err)
		}
		l := serve(t, n, "echo", echo)
		c := dial(t, n, "a", "echo")
		if _, err := io.WriteString(c, "a secret"); err != nil {
			t.Fatal(err)
		}
		c.CloseWrite()
		if got, err := io.ReadAll(c); err != nil || string(got) != "a secret" {
			t.Errorf("echo %q (%v)", got, err)
		}
		c.Close()
		l.Close()
		n.Close()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		var names []string
		for name, f := range files {
			names = append(names, name)
			if text := f.String(); !f.closed || !strings.Contains(text, "packet_sent") || strings.Contains(text, "a secret") {
				t.Errorf("%s, closed %v:\n%s", name, f.closed, text)
			}
		}
		slices.Sort(names)
		if len(names) != 2 || !strings.HasPrefix(names[0], "log_") || !strings.HasSuffix(names[0], "_client.qlog") ||
			strings.Replace(names[0], "client", "server", 1) != names[1] {
			t.Errorf("files %q, want those of the client and the server of one connection", names)
		}
	})
}

// Who cannot be written for is served all the same.
func TestQLogWithoutFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := mesh.New(mesh.Config{ID: "a", Clock: transport.System, Rand: rand.NewPCG(1, 1), QLog: func(string) io.WriteCloser { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		l := serve(t, n, "echo", echo)
		defer l.Close()
		dial(t, n, "a", "echo").Close()
	})
}
