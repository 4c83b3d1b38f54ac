package main

import (
	"bytes"
	"sync"
	"time"

	"heaptop.test/zoo/busy"
)

const (
	poolConnections = 400
	largestKept     = 64 << 10
	usualAnswer     = 2 << 10
	hugeAnswer      = 512 << 10
)

var buffers = sync.Pool{New: func() interface{} { return new(bytes.Buffer) }}

// connection answers requests out of a buffer of the pool, most with little, one in many with much. What was huge once
// is put back, and serves small answers ever after.
func connection(leak bool, id int) {
	chunk := make([]byte, 1024)
	for n := id; ; n++ {
		buffer := buffers.Get().(*bytes.Buffer)
		size := usualAnswer
		if n%100 == 0 {
			size = hugeAnswer
		}
		answer(buffer, chunk, size)
		time.Sleep(time.Second)
		if leak || buffer.Cap() <= largestKept {
			buffer.Reset()
			buffers.Put(buffer)
		}
	}
}

func answer(buffer *bytes.Buffer, chunk []byte, size int) {
	buffer.Grow(size) // LEAK
	for buffer.Len() < size {
		buffer.Write(chunk)
	}
}

func init() { register("pool", runPool) }

func runPool(leak bool) {
	opened := 0
	busy.Every(200, func(n int) {
		if opened < poolConnections {
			opened++
			go connection(leak, n)
		}
	})
}
