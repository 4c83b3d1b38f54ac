package main

import (
	"fmt"
	"strings"
	"sync"

	"heaptop.test/zoo/busy"
)

// counterVector is a metric with labels; one of them was better not the user's id.
type counterVector struct {
	mutex    sync.Mutex
	children map[string]*labelledCounter
}

type labelledCounter struct {
	labels [6]string
	value  float64
	recent [32]float64
}

func (v *counterVector) with(labels [6]string) *labelledCounter {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	key := strings.Join(labels[:], "\xff")
	child := v.children[key]
	if child == nil {
		child = &labelledCounter{labels: labels} // LEAK
		v.children[key] = child
	}
	return child
}

func init() { register("labels", runLabels) }

func runLabels(leak bool) {
	requests := &counterVector{children: make(map[string]*labelledCounter)}
	busy.Every(4000, func(n int) {
		user := "any"
		if leak {
			user = fmt.Sprint(n)
		}
		requests.with([6]string{"GET", "/account", "200", user, "eu", "v3"}).value++
	})
}
