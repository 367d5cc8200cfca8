package receptor1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"time"

	"receptor/work"
	"receptor/work/vfs"
)

const (
	// appearPause is how often results look for an output that is not there yet.
	appearPause = 500 * time.Millisecond
	// resultsPause is how often they look for more.
	resultsPause = 250 * time.Millisecond
	resultsPiece = 64 << 10
)

// commandFields are those of a submission that are no parameters of the unit.
var commandFields = []string{"command", "subcommand", "node", "worktype", "tlsclient", "ttl", "signwork", "signature"}

// work carries out a work command.
func (s *session) work(fields map[string]any) (any, error) {
	subcommand, err := text(fields, "subcommand")
	if err != nil {
		return nil, err
	}
	switch subcommand {
	case "submit":
		return s.submit(fields)
	case "list":
		return s.list(fields)
	case "status", "cancel", "release", "force-release", "results":
	default:
		return nil, errors.New("bad command")
	}
	id, err := text(fields, "unitid")
	if err != nil {
		return nil, err
	}
	from, err := position(fields)
	if subcommand == "results" && err != nil {
		return nil, err
	}
	w, err := s.d.units.find(id)
	if err != nil {
		return nil, err
	}
	switch subcommand {
	case "status":
		return tell(w), nil
	case "results":
		return nil, s.results(w.base(), from)
	case "cancel":
		return ordered(id, "cancelled", "cancel pending", w.cancel())
	}
	return ordered(id, "released", "release pending", w.release(subcommand == "force-release"))
}

// ordered is the answer to an order.
func ordered(id, done, pending string, err error) (any, error) {
	switch err {
	case nil:
		return map[string]string{done: id}, nil
	case errPending:
		return map[string]string{pending: id}, nil
	}
	return nil, err
}

func (s *session) list(fields map[string]any) (any, error) {
	ids := s.d.units.ids()
	if id, err := text(fields, "unitid"); err == nil {
		ids = []string{id}
	}
	all := make(map[string]told)
	for _, id := range ids {
		w, err := s.d.units.find(id)
		if err != nil {
			return nil, err
		}
		all[id] = tell(w)
	}
	return all, nil
}

// position returns from which byte on results are wanted.
func position(fields map[string]any) (int64, error) {
	switch v := fields["startpos"].(type) {
	case nil:
		return 0, errors.New("field startpos missing")
	case float64:
		return int64(v), nil
	case string:
		return strconv.ParseInt(v, 10, 64)
	}
	return 0, fmt.Errorf("field startpos value %v is not convertible to an int", fields["startpos"])
}

// submit makes a unit, takes what comes until the client ends it for its stdin, and
// starts it. Its answer is the only one that the client gets of what went wrong.
func (s *session) submit(fields map[string]any) (any, error) {
	params := make(map[string]string)
	for name := range fields {
		value, err := text(fields, name)
		if err != nil {
			return nil, fmt.Errorf("submit parameters must all be strings and %s is not", name)
		}
		if !slices.Contains(commandFields, name) {
			params[name] = value
		}
	}
	node, err := text(fields, "node")
	if err != nil {
		return nil, err
	}
	workType, err := text(fields, "worktype")
	if err != nil {
		return nil, err
	}
	var w worker
	if s.d.isLocal(node) {
		w, err = s.d.units.allocate(workType, params)
	} else {
		w, err = s.d.units.allocateRemote(node, workType, params)
	}
	if err != nil {
		return nil, err
	}
	u := w.base()
	if err := s.receive(u); err != nil {
		u.update(basic(work.Failed, fmt.Sprintf("Error reading input data: %v", err), 0))
		return nil, err
	}
	u.update(basic(work.Pending, detailStarting, 0))
	switch err := w.start(); err {
	case nil:
		return map[string]string{"unitid": u.id, "result": "Job Started"}, nil
	case errPending:
		return map[string]string{"unitid": u.id, "result": "Job Submitted"}, nil
	default:
		u.update(basic(work.Failed, fmt.Sprintf("Error starting worker: %v", err), 0))
		return nil, err
	}
}

// receive takes the stdin of a unit.
func (s *session) receive(u *unit) error {
	f, err := s.d.units.fs.Open(path.Join(u.dir, stdinName), vfs.Create)
	if err != nil {
		return err
	}
	defer f.Close()
	u.update(basic(work.Pending, detailWaiting, 0))
	if _, err := fmt.Fprintf(s.conn, "Work unit created with ID %s. Send stdin data and EOF.\n", u.id); err != nil {
		return err
	}
	_, err = io.Copy(onlyWriter{f}, onlyReader{s.in})
	return err
}

// onlyWriter and onlyReader keep io.Copy to what it is given.
type onlyWriter struct{ io.Writer }
type onlyReader struct{ *bufio.Reader }

// Read implements io.Reader.
func (r onlyReader) Read(p []byte) (int, error) { return r.Reader.Read(p) }

// results sends the output from a byte on until the unit is complete, and all of it is
// sent, by what is held of its status. That a client has gone is noticed when there is
// more.
func (s *session) results(u *unit, from int64) error {
	if _, err := fmt.Fprintf(s.conn, "Streaming results for work unit %s\n", u.id); err != nil {
		return err
	}
	defer s.conn.Close()
	name := path.Join(u.dir, stdoutName)
	ctx := s.d.ctx
	out, err := s.d.units.fs.Open(name, vfs.Read)
	for err != nil {
		if u.status().complete() || !s.d.pause(ctx, appearPause) {
			return nil
		}
		out, err = s.d.units.fs.Open(name, vfs.Read)
	}
	defer out.Close()
	buf := make([]byte, resultsPiece)
	for s.d.pause(ctx, resultsPause) && s.exists(name) {
		for {
			n, err := out.ReadAt(buf, from)
			if n > 0 {
				from += int64(n)
				if _, err := s.conn.Write(buf[:n]); err != nil {
					return nil
				}
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil
			}
		}
		if st := u.status(); st.complete() && from >= st.StdoutSize {
			return nil
		}
	}
	return nil
}

func (s *session) exists(name string) bool {
	f, err := s.d.units.fs.Open(name, vfs.Read)
	if err != nil {
		return false
	}
	f.Close()
	return true
}
