// latency measures whether watching a service slows it. `latency serve` is the service: it holds a heap and waiting
// goroutines, and each request allocates and computes. `latency measure` sends it requests at a steady pace and prints
// percentiles as one JSON line. Each request's time counts from when it was due, so that a pause of the service shows
// in every request it delays.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"sort"
	"sync"
	"time"

	"heaptop.test/internal/harness"
)

func main() {
	if len(os.Args) < 2 {
		harness.Fail("usage: latency serve|measure [options]")
	}
	switch os.Args[1] {
	case "serve":
		serve(os.Args[2:])
	case "measure":
		measure(os.Args[2:])
	default:
		harness.Fail("latency: no such mode: %s", os.Args[1])
	}
}

type order struct {
	ID    int               `json:"id"`
	Items []string          `json:"items"`
	Notes map[string]string `json:"notes"`
}

func serve(arguments []string) {
	options := flag.NewFlagSet("serve", flag.ExitOnError)
	size := options.Int("size", 128, "MiB of heap to hold")
	waiting := options.Int("goroutines", 2000, "waiting goroutines")
	bound := options.Duration("for", 10*time.Minute, "end after this time in any case")
	options.Parse(arguments)
	harness.Bound(*bound)

	var held []*order
	for n := 0; n < *size<<20; n += 600 {
		held = append(held, makeOrder(n))
	}
	never := make(chan int)
	var begun sync.WaitGroup
	begun.Add(*waiting)
	for i := 0; i < *waiting; i++ {
		go func() {
			begun.Done()
			<-never
		}()
	}
	begun.Wait()
	http.HandleFunc("/order", func(response http.ResponseWriter, _ *http.Request) {
		orders := make([]*order, 0, 32)
		for i := 0; i < 32; i++ {
			orders = append(orders, makeOrder(i))
		}
		text, _ := json.Marshal(orders)
		sum := fnv.New64a()
		sum.Write(text)
		fmt.Fprintf(response, "%016x\n", sum.Sum64())
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		harness.Fail("cannot listen: %v", err)
	}
	go http.Serve(listener, nil)
	harness.Ready(map[string]interface{}{"pid": os.Getpid(), "port": listener.Addr().(*net.TCPAddr).Port})
	harness.Commands(func(line []byte) bool {
		if string(line) == "gap" {
			harness.Answer("gap", map[string]int64{"longest_ns": int64(takeLongestGap())})
		}
		return string(line) != "quit"
	})
	runtime.KeepAlive(held)
}

var gaps struct {
	sync.Mutex
	watching bool
	longest  time.Duration
}

const gapPeriod = 500 * time.Microsecond

// takeLongestGap is by how much a goroutine that wakes every half millisecond was late at most, since the last time it
// was asked for. The first time it only begins to watch.
func takeLongestGap() time.Duration {
	gaps.Lock()
	defer gaps.Unlock()
	longest := gaps.longest
	gaps.longest = 0
	if !gaps.watching {
		gaps.watching = true
		go watchGaps()
	}
	return longest
}

func watchGaps() {
	for last := time.Now(); ; {
		time.Sleep(gapPeriod)
		now := time.Now()
		gap := now.Sub(last) - gapPeriod
		last = now
		gaps.Lock()
		if gap > gaps.longest {
			gaps.longest = gap
		}
		gaps.Unlock()
	}
}

func makeOrder(id int) *order {
	o := &order{ID: id, Notes: map[string]string{"state": "open"}}
	for i := 0; i < 6; i++ {
		o.Items = append(o.Items, fmt.Sprintf("item %d of %d", i, id))
	}
	return o
}

func measure(arguments []string) {
	options := flag.NewFlagSet("measure", flag.ExitOnError)
	port := options.Int("port", 0, "the service's port on 127.0.0.1")
	span := options.Duration("for", 10*time.Second, "how long to measure")
	pace := options.Int("pace", 400, "requests per second")
	clients := options.Int("clients", 8, "requests in flight at most")
	options.Parse(arguments)
	if *port == 0 || *pace < 1 || *clients < 1 {
		harness.Fail("latency measure: -port is needed, -pace and -clients at least 1")
	}

	client := &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: *clients},
		Timeout:   10 * time.Second,
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/order", *port)
	if !request(client, url) {
		harness.Fail("latency measure: %s does not answer", url)
	}
	due := make(chan time.Time, *clients)
	took := make([][]time.Duration, *clients)
	failed := make([]int, *clients)
	var running sync.WaitGroup
	for i := 0; i < *clients; i++ {
		running.Add(1)
		go func(i int) {
			defer running.Done()
			for at := range due {
				if request(client, url) {
					took[i] = append(took[i], time.Since(at))
				} else {
					failed[i]++
				}
			}
		}(i)
	}
	interval := time.Second / time.Duration(*pace)
	start := time.Now()
	for n := 0; ; n++ {
		at := start.Add(time.Duration(n) * interval)
		if at.Sub(start) >= *span {
			break
		}
		time.Sleep(time.Until(at))
		due <- at
	}
	close(due)
	running.Wait()
	printPercentiles(took, failed)
}

func request(client *http.Client, url string) bool {
	response, err := client.Get(url)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}

func printPercentiles(took [][]time.Duration, failed []int) {
	var all []time.Duration
	var sum time.Duration
	failures := 0
	for i := range took {
		all = append(all, took[i]...)
		failures += failed[i]
	}
	if len(all) == 0 {
		harness.Fail("latency measure: no request was answered")
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	for _, one := range all {
		sum += one
	}
	at := func(part float64) int64 { return all[int(part*float64(len(all)-1))].Nanoseconds() }
	line, err := json.Marshal(map[string]int64{
		"requests": int64(len(all)), "failures": int64(failures), "mean_ns": sum.Nanoseconds() / int64(len(all)),
		"p50_ns": at(0.50), "p90_ns": at(0.90), "p99_ns": at(0.99), "p999_ns": at(0.999), "max_ns": at(1),
	})
	if err != nil {
		harness.Fail("cannot encode the percentiles: %v", err)
	}
	fmt.Println(string(line))
}
