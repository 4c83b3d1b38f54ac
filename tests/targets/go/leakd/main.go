// leakd is the demo: a small session service with two slow leaks (sessions that never expire, watchers that never
// leave) beside healthy work (pages, metrics in batches, a cache of fixed size), loaded by clients of its own over
// loopback. It is bounded: in memory by -cap, in time by -for.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"heaptop.test/internal/harness"
	"heaptop.test/leakd/internal/audit"
	"heaptop.test/leakd/internal/cache"
	"heaptop.test/leakd/internal/load"
	"heaptop.test/leakd/internal/metrics"
	"heaptop.test/leakd/internal/notify"
	"heaptop.test/leakd/internal/render"
	"heaptop.test/leakd/internal/session"
)

func main() {
	span := flag.Duration("for", 15*time.Minute, "end after this time")
	limit := flag.Int64("cap", 2048, "MiB that the process may take: sessions are kept up to three quarters of it")
	rate := flag.Int("rate", 3072, "KiB of sessions that log in per second")
	watchers := flag.Int("watchers", 5, "watchers left behind per second")
	detached := flag.Bool("detached", false, "keep running when stdin ends")
	flag.Parse()
	harness.Bound(*span)
	debug.SetMemoryLimit(*limit << 20)

	server := &session.Server{
		Sessions: cache.NewStore(*limit << 20 / 4 * 3),
		Audit:    audit.NewLog(1 << 20),
		Hub:      notify.NewHub(50000),
		Metrics:  metrics.NewBatch(3000),
		Renderer: render.NewRenderer(),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		harness.Fail("cannot listen: %v", err)
	}
	http.Handle("/", server.Handler())
	go http.Serve(listener, nil)

	client := load.NewClient("http://" + listener.Addr().String())
	client.BytesPerSecond = *rate << 10
	client.WatchersPerSecond = *watchers
	go client.Run(nil)
	go reportProgress(server.Sessions)

	harness.Ready(map[string]interface{}{
		"pid": os.Getpid(), "port": listener.Addr().(*net.TCPAddr).Port, "go_version": runtime.Version(),
	})
	if *detached {
		select {}
	}
	harness.Commands(func(line []byte) bool { return string(line) != "quit" })
}

// reportProgress writes to stderr, once a minute, what a careful operator would have wanted on a dashboard.
func reportProgress(sessions *cache.Store) {
	for range time.Tick(time.Minute) {
		entries, bytes := sessions.Size()
		fmt.Fprintf(os.Stderr, "leakd: %d sessions, %d MiB\n", entries, bytes>>20)
	}
}
