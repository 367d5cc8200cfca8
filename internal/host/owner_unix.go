//go:build unix

package host

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file the owner and the group of another.
func keepOwner(f *os.File, of fs.FileInfo) error {
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	uid, gid := ownerOf(of)
	if myUID, myGID := ownerOf(mine); myUID == uid && myGID == gid {
		return nil // which needs no privilege
	}
	return f.Chown(uid, gid)
}

func ownerOf(info fs.FileInfo) (uid, gid int) {
	stat := info.Sys().(*syscall.Stat_t) // what package os gives on Unix
	return int(stat.Uid), int(stat.Gid)
}
