// Command wasm is the program that the full engine runs: package guest between
// stdin and stdout, compiled for wasip1.
package main

import (
	"fmt"
	"os"
	"runtime"

	"receptor/sim/guest"
)

// ballast is never touched, so that it takes no memory of the machine. With it there
// are so many bytes of garbage, or more, before it is collected.
var ballast = make([]byte, 128<<20)

func main() {
	if err := guest.Run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	runtime.KeepAlive(ballast)
}
