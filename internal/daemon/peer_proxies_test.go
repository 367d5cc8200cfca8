//go:build linux

package daemon_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// mirror answers each connection with what comes, as it comes: a deployed node
// does not pass the end of one direction on (see docs/protocol.md).
func mirror(t *testing.T, l net.Listener) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
}

// TestMixedProxies has proxies of a node of ours and of a deployed one lead to
// each other's services, with and without TLS, which both advertise alike.
func TestMixedProxies(t *testing.T) {
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	tcp, unix := listen(t, "tcp", "127.0.0.1:0"), listen(t, "unix", filepath.Join(dir, "target"))
	mirror(t, tcp)
	mirror(t, unix)
	targetTCP, targetUnix := "address="+tcp.Addr().String(), "filename="+unix.Addr().String()
	type front struct{ network, addr string }
	fronts := map[string][]front{} // by the node they stand before
	with := func(id, other string, args ...string) []string {
		authority.Issue(id, id)
		cert, key, ca := "cert="+file(id+".crt"), "key="+file(id+".key"), file("ca.crt")
		args = append(args, "--tls-server", "name=in", cert, key, "requireclientcert=true", "clientcas="+ca, "--tls-client", "name=out", cert, key, "rootcas="+ca,
			"--tcp-client", "service=tcp", targetTCP, "--tcp-client", "service=tcptls", targetTCP, "tlsserver=in",
			"--unix-socket-client", "service=unix", targetUnix, "--unix-socket-client", "service=unixtls", targetUnix, "tls=in",
			"--udp-client", "service=udp", "address=127.0.0.1:9")
		for service, tls := range map[string]string{"tcp": "", "tcptls": "tlsclient=out"} {
			port := freePort(t)
			args = append(args, "--tcp-server", "bindaddr=127.0.0.1", fmt.Sprint("port=", port), "remotenode="+other, "remoteservice="+service)
			if tls != "" {
				args = append(args, tls)
			}
			fronts[id] = append(fronts[id], front{"tcp", fmt.Sprint("127.0.0.1:", port)})
		}
		for service, tls := range map[string]string{"unix": "", "unixtls": "tls=out"} {
			socket := filepath.Join(dir, id+service)
			args = append(args, "--unix-socket-server", "filename="+socket, "remotenode="+other, "remoteservice="+service)
			if tls != "" {
				args = append(args, tls)
			}
			fronts[id] = append(fronts[id], front{"unix", socket})
		}
		return args
	}
	port := fmt.Sprint(freePort(t))
	one := mustStart(t, dir, "one", with("one", "two", "--tcp-listener", "port="+port, "bindaddr=127.0.0.1")...)
	startPeer(t, program, dir, "two", with("two", "one", "--tcp-peer", "address=127.0.0.1:"+port)...)
	for _, service := range []string{"tcp", "tcptls", "udp", "unix", "unixtls"} {
		one.log.wait("Service "+service+" of node two: withdrawn=false", 1)
	}
	one.wantSameServices(t, "two")
	for _, id := range slices.Sorted(maps.Keys(fronts)) {
		for _, f := range fronts[id] {
			c, err := net.Dial(f.network, f.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			sent := bytes.Repeat([]byte("to and fro "), 10000)
			go c.Write(sent)
			if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("through %s of %s came something else (%v)", f.addr, id, err)
			}
		}
	}
}

// wantSameServices compares what n advertises with the services of another.
func (n *node) wantSameServices(t *testing.T, other string) {
	t.Helper()
	answer, err := n.client(t).Do("status")
	if err != nil {
		t.Fatal(err)
	}
	var status struct {
		NodeID         string
		Advertisements []struct {
			NodeID, Service string
			ConnType        int
			Tags            map[string]string
		}
	}
	if err := json.Unmarshal(answer, &status); err != nil {
		t.Fatal(err)
	}
	services := map[string][]string{}
	for _, ad := range status.Advertisements {
		delete(ad.Tags, "features") // of the control services of ours alone
		services[ad.NodeID] = append(services[ad.NodeID], fmt.Sprint(ad.Service, ad.ConnType, ad.Tags))
	}
	for _, all := range services {
		slices.Sort(all)
	}
	if mine, others := services[status.NodeID], services[other]; len(mine) < 5 || !slices.Equal(mine, others) {
		t.Errorf("%s has the services\n%q\nand %s\n%q\nwant the same", status.NodeID, mine, other, others)
	}
}
