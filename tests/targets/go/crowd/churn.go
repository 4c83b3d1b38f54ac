package main

import (
	"runtime"
	"sync/atomic"
)

// Goroutines that come, call, wait for one another and go, as fast as they can. Every round leaves one behind, so that
// their number only rises but for the few on their way.
const (
	churners  = 4
	mostStay  = 30000
	callDepth = 24
)

var churning uint32

func startChurn() {
	if !atomic.CompareAndSwapUint32(&churning, 0, 1) {
		return
	}
	for i := 0; i < churners; i++ {
		go churn()
	}
	go spin()
}

// spin runs on: its stack is only to be had by stopping its thread.
func spin() {
	for sum := uint64(1); atomic.LoadUint32(&churning) == 1; {
		sum = turn(sum)
	}
}

//go:noinline
func turn(sum uint64) uint64 {
	for i := 0; i < 100000; i++ {
		sum = sum*2862933555777941757 + 3037000493
	}
	return sum
}

func stopChurn() { atomic.StoreUint32(&churning, 0) }

func churn() {
	stay := make(chan int)
	for atomic.LoadUint32(&churning) == 1 {
		meet := make(chan int)
		go func() { comeAndGo(callDepth, meet) }()
		<-meet
		if runtime.NumGoroutine() < mostStay {
			go func() { <-stay }()
		}
	}
}

// comeAndGo is somewhere between its calls whenever it is looked at.
//
//go:noinline
func comeAndGo(depth int, meet chan int) int {
	if depth == 0 {
		meet <- 1
		runtime.Gosched()
		return 1
	}
	if depth%8 == 0 {
		runtime.Gosched()
	}
	return comeAndGo(depth-1, meet) + 1
}
