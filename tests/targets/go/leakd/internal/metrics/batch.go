// Package metrics gathers points and sends them away in batches: its memory rises and falls.
package metrics

import (
	"sync"
	"time"
)

// Point is one measurement.
type Point struct {
	Name  string
	Value float64
	At    time.Time
	Tags  [4]string
}

// Batch gathers points until it is full.
type Batch struct {
	mutex  sync.Mutex
	points []*Point
	size   int
	Sent   int
}

// NewBatch makes a batch of size points.
func NewBatch(size int) *Batch { return &Batch{size: size} }

// Add gathers one point, and sends the batch away when it is full.
func (b *Batch) Add(name string, value float64, tags [4]string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.points = append(b.points, &Point{Name: name, Value: value, At: time.Now(), Tags: tags})
	if len(b.points) >= b.size {
		b.Sent += len(b.points)
		b.points = nil
	}
}
