// Package notify tells subscribers of session changes. A subscriber that goes away without Close leaves its goroutine
// behind: the second leak.
package notify

import (
	"sync/atomic"
)

// Hub hands out subscriptions.
type Hub struct {
	open  int64
	limit int64
}

// NewHub makes a hub that takes at most limit subscriptions.
func NewHub(limit int64) *Hub { return &Hub{limit: limit} }

// Subscription is one subscriber's queue.
type Subscription struct {
	hub    *Hub
	events chan string
	last   string
}

// Subscribe starts a subscription, or returns nil when there are too many.
func (h *Hub) Subscribe() *Subscription {
	if atomic.AddInt64(&h.open, 1) > h.limit {
		atomic.AddInt64(&h.open, -1)
		return nil
	}
	s := &Subscription{hub: h, events: make(chan string, 64)}
	go s.deliver()
	return s
}

func (s *Subscription) deliver() {
	for event := range s.events {
		s.last = event
	}
}

// Send queues an event, or drops it when the queue is full.
func (s *Subscription) Send(event string) {
	select {
	case s.events <- event:
	default:
	}
}

// Close ends the subscription.
func (s *Subscription) Close() {
	close(s.events)
	atomic.AddInt64(&s.hub.open, -1)
}
