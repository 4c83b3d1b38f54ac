// metricsgen is a badly instrumented service: a loopback /metrics endpoint one of whose labels takes ever new values,
// as a request id would. What scrapes it grows, it does not.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"heaptop.test/internal/harness"
)

func main() {
	address := flag.String("listen", "127.0.0.1:0", "address to serve on")
	grow := flag.Int("grow", 500, "new label values per second")
	window := flag.Int("window", 2000, "how many of the newest values a scrape shows")
	limit := flag.Int("max", 1000000, "label values after which no more come")
	bound := flag.Duration("for", 10*time.Minute, "end after this time in any case")
	flag.Parse()
	harness.Bound(*bound)

	started := time.Now()
	http.HandleFunc("/metrics", func(response http.ResponseWriter, _ *http.Request) {
		newest := *window + int(time.Since(started).Seconds()*float64(*grow))
		if newest > *limit {
			newest = *limit
		}
		out := bufio.NewWriter(response)
		defer out.Flush()
		fmt.Fprintf(out, "# TYPE metricsgen_values gauge\nmetricsgen_values %d\n", newest)
		fmt.Fprint(out, "# TYPE metricsgen_request_seconds gauge\n")
		for id := newest - *window; id < newest; id++ {
			fmt.Fprintf(out, "metricsgen_request_seconds{method=\"GET\",path=\"/orders/%08d\",request_id=\"%016x\"} %d\n",
				id, uint64(id)*0x9e3779b97f4a7c15, id%1000)
		}
	})
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		harness.Fail("cannot listen: %v", err)
	}
	go http.Serve(listener, nil)
	harness.Ready(map[string]interface{}{"pid": os.Getpid(), "port": listener.Addr().(*net.TCPAddr).Port})
	harness.Commands(func(line []byte) bool { return string(line) != "quit" })
}
