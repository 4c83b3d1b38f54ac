package main

import (
	"runtime"

	"heaptop.test/zoo/busy"
)

// bitmap has a handle that is given back by its finalizer, through a queue that a worker empties, as long as there is
// one.
type bitmap struct {
	handle int
	pixels [2048]byte
}

var returned = make(chan int, 16)

func newBitmap(handle int) *bitmap {
	b := &bitmap{handle: handle}
	runtime.SetFinalizer(b, (*bitmap).giveBack)
	return b
}

func (b *bitmap) giveBack() {
	returned <- b.handle // LEAK
}

func init() { register("finalizer", runFinalizer) }

func runFinalizer(leak bool) {
	go func() {
		for handle := range returned {
			if leak && handle == 100 {
				return // A handle that it cannot close.
			}
		}
	}()
	busy.Every(800, func(n int) { newBitmap(n).pixels[0] = 1 })
}
