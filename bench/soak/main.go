// Soak runs a mesh of three real nodes, gives it work, and meanwhile kills
// daemons and cuts links at random. Then it counts: every unit that was
// acknowledged has run exactly once and every other at most once, all output is
// what it should be, byte for byte, and after the release nothing is left: no
// unit, no file, no process. It ends with 0 if all of that holds, 1 if it does
// not, and 2 for bad input. See "make soak".
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// settleTime is how long the units under way may take to end once nothing
// fails any more.
const settleTime = 3 * time.Minute

type options struct {
	bin, peer string
	length    time.Duration
	seed      uint64
	workers   int
	keep      bool
}

func main() {
	var o options
	pflag.StringVar(&o.bin, "bin", "bin", "directory with the program receptor")
	pflag.StringVar(&o.peer, "peer", "", "program of a deployed node, to be the one in the middle")
	pflag.DurationVar(&o.length, "for", 3*time.Minute, "how long things fail")
	pflag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed of what fails and what is submitted (not of what comes of it)")
	pflag.IntVar(&o.workers, "workers", 6, "units under way at a time")
	pflag.BoolVar(&o.keep, "keep", false, "keep the directory of the nodes, with their logs")
	pflag.Parse()
	if pflag.NArg() > 0 || o.workers < 1 || o.length <= 0 {
		fmt.Fprintln(os.Stderr, "soak: takes no arguments, and needs a positive --for and --workers; see --help")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, o)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return false, err
	}
	defer func() {
		if ok && !o.keep {
			os.RemoveAll(dir)
		} else {
			fmt.Println("logs and units:", dir)
		}
	}()
	fmt.Printf("seed %d, for %v\n", o.seed, o.length)
	program, err := filepath.Abs(filepath.Join(o.bin, "receptor"))
	if err != nil {
		return false, err
	}
	t := &tally{dir: dir}
	m, err := newMesh(dir, program, o.peer, t.complain)
	if err != nil {
		return false, err
	}
	defer m.stop()

	failing, healed := context.WithTimeout(ctx, o.length)
	defer healed()
	all, stop := context.WithTimeout(ctx, o.length+settleTime)
	defer stop()
	var load sync.WaitGroup
	for i := range o.workers {
		w := &worker{mesh: m, tally: t, rand: rand.New(rand.NewPCG(o.seed, uint64(i))), name: fmt.Sprint("w", i)}
		load.Go(func() { w.work(failing, all) })
	}
	m.fail(failing, rand.New(rand.NewPCG(o.seed, 1<<32)))
	load.Wait()
	m.releaseAll(all, t)
	m.stop()
	return t.report(m), nil
}
