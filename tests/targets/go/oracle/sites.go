package main

import (
	"bytes"
	"container/list"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"sync"
)

// held keeps what the sites allocate alive, one entry per site.
var held []interface{}

func keep(object interface{}) { held = append(held, object) }

// cgoSites allocates below a C frame where the oracle is built with cgo, else it is nil.
var cgoSites func(size int)

// Allocated while package variables are initialised, by a function literal of package scope.
var initialised = func() [][]byte {
	var rows [][]byte
	for i := 0; i < 64; i++ {
		rows = append(rows, make([]byte, 32<<10))
	}
	return rows
}()

func init() {
	initialised = append(initialised, make([]byte, 2<<20))
}

// buildSites runs every allocation site; each holds about size / number of sites.
func buildSites(size int) {
	sites := []func(size int){
		siteSmallPointers, siteTiny, siteInlined, siteMethodValue, siteClosure, siteGenericSlice, siteGenericStack,
		siteInterface, siteWrapper, siteRecursionShort, siteRecursionDeep, siteRecursionVeryDeep, siteMutualRecursion,
		siteMegabyteObjects, siteHugeObject, siteStringMap, siteIntegerMap, siteConcatenation, siteBuilder, siteSprintf,
		siteChannels, siteAppend, siteDeferred, siteRecovered, siteReflect, siteReflectCall, sitePool, siteOnce, siteSort,
		siteJSON, siteBuffer, siteList, siteRegexp, siteGoroutine, siteFinalizers, siteÜñïcödé, siteManyLines,
	}
	for _, site := range sites {
		site(size / len(sites))
	}
	if cgoSites != nil {
		cgoSites(size / len(sites))
	}
	garbage(size / 4)
}

// garbage is freed again, so that allocated and in-use values differ.
//
//go:noinline
func garbage(size int) {
	for n := 0; n < size; n += 4 << 10 {
		sink = make([]byte, 4<<10)
	}
	sink = nil
}

var sink []byte

type node struct {
	next *node
	key  int
	name string
}

func siteSmallPointers(size int) {
	var head *node
	for n := 0; n < size; n += 32 {
		head = &node{next: head, key: n}
	}
	keep(head)
}

func siteTiny(size int) {
	numbers := make([]*uint32, 0, size/12)
	for n := 0; n < size/12; n++ {
		number := uint32(n)
		numbers = append(numbers, &number)
	}
	keep(numbers)
}

// newNode and newNodes are small enough to be inlined, one into the other.
func newNode(next *node, key int) *node { return &node{next: next, key: key} }

func newNodes(next *node, key int) *node { return newNode(newNode(next, key), -key) }

func siteInlined(size int) {
	var head *node
	for n := 0; n < size; n += 64 {
		head = newNodes(head, n)
	}
	keep(head)
}

type factory struct{ width int }

//go:noinline
func (f *factory) produce() []byte { return make([]byte, f.width) }

func siteMethodValue(size int) {
	produce := (&factory{width: 3000}).produce
	var rows [][]byte
	for n := 0; n < size; n += 3072 {
		rows = append(rows, produce())
	}
	keep(rows)
}

func siteClosure(size int) {
	width := 5 << 10
	var rows [][]byte
	add := func() {
		grow := func() { rows = append(rows, make([]byte, width)) }
		grow()
	}
	for n := 0; n < size; n += width {
		add()
	}
	keep(rows)
}

//go:noinline
func fill[T any](count int, make func(i int) T) []T {
	var all []T
	for i := 0; i < count; i++ {
		all = append(all, make(i))
	}
	return all
}

func siteGenericSlice(size int) {
	keep(fill(size/3/16, func(i int) string { return string(rune('a' + i%26)) }))
	keep(fill(size/3/8, func(i int) int { return i }))
	keep(fill(size/3/40, func(i int) *node { return &node{key: i} }))
}

type stack[T any] struct{ top *cell[T] }

type cell[T any] struct {
	below *cell[T]
	value T
}

//go:noinline
func (s *stack[T]) Push(value T) { s.top = &cell[T]{below: s.top, value: value} }

