package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"receptor/internal/daemon"
)

// Tracing is what the environment asks for (PROTOCOL section 4):
// RECEPTOR_PAYLOAD_TRACE_LEVEL, 1 to 3, and QLOGDIR, the directory for a file of
// each end of a stream, which is made if it is not there; only the user of the node
// may read those. warn is told of files that cannot be made. The error is one of
// the environment, of which the rest is heeded.
func Tracing(getenv func(string) string, warn func(error)) (t daemon.Tracing, err error) {
	if text := getenv("RECEPTOR_PAYLOAD_TRACE_LEVEL"); text != "" && text != "0" {
		level, parseErr := strconv.Atoi(text)
		if parseErr != nil || level < 0 || level > daemon.MaxPayloadTrace {
			err = fmt.Errorf("RECEPTOR_PAYLOAD_TRACE_LEVEL is %q: want a number from 0 to %d", text, daemon.MaxPayloadTrace)
		} else {
			t.Payload = level
		}
	}
	if dir := getenv("QLOGDIR"); dir != "" {
		if dirErr := os.MkdirAll(dir, dirMode); dirErr != nil {
			return t, errors.Join(err, fmt.Errorf("QLOGDIR: %w: want a directory that can be made, or is there", dirErr))
		}
		t.QLog = func(name string) io.WriteCloser {
			f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
			if err != nil {
				warn(fmt.Errorf("QLOGDIR: %w", err))
				return nil
			}
			return f
		}
	}
	return t, err
}
