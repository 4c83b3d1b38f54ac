//go:build oracle_cgo

package main

/*
#include <stdlib.h>
extern void oracleCallback(int size);
static void call_back(int size) { oracleCallback(size); }
*/
import "C"

//export oracleCallback
func oracleCallback(size C.int) {
	var rows [][]byte
	for n := 0; n < int(size); n += 8 << 10 {
		rows = append(rows, make([]byte, 8<<10))
	}
	keep(rows)
}

func init() {
	cgoSites = func(size int) { C.call_back(C.int(size)) }
}