func siteGenericStack(size int) {
	var words stack[string]
	var pairs stack[[2]int64]
	for n := 0; n < size; n += 56 {
		words.Push("word")
		pairs.Push([2]int64{int64(n), 1})
	}
	keep(&words)
	keep(&pairs)
}

type shape interface{ outline() []float64 }

type square struct{ side float64 }

//go:noinline
func (s square) outline() []float64 { return make([]float64, 256) }

func siteInterface(size int) {
	var shapes []shape
	shapes = append(shapes, square{1}, &square{2})
	var outlines [][]float64
	for n := 0; n < size; n += 2048 {
		outlines = append(outlines, shapes[n/2048%2].outline())
	}
	keep(outlines)
}

// framed gets outline by embedding: the call goes through a wrapper that the compiler makes.
type framed struct {
	*square
	title string
}

func siteWrapper(size int) {
	var s shape = framed{square: &square{3}}
	var outlines [][]float64
	for n := 0; n < size; n += 2048 {
		outlines = append(outlines, s.outline())
	}
	keep(outlines)
}

//go:noinline
func descend(depth, width int) []byte {
	if depth == 0 {
		return make([]byte, width)
	}
	row := descend(depth-1, width)
	row[0]++
	return row
}

func recursion(depth, size int) {
	var rows [][]byte
	for n := 0; n < size; n += 8 << 10 {
		rows = append(rows, descend(depth, 8<<10))
	}
	keep(rows)
}

func siteRecursionShort(size int) { recursion(12, size) }

// Deeper than the 32 frames a profile kept up to Go 1.22.
func siteRecursionDeep(size int) { recursion(60, size) }

// Deeper than the 128 frames it keeps since.
func siteRecursionVeryDeep(size int) { recursion(200, size) }

//go:noinline
func even(n, width int) []byte {
	if n == 0 {
		return make([]byte, width)
	}
	row := odd(n-1, width)
	row[0]++
	return row
}

//go:noinline
func odd(n, width int) []byte {
	row := even(n-1, width)
	row[0]++
	return row
}

func siteMutualRecursion(size int) {
	var rows [][]byte
	for n := 0; n < size; n += 6 << 10 {
		rows = append(rows, even(8, 6<<10))
	}
	keep(rows)
}

func siteMegabyteObjects(size int) {
	var rows [][]byte
	for n := 0; n < size; n += 1 << 20 {
		rows = append(rows, make([]byte, 1<<20))
	}
	keep(rows)
}

func siteHugeObject(size int) { keep(make([]*node, size/8)) }

func siteStringMap(size int) {
	counts := make(map[string]int)
	for n := 0; n < size; n += 96 {
		counts[fmt.Sprint("key ", n)] = n
	}
	keep(counts)
}

func siteIntegerMap(size int) {
	nodes := make(map[int]*node)
	for n := 0; n < size; n += 96 {
		nodes[n] = &node{key: n}
	}
	keep(nodes)
}

func siteConcatenation(size int) {
	line := strings.Repeat("x", 500)
	var lines []string
	for n := 0; n < size; n += 1024 {
		lines = append(lines, line+"/"+line)
	}
	keep(lines)
}

func siteBuilder(size int) {
	var builder strings.Builder
	for builder.Len() < size/2 {
		builder.WriteString("0123456789abcdef")
	}
	keep(builder.String())
}

func siteSprintf(size int) {
	var lines []string
	for n := 0; n < size; n += 64 {
		lines = append(lines, fmt.Sprintf("%040d", n))
	}
	keep(lines)
}

func siteChannels(size int) {
	var channels []chan *node
	for n := 0; n < size; n += 8 << 10 {
		channels = append(channels, make(chan *node, 1000))
	}
	keep(channels)
}

func siteAppend(size int) {
	var numbers []int64
	for len(numbers)*8 < size/2 {
		numbers = append(numbers, int64(len(numbers)))
	}
	keep(numbers)
}

//go:noinline
func deferredRow(rows *[][]byte) {
	defer func() { *rows = append(*rows, make([]byte, 7<<10)) }()
}

func siteDeferred(size int) {
	var rows [][]byte
	for n := 0; n < size; n += 7 << 10 {
		deferredRow(&rows)
	}
	keep(rows)
}

