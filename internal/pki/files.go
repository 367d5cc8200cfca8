package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
)

// reread is what some files mean, looked at again for each handshake: a renewed
// certificate serves the next one. When the files have become unreadable, or
// make no sense (they may be half written), the last that they meant stays.
type reread[T any] struct {
	files []string
	read  func(name string) ([]byte, error)
	parse func(data [][]byte) (T, error)
	warn  func(error)

	mu      sync.Mutex
	data    [][]byte
	value   T
	problem string // reported already
}

// load reads the files for the first time.
func (r *reread[T]) load() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refresh()
}

// get returns what the files mean now. It may be called by any goroutine.
func (r *reread[T]) get() T {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.refresh()
	if err == nil {
		r.problem = ""
	} else if text := err.Error(); text != r.problem {
		r.problem = text
		r.warn(fmt.Errorf("%w; what they held before stays in use", err))
	}
	return r.value
}

// refresh requires mu.
func (r *reread[T]) refresh() error {
	data := make([][]byte, len(r.files))
	for i, name := range r.files {
		var err error
		if data[i], err = r.read(name); err != nil {
			return err
		}
	}
	if r.data != nil && equal(data, r.data) {
		return nil
	}
	value, err := r.parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", r.files[0], err)
	}
	r.data, r.value = data, value
	return nil
}

func equal(a, b [][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

var errNoCertificates = errors.New("no certificates in PEM")

// parsePool reads the certificates of authorities.
func parsePool(data [][]byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data[0]) {
		return nil, errNoCertificates
	}
	return pool, nil
}

// parsePair reads a certificate and its key. The certificate must name the
// node, unless that is empty.
func parsePair(node string, data [][]byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(data[0], data[1])
	if err != nil {
		return nil, err
	}
	if node != "" {
		if err := checkNode(pair.Leaf, node); err != nil {
			return nil, fmt.Errorf("%w; skipreceptornamescheck allows that", err)
		}
	}
	return &pair, nil
}
