package host

import (
	crand "crypto/rand"
	"math/rand/v2"
	"net"
	"os"
	"runtime"

	"receptor/control"
	"receptor/internal/daemon"
	"receptor/internal/version"
	"receptor/transport"
)

// Machine returns everything that a daemon needs from this machine, with units
// of work run by processes.
func Machine(processes *Processes) daemon.Host {
	return daemon.Host{
		Clock:         transport.System,
		NewRand:       newRand,
		Backends:      backends(),
		ReadFile:      os.ReadFile,
		ListenUnix:    ListenUnix,
		Sockets:       daemon.Sockets{Listen: net.Listen, ListenPacket: net.ListenPacket, Dial: new(net.Dialer).DialContext},
		RunOnTerminal: RunOnTerminal,
		OpenTUN:       OpenTUN,
		FS:            FS{},
		LockDir:       LockDir,
		Processes:     processes,
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