//go:noinline
func panickingRow(rows *[][]byte) {
	defer func() {
		recover()
		*rows = append(*rows, make([]byte, 9<<10))
	}()
	panic("a row, please")
}

func siteRecovered(size int) {
	var rows [][]byte
	for n := 0; n < size; n += 9 << 10 {
		panickingRow(&rows)
	}
	keep(rows)
}

func siteReflect(size int) {
	kind := reflect.TypeOf(node{})
	nodes := reflect.MakeSlice(reflect.SliceOf(reflect.PtrTo(kind)), 0, 0)
	for n := 0; n < size; n += 48 {
		nodes = reflect.Append(nodes, reflect.New(kind))
	}
	keep(nodes.Interface())
}

func siteReflectCall(size int) {
	produce := reflect.ValueOf(&factory{width: 4000}).MethodByName("Produce")
	var rows [][]byte
	for n := 0; n < size; n += 4096 {
		rows = append(rows, produce.Call(nil)[0].Bytes())
	}
	keep(rows)
}

// Produce is exported for reflection.
func (f *factory) Produce() []byte { return f.produce() }

func sitePool(size int) {
	pool := sync.Pool{New: func() interface{} { return make([]byte, 11<<10) }}
	var rows []interface{}
	for n := 0; n < size; n += 11 << 10 {
		rows = append(rows, pool.Get())
	}
	keep(rows)
}

func siteOnce(size int) {
	var once sync.Once
	once.Do(func() { keep(make([]byte, size)) })
}

func siteSort(size int) {
	numbers := []int{3, 1, 2}
	var rows [][]byte
	for n := 0; n < size; n += 26 << 10 {
		sort.Slice(numbers, func(i, j int) bool {
			rows = append(rows, make([]byte, 13<<10))
			return numbers[i] < numbers[j]
		})
	}
	keep(rows)
}

type record struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
	Values []float64         `json:"values"`
}

func siteJSON(size int) {
	text := []byte(`{"name":"up","labels":{"job":"oracle","instance":"one"},"values":[1,2,3,4,5,6,7,8]}`)
	var records []*record
	for n := 0; n < size; n += 700 {
		decoded := new(record)
		if json.Unmarshal(text, decoded) == nil {
			records = append(records, decoded)
		}
	}
	keep(records)
}

func siteBuffer(size int) {
	buffer := new(bytes.Buffer)
	for buffer.Len() < size/2 {
		fmt.Fprintf(buffer, "%d,", buffer.Len())
	}
	keep(buffer)
}

func siteList(size int) {
	all := list.New()
	for n := 0; n < size; n += 56 {
		all.PushFront(n)
	}
	keep(all)
}

func siteRegexp(size int) {
	var expressions []*regexp.Regexp
	for n := 0; n < size; n += 24 << 10 {
		expressions = append(expressions, regexp.MustCompile(fmt.Sprintf(`^(a|b)*%d[0-9]{1,20}(x+y)?$`, n)))
	}
	keep(expressions)
}

func siteGoroutine(size int) {
	rows := make(chan []byte)
	go func() {
		defer close(rows)
		for n := 0; n < size; n += 15 << 10 {
			rows <- make([]byte, 15<<10)
		}
	}()
	var all [][]byte
	for row := range rows {
		all = append(all, row)
	}
	keep(all)
}

func siteFinalizers(size int) {
	var nodes []*node
	for n := 0; n < size; n += 256 {
		object := &node{key: n}
		runtime.SetFinalizer(object, func(*node) {})
		nodes = append(nodes, object)
	}
	keep(nodes)
}

type größe struct{ π []byte }

//go:noinline
func (g *größe) 広げる(width int) { g.π = make([]byte, width) }

func siteÜñïcödé(size int) {
	var all []*größe
	for n := 0; n < size; n += 17 << 10 {
		g := new(größe)
		g.広げる(17 << 10)
		all = append(all, g)
	}
	keep(all)
}

// Several sites of one function, told apart only by their lines.
func siteManyLines(size int) {
	var rows [][]byte
	for n := 0; n < size; n += 4 * 10240 {
		rows = append(rows,
			make([]byte, 10240),
			make([]byte, 10240),
			make([]byte, 10240),
			make([]byte, 10240))
	}
	keep(rows)
}
