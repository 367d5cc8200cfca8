package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
)

// otherDataDir says how a node gets a datadir that it can use: the default one may be
// another user's.
const otherDataDir = "another directory is set by \"- node: {datadir: DIR}\" in a YAML file, or by --node datadir=DIR on the command line"

// advised adds to an error of the system what would be right: it says in a few words
// what is wrong, and the person who reads them at a bad time has to know the rest.
func advised(err error) error {
	if advice := adviceOn(err); advice != "" {
		return fmt.Errorf("%w: %s", err, advice)
	}
	return err
}

// advisedOnFiles is advised for what may come from a peer: only that too many files
// are open is this machine's for certain.
func advisedOnFiles(err error) error {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return advised(err)
	}
	return err
}

func adviceOn(err error) string {
	var op *net.OpError
	var file *fs.PathError
	socket := errors.As(err, &op) && op.Op == "listen"
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "this process has as many files and connections open as it may: raise its limit (ulimit -n, LimitNOFILE= of systemd)"
	case errors.Is(err, syscall.ENFILE):
		return "this machine has as many files and connections open as it may: raise fs.file-max, or find who has them (lsof)"
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program, or another item of this node, has that port: end it (ss -lntup lists them), or choose another port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address: want one of its own, or none for all of them"
	case socket && errors.Is(err, fs.ErrPermission):
		return "the user of this node may not listen there: choose a port from 1024 on, or give the program the capability CAP_NET_BIND_SERVICE"
	case errors.Is(err, fs.ErrPermission):
		return "the user of this node may not do that: change the owner or the mode of it, and of the directories above, or run the node as another user"
	case errors.As(err, &file) && errors.Is(err, fs.ErrNotExist):
		return "make it, or correct the path: one that is relative counts from where the node was started"
	}
	return ""
}
