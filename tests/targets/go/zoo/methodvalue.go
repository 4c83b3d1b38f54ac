package main

import (
	"sync"
	"time"

	"heaptop.test/zoo/busy"
)

// shutdown calls its hooks when the service ends. A method value keeps its receiver alive.
var shutdown hooks

type hooks struct {
	mutex sync.Mutex
	next  int
	list  map[int]func()
}

func (h *hooks) add(hook func()) (remove func()) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.list == nil {
		h.list = make(map[int]func())
	}
	h.next++
	id := h.next
	h.list[id] = hook
	return func() {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		delete(h.list, id)
	}
}

type upload struct {
	size   int
	closed bool
	window [8192]byte
}

func (u *upload) close() { u.closed = true }

func init() { register("methodvalue", runMethodValue) }

func runMethodValue(leak bool) {
	busy.Every(200, func(n int) {
		u := newUpload(n)
		remove := shutdown.add(u.close)
		time.AfterFunc(500*time.Millisecond, func() {
			u.close()
			if !leak {
				remove()
			}
		})
	})
}

func newUpload(size int) *upload {
	u := &upload{size: size} // LEAK
	u.window[0] = byte(size)
	return u
}
