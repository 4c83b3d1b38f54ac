package main

import (
	"errors"
	"time"

	"heaptop.test/zoo/busy"
)

var errTimeout = errors.New("the backend is slow")

// askBackend gives up on a slow answer, which then finds nobody to take it.
func askBackend(query int, leak bool) (int, error) {
	room := 1
	if leak {
		room = 0
	}
	answers := make(chan int, room)
	go func() { // STARTED
		answers <- backend(query) // LEAK
	}()
	timeout := time.NewTimer(30 * time.Millisecond)
	defer timeout.Stop()
	select {
	case answer := <-answers:
		return answer, nil
	case <-timeout.C:
		return 0, errTimeout
	}
}

// backend is slow now and then.
func backend(query int) int {
	if query%4 == 0 {
		time.Sleep(60 * time.Millisecond)
	}
	return query * 2
}

func init() { register("send", runSend) }

func runSend(leak bool) {
	busy.Every(40, func(n int) { go askBackend(n, leak) })
}
