// noprof is a program in which runtime.MemProfile is unreachable: the linker then turns memory profiling off, and the
// program has no heap profile to read. It must import nothing that leads to runtime/pprof.
package main

import (
	"flag"
	"os"
	"runtime"
	"time"

	"heaptop.test/internal/harness"
)

var held [][]byte

//go:noinline
func hold(size int) {
	for n := 0; n < size; n += 4096 {
		held = append(held, make([]byte, 4096))
	}
}

func main() {
	size := flag.Int("size", 32, "MiB to hold")
	bound := flag.Duration("for", 10*time.Minute, "end after this time in any case")
	flag.Parse()
	harness.Bound(*bound)
	hold(*size << 20)
	harness.Ready(map[string]interface{}{
		"pid": os.Getpid(), "go_version": runtime.Version(), "mem_profile_rate": runtime.MemProfileRate,
		"held_bytes": *size << 20,
	})
	harness.Commands(func(line []byte) bool {
		switch string(line) {
		case "alloc":
			hold(1 << 20)
			harness.Answer("ok", "alloc")
		case "rate":
			harness.Answer("ok", map[string]interface{}{"mem_profile_rate": runtime.MemProfileRate})
		case "gc":
			runtime.GC()
			harness.Answer("ok", "gc")
		case "quit":
			return false
		default:
			harness.Answer("error", "no such command")
		}
		return true
	})
	runtime.KeepAlive(held)
}
