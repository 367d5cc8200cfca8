package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
)

// maxAnswer is the longest line that a Client reads, in bytes. The status of a
// mesh of ten thousand nodes has a few million.
const maxAnswer = 64 << 20

// maxUnitID is the longest ID of a unit that a Client takes from a node, in
// bytes: it is kept, and sent back.
const maxUnitID = 255

// RemoteError is what the node answered instead of a result.
type RemoteError struct {
	// Text is what followed "ERROR: ".
	Text string
}

// Error returns the text alone: the node has written it for people.
func (e *RemoteError) Error() string { return e.Text }

// ErrStdin marks errors of the reader that Submission.Finish was given, as
// opposed to those of the connection.
var ErrStdin = errors.New("read stdin of the unit")

// Client talks to a control service over a connection. It is used by one
// goroutine at a time. Its calls wait for as long as the connection lets them:
// set deadlines on that, or close it from elsewhere. After an error other than
// a *RemoteError the connection is of no more use.
type Client struct {
	// Sign, unless nil, is given the fields of each command in the JSON form, and
	// returns what is added to them as "signature"; nothing if that is empty.
	Sign func(fields map[string]any) (signature string, err error)

	conn io.ReadWriteCloser
	in   *bufio.Reader
}

// NewClient reads the greeting and returns a client and the ID of the node
// that greeted. The client owns the connection from then on; after an error it
// remains the caller's. Connections that cannot close their write side (a
// CloseWrite method) do for everything but submitting work.
func NewClient(conn io.ReadWriteCloser) (*Client, string, error) {
	c := &Client{conn: conn, in: bufio.NewReader(conn)}
	line, err := c.readLine()
	if err != nil {
		return nil, "", fmt.Errorf("read the greeting of the control service: %w", err)
	}
	nodeID, ok := strings.CutPrefix(string(line), greetingPrefix)
	if !ok || nodeID == "" {
		return nil, "", fmt.Errorf("not a control service: its greeting should be %q and a node ID, but is %s", greetingPrefix, quote(string(line)))
	}
	return c, nodeID, nil
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Do sends a command in the word form and returns the JSON of its answer, or a
// *RemoteError. It is for commands that answer with one line.
func (c *Client) Do(line string) (json.RawMessage, error) {
	if err := c.send([]byte(line)); err != nil {
		return nil, err
	}
	return c.answer()
}

// DoJSON is Do in the JSON form; fields contain "command".
func (c *Client) DoJSON(fields map[string]any) (json.RawMessage, error) {
	if err := c.sendJSON(fields); err != nil {
		return nil, err
	}
	return c.answer()
}

// Submission is a unit of work that the node has created and that waits for
// its stdin.
type Submission struct {
	// UnitID is the ID that the node gave to the unit.
	UnitID string
	// From is the first byte of stdin that the node wants, of a unit that was
	// submitted before. Resumes tells whether it said so: only nodes do that
	// know the submission by its key, and the fields had one.
	From    int64
	Resumes bool
	// Sized tells whether the node takes a newline for the end of a stdin whose length
	// it was told, and then another command: FinishSized.
	Sized bool

	client *Client
}

// Submit creates a unit of work. The fields are those of PROTOCOL section 4
// (node, worktype, tlsclient, …) and the work parameters; "command" and
// "subcommand" are added. A *RemoteError means that there is no unit; after
// any other error nobody knows.
func (c *Client) Submit(fields map[string]string) (*Submission, error) {
	request := map[string]any{"command": "work", "subcommand": "submit"}
	for name, value := range fields {
		request[name] = value
	}
	if err := c.sendJSON(request); err != nil {
		return nil, err
	}
	line, err := c.resultLine()
	if err != nil {
		return nil, err
	}
	rest, ok := strings.CutPrefix(line, "Work unit created with ID ")
	id, wanted, found := strings.Cut(rest, ".")
	if !ok || !found || id == "" || len(id) > maxUnitID || strings.Contains(id, " ") {
		return nil, fmt.Errorf("work submit: the answer should name the ID of the unit, but is %s", quote(line))
	}
	s := &Submission{UnitID: id, client: c}
	if from, ok := strings.CutPrefix(wanted, " Send stdin data from byte "); ok {
		number, _, _ := strings.Cut(from, " ")
		if s.From, err = strconv.ParseInt(number, 10, 64); err != nil || s.From < 0 {
			return nil, fmt.Errorf("work submit: the answer should say from which byte on to send stdin, but is %s", quote(line))
		}
		s.Resumes, s.Sized = true, !strings.HasSuffix(wanted, " and EOF.")
	}
	return s, nil
}

// Finish sends the unit its stdin, from byte From on, closes the write side of the connection and
// returns what became of the unit ("Job Started", "Job Submitted"). An error
// of stdin itself matches ErrStdin; the write side is still open then, so that
// the unit can be cancelled before it takes what it got for the whole.
func (s *Submission) Finish(stdin io.Reader) (result string, err error) {
	return s.finish(stdin, func(conn io.Writer) error { return closeWrite(conn) })
}

// FinishSized is Finish for a submission that is Sized: the end of stdin is a
// newline, and the connection is of use for another command.
func (s *Submission) FinishSized(stdin io.Reader) (result string, err error) {
	return s.finish(stdin, func(conn io.Writer) error {
		_, err := io.WriteString(conn, "\n")
		return err
	})
}

func (s *Submission) finish(stdin io.Reader, end func(conn io.Writer) error) (result string, err error) {
	c := s.client
	source := &source{Reader: stdin}
	_, sendErr := io.Copy(c.conn, source)
	if source.err != nil {
		return "", fmt.Errorf("%w %s: %w", ErrStdin, s.UnitID, source.err)
	}
	if sendErr == nil {
		sendErr = end(c.conn)
	}
	answer, err := c.answer()
	if sendErr != nil {
		// A node that refuses the rest says why before it hangs up.
		if remote := (*RemoteError)(nil); errors.As(err, &remote) {
			return "", remote
		}
		return "", fmt.Errorf("send stdin of unit %s: %w", s.UnitID, sendErr)
	}
	if err != nil {
		return "", err
	}
	var reply struct{ UnitID, Result string }
	if err := json.Unmarshal(answer, &reply); err != nil {
		return "", fmt.Errorf("work submit: %s is no answer: %w", quote(string(answer)), err)
	}
	if reply.UnitID != s.UnitID {
		return "", fmt.Errorf("work submit: the answer is about unit %q instead of %q", reply.UnitID, s.UnitID)
	}
	return reply.Result, nil
}

// Results asks for the stdout of a unit from byte startpos on. The reader
// yields it as it comes and ends when the unit is complete; a connection that
// is lost may look the same, so ask for the state of the unit afterwards. The
// client is of no other use from then on.
func (c *Client) Results(unitID string, startpos int64) (io.Reader, error) {
	fields := map[string]any{"command": "work", "subcommand": "results", "unitid": unitID, "startpos": startpos}
	line, err := c.stream(fields)
	if err != nil {
		return nil, err
	}
	if got, ok := strings.CutPrefix(line, "Streaming results for work unit "); !ok || got != unitID {
		return nil, fmt.Errorf("work results: the answer should announce unit %s, but is %s", unitID, quote(line))
	}
	return c.in, nil
}

// ErrNoStderr is for nodes that keep the stderr of no unit apart.
var ErrNoStderr = errors.New("the node does not know of a stderr apart from the results: it runs an older version")

// Stderr is Results for the stderr of a unit whose work type keeps it apart.
func (c *Client) Stderr(unitID string, startpos int64) (io.Reader, error) {
	fields := map[string]any{"command": "work", "subcommand": "results", "unitid": unitID, "startpos": startpos, "stream": "stderr"}
	line, err := c.stream(fields)
	if err != nil {
		return nil, err
	}
	if got, ok := strings.CutPrefix(line, "Streaming stderr for work unit "); !ok || got != unitID {
		return nil, ErrNoStderr // it streams the results
	}
	return c.in, nil
}

// stream sends a command that is answered with a line before the data.
func (c *Client) stream(fields map[string]any) (line string, err error) {
	if err := c.sendJSON(fields); err != nil {
		return "", err
	}
	return c.resultLine()
}

// Follow begins a session in which units are followed (docs/protocol.md); what
// is said in it is the caller's. The client is of no other use from then on.
func (c *Client) Follow() (*Stream, error) {
	line, err := c.stream(map[string]any{"command": "work", "subcommand": "follow"})
	if err != nil {
		return nil, err
	}
	if line != "Following" {
		return nil, fmt.Errorf("work follow: the answer should be Following, but is %s", quote(line))
	}
	return &Stream{c}, nil
}

// Connect has the node open a stream to a service of any node, with the TLS
// client configuration of that name ("" for none), and returns the stream. The
// client is of no other use from then on.
func (c *Client) Connect(node, service, tlsClient string) (*Stream, error) {
	err := c.sendJSON(map[string]any{
		"command": "connect", "node": node, "service": service, "tls": tlsClient,
	})
	if err != nil {
		return nil, err
	}
	line, err := c.resultLine()
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(line, "Connecting") {
		return nil, fmt.Errorf("connect: the answer should be Connecting, but is %s", quote(line))
	}
	return &Stream{client: c}, nil
}

// Stream is what Connect opened. One goroutine may read while another writes.
type Stream struct{ client *Client }

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) { return s.client.in.Read(p) }

