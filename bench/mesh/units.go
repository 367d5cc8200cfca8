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

// run submits the unit, reads its result to the end, and releases it. It
// returns the time from the submission to the last byte.
func (u unit) run(ctx context.Context, l *line) (time.Duration, error) {
	n := l.nodes[0]
	began := time.Now()
	c, err := n.client(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	fields := map[string]string{"node": "n2", "worktype": u.worktype}
	if u.params != "" {
		fields["params"] = u.params
	}
	s, err := c.Submit(fields)
	if err != nil {
		return 0, err
	}
	if _, err := s.Finish(bytes.NewReader(u.stdin)); err != nil {
		return 0, err
	}
	if err := u.read(ctx, n, s.UnitID); err != nil {
		return 0, fmt.Errorf("unit %s: %w", s.UnitID, err)
	}
	took := time.Since(began)
	return took, n.do(ctx, "work release "+s.UnitID, new(json.RawMessage))
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

// runUnits runs many units, some at a time, and returns how many ended each
// second, release included.
func runUnits(ctx context.Context, l *line, u unit, count, atOnce int) (float64, error) {
	var (
		workers sync.WaitGroup
		todo    = make(chan struct{}, count)
		failed  = make(chan error, atOnce)
	)
	for range count {
		todo <- struct{}{}
	}
	close(todo)
	began := time.Now()
	for range atOnce {
		workers.Go(func() {
			for range todo {
				if _, err := u.run(ctx, l); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	workers.Wait()
	took := time.Since(began)
	select {
	case err := <-failed:
		return 0, err
	default:
		return float64(count) / took.Seconds(), nil
	}
}
