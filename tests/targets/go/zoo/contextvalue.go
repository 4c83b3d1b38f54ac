package main

import (
	"context"
	"time"

	"heaptop.test/zoo/busy"
)

type traceKey struct{}

type trace struct {
	message int
	started time.Time
	spans   [4096]byte
}

func newTrace(message int) *trace {
	t := &trace{message: message, started: time.Now()} // LEAK
	t.spans[0] = byte(message)
	return t
}

func init() { register("contextvalue", runContextValue) }

func runContextValue(leak bool) {
	ctx := context.Background()
	busy.Every(400, func(n int) {
		// Each message's context is made from that of the message before.
		child := context.WithValue(ctx, traceKey{}, newTrace(n))
		consume(child)
		if leak {
			ctx = child
		}
	})
}

func consume(ctx context.Context) int {
	return ctx.Value(traceKey{}).(*trace).message
}
