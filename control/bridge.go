package control

import "io"

// duplex is a stream of the mesh as bridge needs it.
type duplex interface {
	io.ReadWriteCloser
	halfCloser
}

// source is a reader that remembers the error that ended it, so that after an
// io.Copy one can tell which of the two sides has failed.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// bridge copies between a client and a stream until both directions have
// ended, and passes on the end of each as a half-close. It closes the stream.
//
//   - A client that breaks off takes the stream with it.
//   - A stream that breaks off, and not just ends, takes the session with it.
//   - A stream that takes no more may still have something to say: only the
//     other direction decides.
func bridge(client Session, remote duplex) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		from := &source{Reader: client}
		switch _, err := io.Copy(remote, from); {
		case from.err != nil:
			remote.Close()
		case err == nil:
			// If that fails, so does reading, and then the reason is told there.
			_ = remote.CloseWrite()
		}
	}()
	_, err := io.Copy(client, remote)
	if err == nil {
		err = client.CloseWrite()
	}
	if c, ok := client.(io.Closer); ok && err != nil {
		c.Close()
	}
	<-sent
	remote.Close()
}
