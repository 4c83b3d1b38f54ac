// Package harness is how a test talks to a target: a line `ready {JSON}` once the target's state stands, then one
// command per line on stdin, each answered by exactly one line on stdout. The end of stdin ends the target, so that
// none outlives the test that started it.
package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// Bound ends the process after d whatever happens to its parent.
func Bound(d time.Duration) {
	time.AfterFunc(d, func() { os.Exit(0) })
}

// Ready prints the ready line.
func Ready(state interface{}) { Answer("ready", state) }

// Answer prints a word and, as JSON, what goes with it.
func Answer(word string, state interface{}) {
	line, err := json.Marshal(state)
	if err != nil {
		Fail("cannot encode the %s line: %v", word, err)
	}
	os.Stdout.WriteString(word + " " + string(line) + "\n")
}

// Fail ends the process with a message.
func Fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// Commands calls handle for each line of stdin until it returns false or stdin ends. Nothing is allocated between
// handle's return and its next call, so that a target that was asked to keep quiet does.
func Commands(handle func(line []byte) bool) {
	var buffer [4096]byte
	used := 0
	for {
		for end := 0; end < used; end++ {
			if buffer[end] != '\n' {
				continue
			}
			if !handle(buffer[:end]) {
				return
			}
			used = copy(buffer[:], buffer[end+1:used])
			end = -1
		}
		if used == len(buffer) {
			Fail("a command is longer than %d bytes", len(buffer))
		}
		n, err := os.Stdin.Read(buffer[used:])
		used += n
		if err == io.EOF {
			return
		}
		if err != nil {
			Fail("cannot read stdin: %v", err)
		}
	}
}
