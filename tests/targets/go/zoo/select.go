package main

import (
	"time"

	"heaptop.test/zoo/busy"
)

// batcher gathers points of one client and writes them away when there are enough, or when asked to.
type batcher struct {
	points  chan int
	flush   chan struct{}
	quit    chan struct{}
	pending []int
}

func newBatcher() *batcher {
	b := &batcher{points: make(chan int), flush: make(chan struct{}), quit: make(chan struct{})}
	go b.run() // STARTED
	return b
}

func (b *batcher) run() {
	for {
		select { // LEAK
		case point := <-b.points:
			b.pending = append(b.pending, point)
		case <-b.flush:
			b.pending = b.pending[:0]
		case <-b.quit:
			return
		}
	}
}

func init() { register("select", runSelect) }

func runSelect(leak bool) {
	busy.Every(8, func(n int) {
		go func() {
			b := newBatcher()
			for i := 0; i < 10; i++ {
				b.points <- n
				time.Sleep(20 * time.Millisecond)
			}
			b.flush <- struct{}{}
			if !leak {
				close(b.quit)
			}
		}()
	})
}
