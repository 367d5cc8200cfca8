// Command wasm is the program that the full engine runs: package guest between
// stdin and stdout, compiled for wasip1.
package main

import (
	"fmt"
	"os"

	"receptor/sim/guest"
)

func main() {
	if err := guest.Run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
