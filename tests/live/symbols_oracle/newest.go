//go:build go1.27

package main

import "fmt"

// Generic methods of generic types, new in Go 1.27, whose names have two pairs of brackets.
func (p *pair[K, V]) with[W any](w W) string { return describe(p.key, w) + identity(p.String()) }

func describe[A, B any](a A, b B) string { return fmt.Sprint(a, b) }

func exerciseNewest() {
	p := &pair[string, pair[int, []int]]{}
	fmt.Fprint(nowhere{}, p.with(1), p.with([]string{"x"}), p.with(func() {}))
}
