// The oracle builds a known state, says what it built, and answers what the runtime itself says of it. Tests hold
// heaptop's reading of the same process against those answers.
//
// Commands, one per line, each answered by one line:
//
//	quiet         two GCs, then no GC and no allocation until `resume`, `gc` or `alloc`: the heap profile stands
//	              still, `memstats` and `profile` keep the GC off but allocate a little themselves
//	resume        GC on again
//	memstats      runtime.MemStats as JSON, with GCPercent and MemoryLimit added
//	profile FILE  runtime/pprof's heap profile (proto) into FILE
//	gc            one full GC
//	alloc N       allocates and keeps N bytes at one site (main.allocOnCommand)
//	quit          ends, as does the end of stdin
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"time"

	"heaptop.test/internal/harness"
)

type readyState struct {
	PID            int         `json:"pid"`
	Port           int         `json:"port"`
	GoVersion      string      `json:"go_version"`
	GOMAXPROCS     int         `json:"gomaxprocs"`
	MemProfileRate int         `json:"mem_profile_rate"`
	Goroutines     int         `json:"goroutines"`
	GCPercent      int         `json:"gc_percent"`
	Parked         []parkGroup `json:"parked"`
	Cgo            bool        `json:"cgo"`
}

type memoryState struct {
	runtime.MemStats
	GCPercent   int
	MemoryLimit int64
}

var (
	normalGCPercent  int
	currentGCPercent int
	commandHeld      [][]byte
)

func main() {
	rate := flag.Int("rate", runtime.MemProfileRate, "runtime.MemProfileRate, in bytes")
	size := flag.Int("size", 48, "about how many MiB the allocation sites hold")
	bound := flag.Duration("for", 10*time.Minute, "end after this time in any case")
	flag.Parse()
	runtime.MemProfileRate = *rate
	harness.Bound(*bound)

	normalGCPercent = debug.SetGCPercent(100)
	debug.SetGCPercent(normalGCPercent)
	currentGCPercent = normalGCPercent

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		harness.Fail("cannot listen: %v", err)
	}
	go http.Serve(listener, nil)
	buildSites(*size << 20)
	parked := parkAll()
	harness.Ready(readyState{
		PID:            os.Getpid(),
		Port:           listener.Addr().(*net.TCPAddr).Port,
		GoVersion:      runtime.Version(),
		GOMAXPROCS:     runtime.GOMAXPROCS(0),
		MemProfileRate: runtime.MemProfileRate,
		Goroutines:     runtime.NumGoroutine(),
		GCPercent:      normalGCPercent,
		Parked:         parked,
		Cgo:            cgoSites != nil,
	})
	harness.Commands(command)
	runtime.KeepAlive(held)
}

var (
	answerQuiet  = []byte("ok quiet\n")
	answerResume = []byte("ok resume\n")
	answerGC     = []byte("ok gc\n")
)

func setGCPercent(percent int) {
	currentGCPercent = percent
	debug.SetGCPercent(percent)
}

func command(line []byte) bool {
	word, argument, _ := bytes.Cut(line, []byte(" "))
	// A switch on string(word) does not allocate.
	switch string(word) {
	case "quiet":
		setGCPercent(-1)
		// The second completes the profile's cycle of what was freed by the first.
		runtime.GC()
		runtime.GC()
		os.Stdout.Write(answerQuiet)
	case "resume":
		setGCPercent(normalGCPercent)
		os.Stdout.Write(answerResume)
	case "gc":
		setGCPercent(normalGCPercent)
		runtime.GC()
		os.Stdout.Write(answerGC)
	case "memstats":
		answerMemstats()
	case "profile":
		answerProfile(string(argument))
	case "alloc":
		setGCPercent(normalGCPercent)
		n, err := strconv.Atoi(string(argument))
		if err != nil || n < 0 || n > 1<<30 {
			fmt.Println("error alloc wants a number of bytes up to 1 GiB")
			break
		}
		allocOnCommand(n)
		fmt.Println("ok alloc")
	case "quit":
		return false
	default:
		fmt.Printf("error no such command: %q\n", line)
	}
	return true
}

func answerMemstats() {
	var state memoryState
	runtime.ReadMemStats(&state.MemStats)
	state.GCPercent = currentGCPercent
	state.MemoryLimit = debug.SetMemoryLimit(-1)
	line, err := json.Marshal(&state)
	if err != nil {
		fmt.Printf("error %v\n", err)
		return
	}
	os.Stdout.Write(append(append([]byte("memstats "), line...), '\n'))
}

func answerProfile(path string) {
	var profile bytes.Buffer
	err := pprof.WriteHeapProfile(&profile)
	if err == nil {
		err = os.WriteFile(path, profile.Bytes(), 0o644)
	}
	if err != nil {
		fmt.Printf("error %v\n", err)
		return
	}
	fmt.Println("ok profile")
}

//go:noinline
func allocOnCommand(n int) {
	for n > 0 {
		part := 64 << 10
		if n < part {
			part = n
		}
		commandHeld = append(commandHeld, make([]byte, part))
		n -= part
	}
}