// Write implements io.Writer.
func (s *Stream) Write(p []byte) (int, error) { return s.client.conn.Write(p) }

// CloseWrite tells the service that nothing more will be written.
func (s *Stream) CloseWrite() error { return closeWrite(s.client.conn) }

// Close closes the connection to the node, and with it the stream.
func (s *Stream) Close() error { return s.client.Close() }

func (c *Client) sendJSON(fields map[string]any) error {
	if c.Sign != nil {
		signature, err := c.Sign(fields)
		if err != nil {
			return err
		}
		if signature != "" {
			fields = maps.Clone(fields)
			fields["signature"] = signature
		}
	}
	line, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("encode the control command: %w", err)
	}
	return c.send(line)
}

func (c *Client) send(line []byte) error {
	if strings.ContainsAny(string(line), "\r\n") {
		return fmt.Errorf("control command %s: it must be a single line", quote(string(line)))
	}
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("send the control command: %w", err)
	}
	return nil
}

// answer reads a line of JSON.
func (c *Client) answer() (json.RawMessage, error) {
	line, err := c.resultBytes()
	if err != nil {
		return nil, err
	}
	if !json.Valid(line) {
		return nil, fmt.Errorf("the answer of the node is not JSON: %s", quote(string(line)))
	}
	return line, nil
}

// resultLine reads a line that is not an error.
func (c *Client) resultLine() (string, error) {
	line, err := c.resultBytes()
	return string(line), err
}

func (c *Client) resultBytes() ([]byte, error) {
	line, err := c.readLine()
	if remote := (*RemoteError)(nil); err != nil && !errors.As(err, &remote) {
		err = fmt.Errorf("read the answer of the node: %w", err)
	}
	return line, err
}

// readLine reads a line; one with an error becomes a *RemoteError.
func (c *Client) readLine() ([]byte, error) {
	line, err := readLine(c.in, maxAnswer)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if text, ok := bytes.CutPrefix(line, []byte("ERROR:")); ok {
		return nil, &RemoteError{Text: string(bytes.TrimSpace(text))}
	}
	return line, nil
}

// closeWrite closes the write side of a connection that has two.
func closeWrite(conn any) error {
	c, ok := conn.(halfCloser)
	if !ok {
		return fmt.Errorf("cannot close half of a %T", conn)
	}
	return c.CloseWrite()
}

// quote shows what a peer sent, and not more of it than a person can use.
func quote(line string) string {
	const most = 80
	if len(line) > most {
		return fmt.Sprintf("%q…", line[:most])
	}
	return fmt.Sprintf("%q", line)
}
