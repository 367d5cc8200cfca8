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
//   - A client that breaks off takes the stream with it, and so does one that
//     takes no more: the service need not speak for nobody.
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
			refuse(remote)
			remote.Close()
		case err == nil:
			// If that fails, so does reading, and then the reason is told there.
			_ = remote.CloseWrite()
		}
	}()
	from := &source{Reader: remote}
	_, err := io.Copy(client, from)
	switch {
	case err == nil:
		err = client.CloseWrite()
	case from.err == nil:
		refuse(remote)
	}
	if c, ok := client.(io.Closer); ok && err != nil {
		c.Close()
	}
	<-sent
	remote.Close()
}

// refuse tells the peer of a stream of the mesh to send no more.
func refuse(remote duplex) {
	if r, ok := remote.(interface{ CancelRead() }); ok {
		r.CancelRead()
	}
}
