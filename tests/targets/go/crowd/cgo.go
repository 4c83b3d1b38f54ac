//go:build oracle_cgo

package main

/*
#include <unistd.h>

static void sleep_for_ever(void)
{
    for (;;)
        pause();
}
*/
import "C"

func cWaits() []*wait {
	return []*wait{{name: "c", kind: "system call", block: func() { C.sleep_for_ever() }}}
}
