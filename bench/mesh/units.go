package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// unit is a unit of work of n0 on n2, over two hops.
type unit struct {
	worktype, params string
	stdin            []byte
	size             int64 // of its result
}

// run submits the unit and reads its result to the end. It returns the time from
// the submission to the last byte, and the unit's ID, for its release.
func (u unit) run(ctx context.Context, l *line) (took time.Duration, id string, err error) {
	n := l.nodes[0]
	began := time.Now()
	c, err := n.client(ctx)
	if err != nil {
		return 0, "", err
	}
	defer c.Close()
	fields := map[string]string{"node": "n2", "worktype": u.worktype}
	if u.params != "" {
		fields["params"] = u.params
	}
	s, err := c.Submit(fields)
	if err != nil {
		return 0, "", err
	}
	if _, err := s.Finish(bytes.NewReader(u.stdin)); err != nil {
		return 0, "", err
	}
	if err := u.read(ctx, n, s.UnitID); err != nil {
		return 0, "", fmt.Errorf("unit %s: %w", s.UnitID, err)
	}
	return time.Since(began), s.UnitID, nil
}

// runAndRelease is run, and releases the unit afterwards.
func (u unit) runAndRelease(ctx context.Context, l *line) (time.Duration, error) {
	took, id, err := u.run(ctx, l)
	if err == nil {
		err = release(ctx, l, id)
	}
	return took, err
}

// release releases a unit of n0.
func release(ctx context.Context, l *line, id string) error {
	return l.nodes[0].do(ctx, "work release "+id, new(json.RawMessage))
}

func (u unit) read(ctx context.Context, n *node, id string) error {
	c, err := n.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	results, err := c.Results(id, 0)
	if err != nil {
		return err
	}
	got, err := io.Copy(io.Discard, results)
	if err == nil && got != u.size {
		err = fmt.Errorf("%d bytes of its %d", got, u.size)
	}
	return err
}

// runUnits runs many units, some at a time, and then releases them, as many at a
// time. It returns how many of them came to the last byte of their result each second,
// and how many with their release.
func runUnits(ctx context.Context, l *line, u unit, count, atOnce int) (rate, released float64, err error) {
	ids := make([]string, count)
	began := time.Now()
	err = inParallel(count, atOnce, func(i int) (err error) {
		_, ids[i], err = u.run(ctx, l)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	ran := time.Since(began)
	err = inParallel(count, atOnce, func(i int) error { return release(ctx, l, ids[i]) })
	return float64(count) / ran.Seconds(), float64(count) / time.Since(began).Seconds(), err
}

// inParallel calls do for the numbers below count, some at a time, until one fails.
func inParallel(count, atOnce int, do func(i int) error) error {
	var (
		workers sync.WaitGroup
		todo    = make(chan int, count)
		failed  = make(chan error, atOnce)
	)
	for i := range count {
		todo <- i
	}
	close(todo)
	for range atOnce {
		workers.Go(func() {
			for i := range todo {
				if err := do(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	workers.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}
