// crowd holds goroutines of which no two have the same stack: every way to wait there is, in every way a function can be
// called. Each has noted of itself what heaptop is then asked: its id, its parent's, its pprof labels, and the channels
// and locks it waits on. On the command "churn" others come and go as fast as they can, until "still"; "count" tells how
// many there are.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"strconv"
	"sync"
	"time"

	"heaptop.test/internal/harness"
)

// member is what a goroutine says of itself.
type member struct {
	Goid    uint64            `json:"goid"`
	Parent  uint64            `json:"parent"`
	Name    string            `json:"name"`
	Kind    string            `json:"kind"`
	Labels  map[string]string `json:"labels"`
	Objects []object          `json:"objects"`
}

// object is what it waits on: a channel, or the memory that a lock takes up.
type object struct {
	Address  uint64 `json:"address"`
	Size     uint64 `json:"size"` // 0: a channel, known by its address.
	Capacity int    `json:"capacity"`
	Length   int    `json:"length"`
	Closed   bool   `json:"closed"`
}

var crowd struct {
	sync.Mutex
	members []*member
}

// self returns the id of the goroutine that calls it.
func self() uint64 {
	var buffer [64]byte
	text := buffer[:runtime.Stack(buffer[:], false)]
	text = bytes.TrimPrefix(text, []byte("goroutine "))
	end := bytes.IndexByte(text, ' ')
	goid, err := strconv.ParseUint(string(text[:end]), 10, 64)
	if err != nil {
		harness.Fail("cannot read a goroutine's id: %v", err)
	}
	return goid
}

// join notes the goroutine that calls it and gives it its labels.
func join(parent uint64, name string, wait *wait, labels map[string]string) {
	var list []string
	for key, value := range labels {
		list = append(list, key, value)
	}
	if len(list) > 0 {
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(list...)))
	}
	if labels == nil {
		labels = map[string]string{}
	}
	crowd.Lock()
	crowd.members = append(crowd.members,
		&member{Goid: self(), Parent: parent, Name: name, Kind: wait.kind, Labels: labels, Objects: wait.objects})
	crowd.Unlock()
}

// labelsFor gives most goroutines labels of their own: one or two, some twelve of them (the map that older versions keep
// them in has then grown), with quotes and other writing in some, and none to every seventh.
func labelsFor(number int, style, wait string) map[string]string {
	switch {
	case number%7 == 0:
		return nil
	case number%7 == 1:
		labels := map[string]string{}
		for i := 0; i < 12; i++ {
			labels[fmt.Sprintf("key%02d", i)] = fmt.Sprintf("value %d of %d", i, number)
		}
		return labels
	case number%7 == 2:
		return map[string]string{"path": `/a "quoted" \ path`, "stadt": "Köln"}
	}
	return map[string]string{"style": style, "wait": wait}
}

// descend makes a chain of goroutines, each the child of the one before: all live on.
func descend(depth int, parent uint64, wait *wait) {
	me := self()
	if depth > 0 {
		go descend(depth-1, me, wait)
	}
	join(parent, fmt.Sprintf("chain/%d", depth), wait, nil)
	wait.block()
}

// orphan makes a goroutine and ends.
func orphan(wait *wait) {
	me := self()
	go func() {
		join(me, "orphan", wait, map[string]string{"parent": "ended"})
		wait.block()
	}()
}

// waitUntilParked returns when the runtime's own dump has every member in a state of waiting.
func waitUntilParked(count int) {
	buffer := make([]byte, 32<<20)
	deadline := time.Now().Add(60 * time.Second)
	for {
		crowd.Lock()
		joined := len(crowd.members)
		crowd.Unlock()
		busy := 0
		for _, record := range bytes.Split(buffer[:runtime.Stack(buffer, true)], []byte("\n\n")) {
			if bytes.Contains(record, []byte("[running]")) || bytes.Contains(record, []byte("[runnable]")) {
				busy++
			}
		}
		if joined == count && busy <= 1 {
			return
		}
		if time.Now().After(deadline) {
			harness.Fail("%d of %d goroutines have joined, %d do not wait yet", joined, count, busy)
		}
		// Only a pause between two looks at what is waited for.
		time.Sleep(5 * time.Millisecond)
	}
}

func main() {
	harness.Bound(20 * time.Minute)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		harness.Fail("cannot listen: %v", err)
	}
	go http.Serve(listener, nil)
	me, count := self(), 0
	waits := makeWaits()
	for _, style := range styles {
		for _, wait := range waits {
			count++
			name := style.name + "/" + wait.name
			labels := labelsFor(count, style.name, wait.name)
			style, wait := style, wait
			style.start(func() { join(me, name, wait, labels) }, wait)
		}
	}
	chain := channelWait("chain")
	go descend(4, me, chain)
	go orphan(channelWait("orphan"))
	count += 6
	waitUntilParked(count)
	// Two collections: after the first, goroutines have noted since when they wait.
	runtime.GC()
	runtime.GC()
	waitUntilParked(count)
	sort.Slice(crowd.members, func(i, j int) bool { return crowd.members[i].Goid < crowd.members[j].Goid })
	harness.Ready(map[string]interface{}{
		"pid": os.Getpid(), "port": listener.Addr().(*net.TCPAddr).Port, "go_version": runtime.Version(),
		"members": crowd.members, "styles": len(styles), "waits": len(waits),
	})
	harness.Commands(func(line []byte) bool {
		switch string(line) {
		case "churn":
			startChurn()
		case "still":
			stopChurn()
		case "count":
		default:
			harness.Answer("unknown", string(line))
			return true
		}
		harness.Answer("count", map[string]int{"goroutines": runtime.NumGoroutine()})
		return true
	})
	keepAlive(waits)
}
