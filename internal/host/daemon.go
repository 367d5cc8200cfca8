package host

import (
	crand "crypto/rand"
	"math/rand/v2"
	"runtime"

	"receptor/control"
	"receptor/internal/daemon"
	"receptor/internal/version"
	"receptor/transport"
	"receptor/transport/tcp"
)

// Machine returns everything that a daemon needs from this machine, with units
// of work run by processes.
func Machine(processes *Processes) daemon.Host {
	return daemon.Host{
		Clock:   transport.System,
		NewRand: newRand,
		NewTCPListener: func(addr string, warn func(error)) transport.Backend {
			return tcp.NewListener(addr, nil, warn)
		},
		NewTCPDialer: func(addr string, redial bool, clock transport.Clock, r *rand.Rand, warn func(error)) transport.Backend {
			return tcp.NewDialer(addr, nil, transport.DialOptions{Redial: redial, Clock: clock, Rand: r, Warn: warn})
		},
		ListenUnix: ListenUnix,
		FS:         FS{},
		Processes:  processes,
		Info: control.NodeInfo{
			Version:         version.Version,
			SystemCPUCount:  runtime.NumCPU(),
			SystemMemoryMiB: int(TotalMemoryMiB()),
		},
	}
}

func newRand() rand.Source {
	var seed [32]byte
	crand.Read(seed[:]) // never fails
	return rand.NewChaCha8(seed)
}
