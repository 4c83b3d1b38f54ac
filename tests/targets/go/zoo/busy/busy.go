// Package busy is the ordinary work of a service, none of which leaks: it renders answers, keeps a cache of fixed size
// whose entries come and go, starts and ends goroutines, opens and stops tickers, subscribers come and leave. Leaks are
// to be told from it.
package busy

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand"
	"strings"
	"sync"
	"time"
)

const (
	cacheEntries    = 4096
	entryBytes      = 4096
	fillsPerSecond  = 400
	pagesPerSecond  = 160
	pageBytes       = 48 << 10
	handlersPerSec  = 40
	longestHandling = 400 * time.Millisecond
	subscribers     = 24
)

// Start begins the work; it ends with the process.
func Start() {
	cache := newCache()
	Every(fillsPerSecond, cache.replace)
	Every(pagesPerSecond, render)
	pool := newPool(4)
	Every(handlersPerSec, func(n int) {
		pool.jobs <- n
		go handle(n)
	})
	go subscribe()
}

// Every calls work so many times a second, in a goroutine of its own and in bursts of at most 20 a second: what a timer
// costs is not what a zoo is about. After a long delay it does not catch up.
func Every(perSecond int, work func(n int)) {
	bursts := perSecond
	if bursts > 20 {
		bursts = 20
	}
	go func() {
		tick := time.NewTicker(time.Second / time.Duration(bursts))
		defer tick.Stop()
		n, owed := 0, 0
		for range tick.C {
			for owed += perSecond; owed >= bursts; owed -= bursts {
				work(n)
				n++
			}
		}
	}()
}

// cache holds a fixed number of entries, replaced in no order.
type cache struct {
	mutex   sync.Mutex
	random  *rand.Rand
	entries [cacheEntries]*entry
}

type entry struct {
	key  int
	data []byte
}

func newCache() *cache {
	c := &cache{random: rand.New(rand.NewSource(1))}
	for i := range c.entries {
		c.entries[i] = newEntry(i)
	}
	return c
}

func newEntry(key int) *entry {
	return &entry{key: key, data: make([]byte, entryBytes)}
}

func (c *cache) replace(n int) {
	c.mutex.Lock()
	c.entries[c.random.Intn(cacheEntries)] = newEntry(n)
	c.mutex.Unlock()
}

type answer struct {
	ID    int               `json:"id"`
	Name  string            `json:"name"`
	Links map[string]string `json:"links"`
}

// render makes garbage.
func render(n int) {
	links := map[string]string{"self": "/answers", "next": "/answers?page=2"}
	text, err := json.Marshal(answer{ID: n, Name: strings.Repeat("n", 40), Links: links})
	if err != nil {
		return
	}
	var page bytes.Buffer
	for page.Len() < pageBytes {
		page.Write(text)
	}
}

// pool is a pool of workers.
type pool struct {
	jobs chan int
}

func newPool(workers int) *pool {
	p := &pool{jobs: make(chan int, 16)}
	for i := 0; i < workers; i++ {
		go p.work()
	}
	return p
}

func (p *pool) work() {
	for job := range p.jobs {
		render(job)
	}
}

// handle is a goroutine for one request, which waits for what a request waits for.
func handle(n int) {
	length := time.Duration(n)*7919*time.Microsecond%longestHandling + time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	progress := time.NewTicker(100 * time.Millisecond)
	defer progress.Stop()
	watchdog := time.AfterFunc(time.Minute, func() { panic("a request hangs") })
	defer watchdog.Stop()
	for {
		select {
		case <-progress.C:
			render(n)
		case <-ctx.Done():
			return
		}
	}
}

// subscribe lets subscribers join and leave: there are always as many.
func subscribe() {
	var list [subscribers]chan int
	for n := 0; ; n++ {
		place := n % subscribers
		if list[place] != nil {
			close(list[place])
		}
		events := make(chan int, 8)
		list[place] = events
		go func() {
			for range events {
			}
		}()
		for _, events := range list {
			if events != nil {
				events <- n
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}
