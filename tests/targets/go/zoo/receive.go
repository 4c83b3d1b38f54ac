package main

import (
	"sync"
	"time"

	"heaptop.test/zoo/busy"
)

// feed tells its subscribers what happens.
type feed struct {
	mutex       sync.Mutex
	subscribers map[*follower]bool
}

type follower struct {
	news chan int
	seen int
}

func (f *feed) join() *follower {
	s := &follower{news: make(chan int, 16)}
	f.mutex.Lock()
	f.subscribers[s] = true
	f.mutex.Unlock()
	go s.follow() // STARTED
	return s
}

func (s *follower) follow() {
	for range s.news { // LEAK
		s.seen++
	}
}

// leave strikes a subscriber off the list, and should also tell its goroutine.
func (f *feed) leave(s *follower, forget bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	delete(f.subscribers, s)
	if !forget {
		close(s.news)
	}
}

func (f *feed) tell(n int) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for s := range f.subscribers {
		select {
		case s.news <- n:
		default:
		}
	}
}

func init() { register("receive", runReceive) }

func runReceive(leak bool) {
	prices := &feed{subscribers: make(map[*follower]bool)}
	busy.Every(20, prices.tell)
	busy.Every(10, func(int) {
		s := prices.join()
		time.AfterFunc(2*time.Second, func() { prices.leave(s, leak) })
	})
}
