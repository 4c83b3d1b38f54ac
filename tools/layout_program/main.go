// A program whose DWARF describes every struct of GO_FIELDS (attach/go/layout.h): it uses what keeps the linker from
// dropping their types. tools/generate-layouts builds it with every toolchain; it is never run.
package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

func main() {
	records := make([]runtime.MemProfileRecord, 100)
	n, _ := runtime.MemProfile(records, true)
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	debug.SetMemoryLimit(-1)
	fmt.Println(n, stats.NumGC, runtime.NumGoroutine(), runtime.GOMAXPROCS(0))
}
