// timers starts and stops timers, and queues finalizers behind one that does not come back, each as many as it is told.
package main

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"heaptop.test/internal/harness"
)

// file has a pointer, so that it shares no block of memory with other small objects.
type file struct {
	name *string
	size [6]int
}

var (
	running []*time.Timer
	never   = make(chan int)
	blocked = make(chan int)
	closed  int
)

func main() {
	bound := flag.Duration("for", 10*time.Minute, "end after this time in any case")
	flag.Parse()
	harness.Bound(*bound)
	harness.Ready(map[string]interface{}{"pid": os.Getpid(), "go_version": runtime.Version()})
	harness.Commands(func(line []byte) bool {
		word, rest, _ := strings.Cut(string(line), " ")
		count, _ := strconv.Atoi(rest)
		switch word {
		case "start":
			for i := 0; i < count; i++ {
				running = append(running, time.AfterFunc(time.Hour, func() {}))
			}
		case "wait":
			// Each in a receive, so that the timer is in a heap whatever the version.
			for i := 0; i < count; i++ {
				go func() { <-time.NewTimer(time.Hour).C }()
			}
			time.Sleep(50 * time.Millisecond)
		case "stop":
			for i := 0; i < count && len(running) > 0; i++ {
				running[len(running)-1].Stop()
				running = running[:len(running)-1]
			}
		case "block":
			drop(1, func(*file) {
				blocked <- 1
				<-never
			})
			for waiting := true; waiting; {
				runtime.GC()
				select {
				case <-blocked:
					waiting = false
				case <-time.After(10 * time.Millisecond):
				}
			}
		case "drop":
			drop(count, func(*file) { closed++ })
			// The sweep that ends with the collection queues them.
			runtime.GC()
		case "quit":
			return false
		default:
			harness.Answer("error", "no such command")
			return true
		}
		harness.Answer("ok", word)
		return true
	})
}

// drop makes objects with a finalizer that nobody refers to, not even a stack.
func drop(count int, finalize func(*file)) {
	done := make(chan int)
	go func() {
		for i := 0; i < count; i++ {
			runtime.SetFinalizer(&file{name: new(string)}, finalize)
		}
		close(done)
	}()
	<-done
}
