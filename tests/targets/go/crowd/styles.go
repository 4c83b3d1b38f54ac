package main

import (
	"reflect"
)

// style is one way for a goroutine to come to call a function: the frames between its go statement and the wait.
type style struct {
	name  string
	start func(join func(), wait *wait)
}

var styles = []style{
	{"plain", func(join func(), wait *wait) { go plain(join, wait) }},
	{"inlined", func(join func(), wait *wait) { go outer(join, wait) }},
	{"closure", func(join func(), wait *wait) {
		go func() {
			inner := func() {
				join()
				wait.block()
			}
			inner()
		}()
	}},
	{"method", func(join func(), wait *wait) { go (&caller{join, wait}).call() }},
	{"method_value", func(join func(), wait *wait) {
		run := caller{join, wait}.callValue
		go run()
	}},
	{"interface", func(join func(), wait *wait) { go runCaller(embedded{&caller{join, wait}}) }},
	{"generic", func(join func(), wait *wait) { go generic[int](join, wait, 1) }},
	{"generic_struct", func(join func(), wait *wait) { go generic(join, wait, pair[string, *wait_]{}) }},
	{"deep", func(join func(), wait *wait) { go deep(40, join, wait) }},
	{"deferred", func(join func(), wait *wait) { go deferred(join, wait) }},
	{"reflected", func(join func(), wait *wait) {
		go reflect.ValueOf(plain).Call([]reflect.Value{reflect.ValueOf(join), reflect.ValueOf(wait)})
	}},
	{"recovering", func(join func(), wait *wait) { go recovering(join, wait) }},
}

type wait_ = wait

//go:noinline
func plain(join func(), wait *wait) {
	join()
	wait.block()
}

// Two that the compiler inlines, one into the other.
func outer(join func(), wait *wait) { middle(join, wait) }

func middle(join func(), wait *wait) {
	join()
	wait.block()
}

type caller struct {
	join func()
	wait *wait
}

//go:noinline
func (c *caller) call() {
	c.join()
	c.wait.block()
}

//go:noinline
func (c caller) callValue() {
	c.join()
	c.wait.block()
}

// embedded promotes a method: the call goes through a wrapper that the compiler makes.
type embedded struct{ *caller }

type runner interface{ call() }

//go:noinline
func runCaller(run runner) { run.call() }

type pair[K comparable, V any] struct {
	key   K
	value V
}

//go:noinline
func generic[T any](join func(), wait *wait, value T) {
	box := pair[string, T]{value: value}
	box.hold(join, wait)
}

//go:noinline
func (p *pair[K, V]) hold(join func(), wait *wait) {
	join()
	wait.block()
}

//go:noinline
func deep(depth int, join func(), wait *wait) {
	if depth > 0 {
		deep(depth-1, join, wait)
		return
	}
	join()
	wait.block()
}

//go:noinline
func deferred(join func(), wait *wait) {
	defer func() {
		join()
		wait.block()
	}()
}

// recovering waits in a deferred call while a panic goes through.
//
//go:noinline
func recovering(join func(), wait *wait) {
	defer func() {
		recover()
		join()
		wait.block()
	}()
	panic("on purpose")
}
