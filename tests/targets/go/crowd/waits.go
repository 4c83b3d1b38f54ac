package main

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"heaptop.test/internal/harness"
)

// wait is one way to wait for ever. kind is the sort that heaptop should say it is.
type wait struct {
	name, kind string
	objects    []object
	block      func()
	keep       interface{}
}

func channelOf(channel chan int) object {
	return object{
		Address: uint64(*(*uintptr)(unsafe.Pointer(&channel))), Capacity: cap(channel), Length: len(channel),
	}
}

func memoryOf(address unsafe.Pointer, size uintptr) object {
	return object{Address: uint64(uintptr(address)), Size: uint64(size)}
}

func channelWait(name string) *wait {
	channel := make(chan int)
	return &wait{name: name, kind: "chan receive", objects: []object{channelOf(channel)}, keep: channel,
		block: func() { <-channel }}
}

//go:noinline
func receiveFrom(channel <-chan time.Time) { <-channel }

func connection() net.Conn {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		harness.Fail("cannot listen: %v", err)
	}
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		harness.Fail("cannot connect: %v", err)
	}
	far, err := listener.Accept()
	if err != nil {
		harness.Fail("cannot accept: %v", err)
	}
	keep(far)
	return near
}

// What must live as long as the program does; many goroutines make theirs at once. A socket of which nobody knows any
// more is closed by its finalizer, and who reads at its other end goes on.
var (
	kept     []interface{}
	keptLock sync.Mutex
)

func keep(things ...interface{}) {
	keptLock.Lock()
	kept = append(kept, things...)
	keptLock.Unlock()
}

func keepAlive(waits []*wait) { keep(waits) }

func channelWaits() []*wait {
	unbuffered, full, empty, closing := make(chan int), make(chan int, 3), make(chan int, 5), make(chan int)
	full <- 1
	full <- 2
	full <- 3
	eight := make([]chan int, 8)
	var objects []object
	for i := range eight {
		eight[i] = make(chan int, i)
		objects = append(objects, channelOf(eight[i]))
	}
	var none chan int
	sending := make(chan int)
	return []*wait{
		{name: "send", kind: "chan send", objects: []object{channelOf(unbuffered)}, block: func() { unbuffered <- 1 }},
		{name: "send_full", kind: "chan send", objects: []object{channelOf(full)}, block: func() { full <- 1 }},
		{name: "receive_empty", kind: "chan receive", objects: []object{channelOf(empty)}, block: func() { <-empty }},
		{name: "receive_range", kind: "chan receive", objects: []object{channelOf(closing)}, block: func() {
			for range closing {
			}
		}},
		{name: "send_nil", kind: "chan send", block: func() { none <- 1 }},
		{name: "receive_nil", kind: "chan receive", block: func() { <-none }},
		{name: "select_two", kind: "select", objects: []object{channelOf(sending), channelOf(empty)}, block: func() {
			select {
			case sending <- 1:
			case <-empty:
			}
		}},
		{name: "select_eight", kind: "select", objects: objects, block: func() {
			select {
			case <-eight[0]:
			case <-eight[1]:
			case <-eight[2]:
			case <-eight[3]:
			case <-eight[4]:
			case <-eight[5]:
			case <-eight[6]:
			case <-eight[7]:
			}
		}},
		{name: "select_none", kind: "select", block: func() { select {} }},
	}
}

func syncWaits() []*wait {
	mutex, readers, writers := new(sync.Mutex), new(sync.RWMutex), new(sync.RWMutex)
	mutex.Lock()
	readers.Lock()
	writers.Lock()
	group := new(sync.WaitGroup)
	group.Add(1)
	cond := sync.NewCond(new(sync.Mutex))
	once, entered := new(sync.Once), make(chan bool)
	go once.Do(func() {
		entered <- true
		select {}
	})
	<-entered
	return []*wait{
		{name: "mutex", kind: "lock", objects: []object{memoryOf(unsafe.Pointer(mutex), unsafe.Sizeof(*mutex))},
			block: func() { mutex.Lock() }},
		{name: "read_lock", kind: "lock", objects: []object{memoryOf(unsafe.Pointer(readers), unsafe.Sizeof(*readers))},
			block: func() { readers.RLock() }},
		{name: "write_lock", kind: "lock", objects: []object{memoryOf(unsafe.Pointer(writers), unsafe.Sizeof(*writers))},
			block: func() { writers.Lock() }},
		{name: "once", kind: "lock", objects: []object{memoryOf(unsafe.Pointer(once), unsafe.Sizeof(*once))},
			block: func() { once.Do(func() {}) }},
		{name: "wait_group", kind: "semaphore", objects: []object{memoryOf(unsafe.Pointer(group), unsafe.Sizeof(*group))},
			block: func() { group.Wait() }},
		{name: "cond", kind: "semaphore", objects: []object{memoryOf(unsafe.Pointer(cond), unsafe.Sizeof(*cond))},
			block: func() {
				cond.L.Lock()
				cond.Wait()
			}},
	}
}

func outsideWaits() []*wait {
	near := connection()
	reader, writer, err := os.Pipe()
	if err != nil {
		harness.Fail("cannot make a pipe: %v", err)
	}
	keep(near, reader, writer)
	ticker := time.NewTicker(1000 * time.Hour)
	after := time.After(1000 * time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	keep(cancel, ticker)
	return []*wait{
		{name: "sleep", kind: "sleep", block: func() { time.Sleep(1000 * time.Hour) }},
		{name: "ticker", kind: "chan receive", block: func() { receiveFrom(ticker.C) }},
		{name: "after", kind: "chan receive", block: func() { receiveFrom(after) }},
		{name: "context", kind: "chan receive", block: func() { <-ctx.Done() }},
		{name: "deadline", kind: "select", block: func() {
			select {
			case <-ctx.Done():
			case <-time.After(1000 * time.Hour):
			}
		}},
		{name: "socket", kind: "network", block: func() {
			// Of two readers of one socket the second waits for a lock.
			own := connection()
			keep(own)
			var buffer [1]byte
			own.Read(buffer[:])
		}},
		{name: "pipe", kind: "network", block: func() {
			own, other, err := os.Pipe()
			if err != nil {
				harness.Fail("cannot make a pipe: %v", err)
			}
			var buffer [1]byte
			own.Read(buffer[:])
			other.Close()
		}},
	}
}

// A system call takes a thread for itself: only some styles have one.
func systemCall() *wait {
	return &wait{name: "syscall", kind: "system call", block: func() {
		var ends [2]int
		if err := syscall.Pipe(ends[:]); err != nil {
			harness.Fail("cannot make a pipe: %v", err)
		}
		var buffer [1]byte
		syscall.Read(ends[0], buffer[:])
	}}
}

func makeWaits() []*wait {
	waits := append(channelWaits(), syncWaits()...)
	waits = append(waits, outsideWaits()...)
	return append(append(waits, systemCall()), cWaits()...)
}
