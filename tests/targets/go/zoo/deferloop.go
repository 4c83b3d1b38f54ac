package main

import (
	"bufio"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// threads is the gauge's last value.
var threads atomic.Value

// watchThreads reads its own status time and again, for a gauge. The deferred close waits for the function's end, which
// is the service's.
func watchThreads(gauge func(line string), leak bool) {
	tick := time.NewTicker(time.Second / 15)
	defer tick.Stop()
	for range tick.C {
		file, err := os.Open("/proc/self/status")
		if err != nil {
			continue
		}
		reader := bufio.NewReaderSize(file, 128<<10) // LEAK
		if leak {
			defer closeStatus(reader, file)
		}
		for {
			line, err := reader.ReadString('\n')
			if err != nil {
				break
			}
			gauge(line)
		}
		if !leak {
			closeStatus(reader, file)
		}
	}
}

func closeStatus(reader *bufio.Reader, file *os.File) {
	reader.Reset(nil)
	file.Close()
}

func init() { register("deferloop", runDeferLoop) }

func runDeferLoop(leak bool) {
	go watchThreads(func(line string) {
		if strings.HasPrefix(line, "Threads:") {
			threads.Store(strings.TrimSpace(line))
		}
	}, leak)
}
