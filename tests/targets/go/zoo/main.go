// zoo is a collection of small services that leak, each in one way that people meet, and of their healthy twins, which
// do the same work at the same pace without the leak. `zoo KIND leak|healthy` runs one beside the ordinary work of
// package busy; `zoo` alone lists the kinds. Each kind lives in a file of its own, where a comment marks the line that
// a person should be shown: LEAK behind the line that allocates what stays, or in which goroutines wait for ever,
// STARTED behind the go statement that started them.
package main

import (
	"flag"
	"fmt"
	_ "net/http/pprof" // As most services have it: keeps the heap profile on.
	"os"
	"runtime"
	"sort"
	"time"

	"heaptop.test/internal/harness"
	"heaptop.test/zoo/busy"
)

// kind is one way to leak: run starts the service and returns.
type kind struct {
	name string
	run  func(leak bool)
}

var kinds []kind

// register is called by each kind's file.
func register(name string, run func(leak bool)) {
	kinds = append(kinds, kind{name, run})
}

func main() {
	span := flag.Duration("for", 3*time.Minute, "end after this time")
	flag.Parse()
	harness.Bound(*span)
	sort.Slice(kinds, func(i, j int) bool { return kinds[i].name < kinds[j].name })
	if flag.NArg() == 0 {
		for _, k := range kinds {
			fmt.Println(k.name)
		}
		return
	}
	name, mode := flag.Arg(0), flag.Arg(1)
	if name == "upstream" {
		upstream()
		return
	}
	for _, k := range kinds {
		if k.name == name && (mode == "leak" || mode == "healthy") {
			busy.Start()
			k.run(mode == "leak")
			harness.Ready(map[string]interface{}{
				"pid": os.Getpid(), "go_version": runtime.Version(), "kind": name, "mode": mode,
			})
			harness.Commands(func(line []byte) bool { return string(line) != "quit" })
			return
		}
	}
	harness.Fail("usage: zoo [-for TIME] [KIND leak|healthy]")
}
