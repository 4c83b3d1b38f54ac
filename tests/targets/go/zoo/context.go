package main

import (
	"context"
	"time"

	"heaptop.test/zoo/busy"
)

// lease holds a place for a client until its context ends.
type lease struct {
	places chan struct{}
}

func (l *lease) take(ctx context.Context) {
	l.places <- struct{}{}
	go l.giveBack(ctx) // STARTED
}

func (l *lease) giveBack(ctx context.Context) {
	<-ctx.Done() // LEAK
	<-l.places
}

func init() { register("context", runContext) }

func runContext(leak bool) {
	l := &lease{places: make(chan struct{}, 1<<20)}
	service, stop := context.WithCancel(context.Background())
	_ = stop
	busy.Every(10, func(int) {
		ctx, cancel := context.WithCancel(service)
		l.take(ctx)
		if !leak {
			time.AfterFunc(time.Second, cancel)
		}
	})
}
