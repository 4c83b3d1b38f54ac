package main

import (
	"runtime"

	"heaptop.test/zoo/busy"
)

// section and its parent point at each other: with a finalizer on a cycle none of it is ever freed.
type section struct {
	parent *section
	child  *section
	text   []byte
}

func newDocument(leak bool) *section {
	root := &section{}
	root.child = &section{parent: root}
	root.child.text = make([]byte, 8192) // LEAK
	if leak {
		runtime.SetFinalizer(root, func(s *section) { s.child = nil })
	}
	return root
}

func init() { register("finalizercycle", runFinalizerCycle) }

func runFinalizerCycle(leak bool) {
	busy.Every(200, func(n int) { newDocument(leak).child.text[0] = byte(n) })
}
