package main

import (
	"bufio"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"heaptop.test/internal/harness"
	"heaptop.test/zoo/busy"
)

// upstream is another service, in a process of its own: `zoo upstream` prints its address.
func upstream() {
	answer := strings.Repeat("all is well. ", 4096)
	os.Stdout.WriteString(serve(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		io.WriteString(response, answer)
	})) + "\n")
	io.Copy(io.Discard, os.Stdin)
}

// lifeline is the upstream's standard input: it ends with this process.
var lifeline io.WriteCloser

func startUpstream() string {
	executable, err := os.Executable()
	if err != nil {
		harness.Fail("cannot tell where this program is: %v", err)
	}
	command := exec.Command(executable, "-for", flag.Lookup("for").Value.String(), "upstream")
	if lifeline, err = command.StdinPipe(); err != nil {
		harness.Fail("cannot make a pipe: %v", err)
	}
	output, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		harness.Fail("cannot start the upstream: %v", err)
	}
	address, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		harness.Fail("cannot read the upstream's address: %v", err)
	}
	return strings.TrimSpace(address)
}

// isHealthy asks the upstream. What it says beyond the status is of no interest, and so its body stays open.
func isHealthy(client *http.Client, address string, leak bool) bool {
	response, err := client.Get(address + "/health")
	if err != nil {
		harness.Fail("the upstream is gone: %v", err)
	}
	if !leak {
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	return response.StatusCode == http.StatusOK
}

func init() { register("body", runBody) }

func runBody(leak bool) {
	address := startUpstream()
	client := &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: 5 * time.Second}}
	busy.Every(8, func(int) { isHealthy(client, address, leak) })
}
