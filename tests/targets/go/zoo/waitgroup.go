package main

import (
	"sync"
	"time"

	"heaptop.test/zoo/busy"
)

// resize makes an image in several sizes at once.
func resize(image int, leak bool) {
	var sizes sync.WaitGroup
	for size := 1; size <= 3; size++ {
		sizes.Add(1)
		go func(size int) {
			if err := scale(image, size); err && leak {
				return // Without Done.
			}
			sizes.Done()
		}(size)
	}
	sizes.Wait() // LEAK
}

// scale fails for some images.
func scale(image, size int) bool {
	time.Sleep(time.Duration(10*size) * time.Millisecond)
	return image%3 == 0 && size == 2
}

func init() { register("waitgroup", runWaitGroup) }

func runWaitGroup(leak bool) {
	busy.Every(24, func(n int) {
		go resize(n, leak) // STARTED
	})
}
