// scheduler keeps Go's scheduler and garbage collector at what it is told: goroutines that spin, that are locked to threads, that
// are in C; garbage, at a pace or all at once.
package main

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"heaptop.test/internal/harness"
)

var (
	held  [][]byte
	sink  atomic.Value
	stop  int32
	never = make(chan int)
)

func spin() {
	for atomic.LoadInt32(&stop) == 0 {
	}
}

// start runs the function in so many goroutines, and returns once all have begun.
func start(count int, function func(begun func())) {
	begun := make(chan int)
	for i := 0; i < count; i++ {
		go function(func() { begun <- 1 })
	}
	for i := 0; i < count; i++ {
		<-begun
	}
}

// drop makes so many MiB of garbage, a KiB at a time.
func drop(mebibytes int) {
	for i := 0; i < mebibytes<<10; i++ {
		sink.Store(make([]byte, 1024))
	}
}

func obey(word string, count int) {
	switch word {
	case "spin":
		for i := 0; i < count; i++ {
			go spin()
		}
	case "stop":
		atomic.StoreInt32(&stop, 1)
	case "lock":
		start(count, func(begun func()) {
			runtime.LockOSThread()
			begun()
			<-never
		})
	case "c":
		start(count, func(begun func()) {
			begun()
			sleepInC()
		})
	case "thread":
		for i := 0; i < count; i++ {
			startCThread()
		}
	case "gc":
		for i := 0; i < count; i++ {
			runtime.GC()
		}
	case "hold":
		for i := 0; i < count; i++ {
			held = append(held, make([]byte, 1<<20))
		}
	case "drop":
		drop(count)
	case "pace": // MiB of garbage a second, until stopped.
		go func() {
			for atomic.LoadInt32(&stop) == 0 {
				drop(1)
				time.Sleep(time.Second / time.Duration(count))
			}
		}()
	}
}

func main() {
	bound := flag.Duration("for", 10*time.Minute, "end after this time in any case")
	flag.Parse()
	harness.Bound(*bound)
	harness.Ready(map[string]interface{}{"pid": os.Getpid(), "go_version": runtime.Version(), "c": hasC})
	harness.Commands(func(line []byte) bool {
		word, rest, _ := strings.Cut(string(line), " ")
		count, _ := strconv.Atoi(rest)
		obey(word, count)
		harness.Answer("ok", nil)
		return true
	})
}
