// What Go itself says of code addresses, for tests/live/symbols_test.
//
//	symbols_oracle gosym FILE OFFSET SIZE TEXT   by debug/gosym: FILE has the function table at OFFSET, the code at TEXT
//	symbols_oracle self                          by runtime.CallersFrames, of this program's own code
//
// Reads addresses in hex from stdin (for `self` relative to main.main's entry) and answers each with a line: function,
// file, line, entry (for `self` relative too), separated by tabs.
package main

import (
	"bufio"
	"debug/gosym"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"sort"
	"strconv"
	"strings"
)

type pair[K comparable, V any] struct {
	key   K
	value V
}

func (p *pair[K, V]) String() string { return fmt.Sprint(p.key) + "=" + fmt.Sprint(p.value) }

func apply[T any](values []T, f func(T) T) []T {
	var out []T
	for _, v := range values {
		out = append(out, f(v))
	}
	return out
}

// Inlined into each other, three deep, and into generic and closure bodies.
func square(x int) int     { return x * len(os.Args) * x }
func fourth(x int) int     { return square(x) + square(square(x)) }
func eighth(x int) int     { return fourth(x) - fourth(fourth(x)) }
func wrapped[T any](v T) T { return identity(v) }
func identity[T any](v T) T {
	if len(os.Args) > 1000 {
		panic("too many arguments")
	}
	return v
}

type shape interface{ area() int }
type side struct{ length int }
type box struct{ side }

func (s side) area() int { return eighth(s.length) }

// Keeps all of the above in the program.
func exercise() {
	p := &pair[string, int]{"a", 1}
	q := &pair[side, map[string]int]{}
	numbers := apply([]int{3, 1, 2}, func(x int) int { return eighth(x) + fourth(x) })
	words := apply([]string{"b", "a"}, func(s string) string { return strings.ToUpper(wrapped(s)) })
	shapes := []shape{side{1}, &box{side{2}}}
	sort.Slice(shapes, func(i, j int) bool { return shapes[i].area() < shapes[j].area() })
	func() {
		defer func() { _ = recover() }()
		fmt.Fprint(nowhere{}, p, q, numbers, words, wrapped(shapes[0]).area())
	}()
	exerciseNewest()
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "symbols_oracle: "+format+"\n", arguments...)
	os.Exit(1)
}

func lookUpBySelf() func(uint64) (string, string, int, uint64) {
	base := uint64(reflect.ValueOf(main).Pointer())
	return func(offset uint64) (string, string, int, uint64) {
		// One more, since CallersFrames takes return addresses.
		frame, _ := runtime.CallersFrames([]uintptr{uintptr(base + offset + 1)}).Next()
		return frame.Function, frame.File, frame.Line, uint64(frame.Entry) - base
	}
}

func lookUpByGosym(path, offset, size, text string) func(uint64) (string, string, int, uint64) {
	number := func(s string) uint64 {
		n, err := strconv.ParseUint(s, 16, 64)
		if err != nil {
			fail("%v", err)
		}
		return n
	}
	file, err := os.Open(path)
	if err != nil {
		fail("%v", err)
	}
	data := make([]byte, number(size))
	if _, err := file.ReadAt(data, int64(number(offset))); err != nil {
		fail("%v", err)
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, number(text)))
	if err != nil {
		fail("%v", err)
	}
	return func(address uint64) (string, string, int, uint64) {
		file, line, f := table.PCToLine(address)
		if f == nil {
			return "", "", 0, 0
		}
		return f.Name, file, line, f.Entry
	}
}

func main() {
	exercise()
	if len(os.Args) < 2 {
		fail("no command")
	}
	var lookUp func(uint64) (string, string, int, uint64)
	switch {
	case os.Args[1] == "self":
		lookUp = lookUpBySelf()
	case os.Args[1] == "gosym" && len(os.Args) == 6:
		lookUp = lookUpByGosym(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	default:
		fail("unknown command %q", os.Args[1])
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		address, err := strconv.ParseUint(lines.Text(), 16, 64)
		if err != nil {
			fail("%v", err)
		}
		function, file, line, entry := lookUp(address)
		fmt.Fprintf(out, "%s\t%s\t%d\t%x\n", function, file, line, entry)
	}
}
