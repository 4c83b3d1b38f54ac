// churn allocates as hard as it can on every P, at many sites, with GC after GC, while new sites keep appearing: what
// reads its heap profile from outside must notice every torn read.
//
// A bucket of the profile counts objects of one size, so bytes = objects * size in every sample that is whole, and what
// was allocated or freed in all never falls.
package main

import (
	"bytes"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"heaptop.test/internal/harness"
)

var (
	rate    = flag.Int("rate", 4096, "runtime.MemProfileRate, in bytes")
	percent = flag.Int("gogc", 10, "GOGC: small values make many GCs")
	keep    = flag.Int("keep", 8, "MiB that each worker holds at a time")
	pause   = flag.Duration("pause", 0, "each worker rests so long after each round")
	bound   = flag.Duration("for", time.Minute, "end after this time")
)

const pathBits = 12 // 4,096 call paths, each a site of its own

var rounds uint64

func main() {
	flag.Parse()
	runtime.MemProfileRate = *rate
	debug.SetGCPercent(*percent)
	harness.Bound(*bound)

	workers := runtime.GOMAXPROCS(0)
	for i := 0; i < workers; i++ {
		w := &worker{path: uint(i), held: make([][]byte, *keep<<20/2048)}
		go w.run()
	}
	harness.Ready(map[string]interface{}{
		"pid": os.Getpid(), "go_version": runtime.Version(), "workers": workers,
		"mem_profile_rate": *rate, "gc_percent": *percent,
	})
	harness.Commands(func(line []byte) bool {
		switch string(line) {
		case "rounds":
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			harness.Answer("rounds", map[string]interface{}{
				"rounds": atomic.LoadUint64(&rounds), "num_gc": stats.NumGC, "total_alloc": stats.TotalAlloc,
			})
		case "profile":
			// Keeps runtime.MemProfile linked in, and so profiling on.
			var profile bytes.Buffer
			pprof.WriteHeapProfile(&profile)
			harness.Answer("profile", map[string]interface{}{"bytes": profile.Len()})
		case "quit":
			return false
		default:
			harness.Answer("error", "no such command")
		}
		return true
	})
}

type worker struct {
	path uint
	next int
	held [][]byte
}

func (w *worker) run() {
	for {
		w.left(w.path, pathBits)
		w.path++
		w.turn()
		atomic.AddUint64(&rounds, 1)
		if *pause > 0 {
			time.Sleep(*pause)
		}
	}
}

func (w *worker) hold(row []byte) {
	w.held[w.next] = row
	w.next = (w.next + 1) % len(w.held)
}

// left and right call each other as the bits of path say: every path is another stack.
//
//go:noinline
func (w *worker) left(path uint, depth int) {
	switch {
	case depth == 0:
		w.hold(make([]byte, 1024))
	case path&1 == 0:
		w.left(path>>1, depth-1)
	default:
		w.right(path>>1, depth-1)
	}
}

//go:noinline
func (w *worker) right(path uint, depth int) {
	switch {
	case depth == 0:
		w.hold(make([]byte, 2048))
	case path&1 == 0:
		w.left(path>>1, depth-1)
	default:
		w.right(path>>1, depth-1)
	}
}

type pair struct{ left, right *pair }

var sinks [64]struct {
	pair *pair
	rows [8][]byte
	_    [64]byte
}

// turn allocates at sites of many sizes and lets go of nearly all of it.
//
//go:noinline
func (w *worker) turn() {
	sink := &sinks[w.path%uint(len(sinks))]
	for i := 0; i < 64; i++ {
		sink.pair = &pair{left: sink.pair}
	}
	sink.pair = nil
	sink.rows[0] = make([]byte, 48)
	sink.rows[1] = make([]byte, 192)
	sink.rows[2] = make([]byte, 512)
	sink.rows[3] = make([]byte, 4096)
	sink.rows[4] = make([]byte, 9472)
	sink.rows[5] = make([]byte, 32768)
	sink.rows[6] = []byte(string(sink.rows[2]))
	counts := make(map[uint]int, 16)
	counts[w.path] = 1
	sink.rows[7] = append(sink.rows[7][:0:0], sink.rows[0]...)
}
