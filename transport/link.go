package transport

// Conn carries whole frames over a connection to one peer: what differs between
// kinds of links. One goroutine reads and another one writes.
type Conn interface {
	// ReadFrame waits for the next frame, which is the caller's from then on.
	// The error is io.EOF when the peer has closed the connection.
	ReadFrame() ([]byte, error)
	// WriteFrames writes at least one frame and at most 64. It keeps neither
	// the frames nor the slice.
	WriteFrames(frames [][]byte) error
	// Close ends the connection after what was written. The writer calls it.
	Close() error
	// Abort ends the connection at once, and all calls of the other methods. It
	// does not block, and may be called at any time by any goroutine.
	Abort()
	// String names the link for a person: its kind and remote address.
	String() string
}

// TryWriter is a Conn that can also write a frame without waiting.
type TryWriter interface {
	// TryWrite writes what of a frame the connection takes at once, and reports
	// whether that was all of it. If not, the frame is given to WriteFrames
	// next, as the first one, which writes the rest. TryWrite does not keep the
	// frame, and is not called before an earlier call of either has returned.
	TryWrite(frame []byte) bool
}

// link is the link over a Conn.
type link struct {
	*Sender
	conn Conn
}

// NewLink returns the link over a connection, which belongs to it from then on.
// It carries frames of at most maxFrame bytes.
func NewLink(conn Conn, clock Clock, maxFrame int) Runner {
	l := &link{NewSender(clock, maxFrame, conn.Abort), conn}
	if w, ok := conn.(TryWriter); ok {
		l.queue.try = w.TryWrite
	}
	return l
}

// String implements Link.
func (l *link) String() string { return l.conn.String() }

// Run implements Runner.
func (l *link) Run(r Receiver) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		l.Flush(l.conn.WriteFrames)
		l.conn.Close() // ends the reader
	}()
	l.Fail(l.read(r))
	<-written
	l.conn.Abort()
	r.Closed(l.Ended())
}

func (l *link) read(r Receiver) error {
	for {
		frame, err := l.conn.ReadFrame()
		if err != nil {
			return err
		}
		r.Receive(frame)
	}
}
