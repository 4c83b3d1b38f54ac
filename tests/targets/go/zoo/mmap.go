package main

import (
	"syscall"
	"time"

	"heaptop.test/internal/harness"
	"heaptop.test/zoo/busy"
)

const segmentBytes = 256 << 10

// openSegment maps a part of a store into memory.
func openSegment(n int) []byte {
	const access, flags = syscall.PROT_READ | syscall.PROT_WRITE, syscall.MAP_ANON | syscall.MAP_PRIVATE
	segment, err := syscall.Mmap(-1, 0, segmentBytes, access, flags)
	if err != nil {
		harness.Fail("cannot map a segment: %v", err)
	}
	for i := 0; i < len(segment); i += 4096 {
		segment[i] = byte(n)
	}
	return segment
}

func init() { register("mmap", runMmap) }

func runMmap(leak bool) {
	busy.Every(10, func(n int) {
		segment := openSegment(n)
		time.AfterFunc(time.Second, func() {
			if !leak {
				syscall.Munmap(segment)
			}
		})
	})
}
