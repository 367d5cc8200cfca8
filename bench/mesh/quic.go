package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/quic-go/quic-go"
)

const yardstickALPN = "yardstick"

// quicAlone returns the rate, in bytes a second, of one QUIC stream over UDP on
// loopback with both ends in this process: what a stream through a mesh is held
// against.
func quicAlone(ctx context.Context, length time.Duration) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server, client, err := yardstickTLS()
	if err != nil {
		return 0, err
	}
	here, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer here.Close()
	listener, err := quic.Listen(here, server, nil)
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	go send(ctx, here.LocalAddr().String(), client)

	conn, err := listener.Accept(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.CloseWithError(0, "")
	stream, err := conn.AcceptUniStream(ctx)
	if err != nil {
		return 0, err
	}
	if _, err := io.CopyN(io.Discard, stream, 16<<20); err != nil { // past slow start
		return 0, err
	}
	var got int64
	began := time.Now()
	buf := make([]byte, 256<<10)
	for time.Since(began) < length {
		n, err := stream.Read(buf)
		if err != nil {
			return 0, err
		}
		got += int64(n)
	}
	return float64(got) / time.Since(began).Seconds(), nil
}

// send sends until ctx or the connection ends.
func send(ctx context.Context, addr string, config *tls.Config) {
	conn, err := quic.DialAddr(ctx, addr, config, nil)
	if err != nil {
		return // whoever accepts has the error, too
	}
	defer conn.CloseWithError(0, "")
	stream, err := conn.OpenUniStream()
	data := make([]byte, 256<<10)
	for err == nil && ctx.Err() == nil {
		_, err = stream.Write(data)
	}
}

func yardstickTLS() (server, client *tls.Config, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, public, private)
	if err != nil {
		return nil, nil, err
	}
	server = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
		NextProtos:   []string{yardstickALPN},
	}
	client = &tls.Config{InsecureSkipVerify: true, NextProtos: []string{yardstickALPN}}
	return server, client, nil
}
