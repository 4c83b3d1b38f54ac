// scheduler keeps Go's scheduler and garbage collector at what it is told: goroutines that spin, that are locked to threads, that
// are in C, that are stuck; garbage, at a pace or all at once; a heap that is let go of, or grows.
package main

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
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

// makeCycle makes garbage until a GC cycle has come and gone. What it makes is far less than the next one waits for, if
// the heap is some MiB.
func makeCycle() {
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	for last := stats.NumGC; stats.NumGC == last; debug.ReadGCStats(&stats) {
		for i := 0; i < 64; i++ {
			sink.Store(make([]byte, 1024))
		}
	}
}

// schedMetrics is what runtime/metrics has of the scheduler in this version, but for histograms.
func schedMetrics() map[string]uint64 {
	values := map[string]uint64{}
	for _, description := range metrics.All() {
		if strings.HasPrefix(description.Name, "/sched/") && description.Kind == metrics.KindUint64 {
			sample := []metrics.Sample{{Name: description.Name}}
			metrics.Read(sample)
			values[description.Name] = sample[0].Value.Uint64()
		}
	}
	return values
}

// hold keeps so many MiB more, all of them resident.
func hold(mebibytes int) {
	for i := 0; i < mebibytes; i++ {
		block := make([]byte, 1<<20) // grows
		for at := 0; at < len(block); at += 4096 {
			block[at] = 1
		}
		held = append(held, block)
	}
}

func grow(mebibytes int) {
	for atomic.LoadInt32(&stop) == 0 {
		hold(mebibytes)
		runtime.GC()
		time.Sleep(time.Second)
	}
}

var forgotten sync.Mutex

func waitForLock() {
	forgotten.Lock() // mutex
}

func waitToSend(nobody chan int) {
	nobody <- 1 // send
}

func waitForEver(channel chan int) {
	<-channel // nil
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
	case "cycle":
		for i := 0; i < count; i++ {
			makeCycle()
		}
	case "hold":
		hold(count)
	case "release": // all that is held, to the runtime and not to the system.
		held = nil
		runtime.GC()
	case "grow": // so many MiB a second, with a GC cycle after each, until stopped.
		go grow(count)
	case "mutex":
		start(count, func(begun func()) {
			begun()
			waitForLock()
		})
	case "send":
		nobody := make(chan int)
		start(count, func(begun func()) {
			begun()
			waitToSend(nobody)
		})
	case "nil":
		start(count, func(begun func()) {
			begun()
			waitForEver(nil)
		})
	case "pool": // workers that have nothing to do.
		work := make(chan int)
		start(count, func(begun func()) {
			begun()
			<-work
		})
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
	forgotten.Lock()
	harness.Ready(map[string]interface{}{"pid": os.Getpid(), "go_version": runtime.Version(), "c": hasC})
	harness.Commands(func(line []byte) bool {
		word, rest, _ := strings.Cut(string(line), " ")
		if word == "metrics" {
			harness.Answer("metrics", schedMetrics())
			return true
		}
		count, _ := strconv.Atoi(rest)
		obey(word, count)
		harness.Answer("ok", nil)
		return true
	})
}
