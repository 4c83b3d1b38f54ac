package main

import (
	"time"

	"heaptop.test/zoo/busy"
)

// link is a connection that is kept alive by heartbeats.
type link struct {
	ticker *time.Ticker
	done   chan struct{}
	beats  int
}

func openLink() *link {
	l := &link{ticker: time.NewTicker(time.Second), done: make(chan struct{})}
	go l.beat() // STARTED
	return l
}

// beat would end with the ticker's channel, if stopping a ticker closed it.
func (l *link) beat() {
	for range l.ticker.C { // LEAK
		select {
		case <-l.done:
			l.ticker.Stop()
			return
		default:
			l.beats++
		}
	}
}

func init() { register("heartbeat", runHeartbeat) }

func runHeartbeat(leak bool) {
	busy.Every(10, func(int) {
		l := openLink()
		time.AfterFunc(1500*time.Millisecond, func() {
			if !leak {
				close(l.done)
			}
		})
	})
}
