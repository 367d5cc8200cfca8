package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// reread is what some files mean, looked at again for each handshake: a renewed
// certificate serves the next one. When the files have become unreadable, or
// make no sense (they may be half written), the last that they meant stays.
type reread[T any] struct {
	params []string // of the item, that name the files; none: the caller says it
	files  []string
	read   func(name string) ([]byte, error)
	parse  func(data [][]byte) (T, error)
	warn   func(error)

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
			return r.about(i, err)
		}
	}
	if r.data != nil && equal(data, r.data) {
		return nil
	}
	value, err := r.parse(data)
	var in inFile
	switch {
	case errors.As(err, &in):
		return r.about(in.index, fmt.Errorf("%s: %w", r.files[in.index], in.err))
	case err != nil:
		return r.about(0, fmt.Errorf("%s: %w", strings.Join(r.files, " and "), err))
	}
	r.data, r.value = data, value
	return nil
}

// about names the parameter of a file in an error.
func (r *reread[T]) about(file int, err error) error {
	if file < len(r.params) {
		return fmt.Errorf("%s: %w", r.params[file], err)
	}
	return err
}

// inFile is an error of parse that is about one of several files.
type inFile struct {
	index int
	err   error
}

func (e inFile) Error() string { return e.err.Error() }

func equal(a, b [][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// parsePool reads the certificates of authorities.
func parsePool(data [][]byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data[0]) {
		return nil, fmt.Errorf("no certificates in PEM: want those of the authorities%s", instead(data[0]))
	}
	return pool, nil
}

// parsePair reads a certificate and its key. The certificate must name the
// node, unless that is empty.
func parsePair(node string, data [][]byte) (*tls.Certificate, error) {
	if !slices.Contains(blocks(data[0]), pemCertificate) {
		return nil, inFile{0, fmt.Errorf("no %s in PEM: want one%s", pemCertificate, instead(data[0]))}
	}
	if !slices.ContainsFunc(blocks(data[1]), func(kind string) bool { return slices.Contains(privateKeys, kind) }) {
		return nil, inFile{1, fmt.Errorf("no %s in PEM: want that of the certificate, without a passphrase%s", pemPKCS8, instead(data[1]))}
	}
	pair, err := tls.X509KeyPair(data[0], data[1])
	if err != nil {
		return nil, fmt.Errorf("%w: want a certificate and the key that it was made for", err)
	}
	if node != "" {
		if err := checkNode(pair.Leaf, node); err != nil {
			return nil, inFile{0, fmt.Errorf("%w; skipreceptornamescheck allows that", err)}
		}
	}
	return &pair, nil
}
