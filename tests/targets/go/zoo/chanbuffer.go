package main

import (
	"time"

	"heaptop.test/zoo/busy"
)

type event struct {
	at      time.Time
	kind    string
	payload [4096]byte
}

func init() { register("chanbuffer", runChanBuffer) }

func runChanBuffer(leak bool) {
	events := make(chan *event, 1<<18)
	written := 0
	write := func(e *event) { written += len(e.payload) }
	// The writer was fast enough when it was measured.
	if leak {
		busy.Every(20, func(int) { write(<-events) })
	} else {
		go func() {
			for e := range events {
				write(e)
			}
		}()
	}
	busy.Every(420, func(n int) {
		e := &event{at: time.Now(), kind: "click"} // LEAK
		e.payload[0] = byte(n)
		select {
		case events <- e:
		default:
		}
	})
}
