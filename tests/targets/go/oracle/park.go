package main

import (
	"bytes"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"heaptop.test/internal/harness"
)

// parkGroup is what the oracle knows of goroutines that wait in one function.
type parkGroup struct {
	Kind     string `json:"kind"`
	Function string `json:"function"`
	Count    int    `json:"count"`
	// What runtime.Stack calls their state, which differs between Go versions.
	State string `json:"state"`
}

// What the parked goroutines wait on; none of it ever happens.
var parkOn struct {
	send, receive chan int
	mutex         sync.Mutex
	readers       sync.RWMutex
	writers       sync.RWMutex
	cond          *sync.Cond
	group         sync.WaitGroup
	connections   []net.Conn
	pipes         [][2]int
}

//go:noinline
func parkChanSend() { parkOn.send <- 1 }

//go:noinline
func parkChanReceive() { <-parkOn.receive }

//go:noinline
func parkNilSend() {
	var nothing chan int
	nothing <- 1
}

//go:noinline
func parkNilReceive() {
	var nothing chan int
	<-nothing
}

//go:noinline
func parkSelect() {
	select {
	case parkOn.send <- 1:
	case <-parkOn.receive:
	}
}

//go:noinline
func parkSelectNoCases() { select {} }

//go:noinline
func parkSleep() { time.Sleep(1000 * time.Hour) }

//go:noinline
func parkMutex() { parkOn.mutex.Lock() }

//go:noinline
func parkReadLock() { parkOn.readers.RLock() }

//go:noinline
func parkWriteLock() { parkOn.writers.Lock() }

//go:noinline
func parkCond() {
	parkOn.cond.L.Lock()
	parkOn.cond.Wait()
}

//go:noinline
func parkWaitGroup() { parkOn.group.Wait() }

//go:noinline
func parkIO(connection net.Conn) {
	var buffer [1]byte
	connection.Read(buffer[:])
}

//go:noinline
func parkSyscall(descriptor int) {
	var buffer [1]byte
	syscall.Read(descriptor, buffer[:])
}

//go:noinline
func parkLocked() {
	runtime.LockOSThread()
	<-parkOn.receive
}

//go:noinline
func parkDeep(depth int) {
	if depth > 0 {
		parkDeep(depth - 1)
		return
	}
	<-parkOn.receive
}

//go:noinline
func parkFinalizer() { <-parkOn.receive }

// parkAll starts every kind of waiting goroutine and returns when each waits.
func parkAll() []parkGroup {
	parkOn.send = make(chan int)
	parkOn.receive = make(chan int)
	parkOn.cond = sync.NewCond(new(sync.Mutex))
	parkOn.group.Add(1)
	parkOn.mutex.Lock()
	parkOn.readers.Lock()
	parkOn.writers.Lock()

	groups := []parkGroup{
		start("chan_send", "main.parkChanSend", 3, parkChanSend),
		start("chan_receive", "main.parkChanReceive", 17, parkChanReceive),
		start("chan_send_nil", "main.parkNilSend", 1, parkNilSend),
		start("chan_receive_nil", "main.parkNilReceive", 2, parkNilReceive),
		start("select", "main.parkSelect", 5, parkSelect),
		start("select_no_cases", "main.parkSelectNoCases", 1, parkSelectNoCases),
		start("sleep", "main.parkSleep", 4, parkSleep),
		start("mutex", "main.parkMutex", 6, parkMutex),
		start("rwmutex_read", "main.parkReadLock", 3, parkReadLock),
		start("rwmutex_write", "main.parkWriteLock", 2, parkWriteLock),
		start("cond", "main.parkCond", 4, parkCond),
		start("wait_group", "main.parkWaitGroup", 3, parkWaitGroup),
		start("locked", "main.parkLocked", 2, parkLocked),
		start("deep", "main.parkDeep", 2, func() { parkDeep(150) }),
		startIO(4),
		startSyscall(2),
		startFinalizer(),
	}
	waitUntilParked(groups)
	return groups
}

func start(kind, function string, count int, park func()) parkGroup {
	for i := 0; i < count; i++ {
		go park()
	}
	return parkGroup{Kind: kind, Function: function, Count: count}
}

func startIO(count int) parkGroup {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		harness.Fail("cannot listen: %v", err)
	}
	for i := 0; i < count; i++ {
		near, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			harness.Fail("cannot connect: %v", err)
		}
		far, err := listener.Accept()
		if err != nil {
			harness.Fail("cannot accept: %v", err)
		}
		parkOn.connections = append(parkOn.connections, near, far)
		go parkIO(near)
	}
	listener.Close()
	return parkGroup{Kind: "io_wait", Function: "main.parkIO", Count: count}
}

func startSyscall(count int) parkGroup {
	for i := 0; i < count; i++ {
		var ends [2]int
		if err := syscall.Pipe(ends[:]); err != nil {
			harness.Fail("cannot make a pipe: %v", err)
		}
		parkOn.pipes = append(parkOn.pipes, ends)
		go parkSyscall(ends[0])
	}
	return parkGroup{Kind: "syscall", Function: "main.parkSyscall", Count: count}
}

// startFinalizer lets a finalizer block the finalizer goroutine.
func startFinalizer() parkGroup {
	func() {
		object := &node{name: "finalized first"}
		runtime.SetFinalizer(object, func(*node) { parkFinalizer() })
	}()
	runtime.GC()
	return parkGroup{Kind: "finalizer", Function: "main.parkFinalizer", Count: 1}
}

// waitUntilParked looks at the runtime's own dump of all stacks until each group's goroutines wait, and notes in what.
func waitUntilParked(groups []parkGroup) {
	buffer := make([]byte, 4<<20)
	deadline := time.Now().Add(20 * time.Second)
	for {
		dump := buffer[:runtime.Stack(buffer, true)]
		if missing := matchParked(groups, dump); missing == "" {
			return
		} else if time.Now().After(deadline) {
			harness.Fail("these goroutines never came to wait: %s", missing)
		}
		// Only a pause between two looks at what is waited for.
		time.Sleep(5 * time.Millisecond)
	}
}

func matchParked(groups []parkGroup, dump []byte) string {
	records := bytes.Split(dump, []byte("\n\n"))
	for i := range groups {
		group := &groups[i]
		call := []byte("\n" + group.Function + "(")
		found := 0
		for _, record := range records {
			open, shut := bytes.IndexByte(record, '['), bytes.IndexByte(record, ']')
			if !bytes.Contains(record, call) || open < 0 || shut < open {
				continue
			}
			state := string(record[open+1 : shut])
			state, _, _ = strings.Cut(state, ",")
			if state == "running" || state == "runnable" {
				continue
			}
			group.State = state
			found++
		}
		if found != group.Count {
			return group.Kind
		}
	}
	return ""
}
