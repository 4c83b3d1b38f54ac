package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"heaptop.test/internal/harness"
	"heaptop.test/zoo/busy"
)

const recordedRequests = 500

// record is a middleware that keeps the bodies of requests for the page /debug/requests: the last ones, or all of them.
func record(next http.Handler, all bool) http.Handler {
	var mutex sync.Mutex
	var bodies []string
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		var body bytes.Buffer
		io.Copy(&body, request.Body)
		mutex.Lock()
		bodies = append(bodies, body.String()) // LEAK
		if !all && len(bodies) > 2*recordedRequests {
			bodies = append([]string(nil), bodies[recordedRequests:]...)
		}
		mutex.Unlock()
		next.ServeHTTP(response, request)
	})
}

// serve serves on a free port of the loopback interface and returns the address.
func serve(handler http.Handler) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		harness.Fail("cannot listen: %v", err)
	}
	go http.Serve(listener, handler)
	return "http://" + listener.Addr().String()
}

func init() { register("middleware", runMiddleware) }

func runMiddleware(leak bool) {
	greet := http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		io.WriteString(response, "thank you\n")
	})
	address := serve(record(greet, leak))
	client := &http.Client{Timeout: 5 * time.Second}
	form := bytes.Repeat([]byte("field=value&"), 800)
	busy.Every(150, func(int) {
		response, err := client.Post(address+"/form", "application/x-www-form-urlencoded", bytes.NewReader(form))
		if err != nil {
			return
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	})
}
