// The guest with bugs that no node can tell of by itself. A scenario that is called
// like one of them has it.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"receptor/sim/guest"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	has := func(bug string) bool { return bytes.Contains(text, []byte("name: "+bug)) }
	if has("deadlock") {
		var mu sync.Mutex
		mu.Lock()
		mu.Lock() // before there are timers, which would be something to wait for
	}
	for bug, do := range map[string]func(){"loop": loop, "growth": growth, "panic": stumble} {
		if has(bug) {
			time.AfterFunc(2*time.Second, do)
		}
	}
	if err := guest.Run(bytes.NewReader(text), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func loop() {
	for {
	}
}

var kept [][]byte

func growth() {
	for {
		kept = append(kept, make([]byte, 1<<20))
		time.Sleep(time.Millisecond)
	}
}

func stumble() { panic("planted") }
