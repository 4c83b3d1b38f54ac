// zoocgo is the one kind of the zoo (see ../zoo) that needs cgo: thumbnails made by a C library, whose memory the Go
// side has to free.
package main

/*
#include <stdlib.h>
#include <string.h>

struct thumbnail {
	int width;
	char pixels[65536];
};

static struct thumbnail *thumbnail_create(int width)
{
	struct thumbnail *thumbnail = malloc(sizeof(*thumbnail));
	if (thumbnail) {
		thumbnail->width = width;
		memset(thumbnail->pixels, width, sizeof(thumbnail->pixels));
	}
	return thumbnail;
}

static void thumbnail_destroy(struct thumbnail *thumbnail)
{
	free(thumbnail);
}
*/
import "C"

import (
	"flag"
	_ "net/http/pprof"
	"os"
	"runtime"
	"time"

	"heaptop.test/internal/harness"
	"heaptop.test/zoo/busy"
)

func main() {
	span := flag.Duration("for", 3*time.Minute, "end after this time")
	flag.Parse()
	harness.Bound(*span)
	mode := flag.Arg(1)
	if flag.Arg(0) != "cgomalloc" || (mode != "leak" && mode != "healthy") {
		harness.Fail("usage: zoocgo [-for TIME] cgomalloc leak|healthy")
	}
	busy.Start()
	busy.Every(40, func(n int) {
		thumbnail := C.thumbnail_create(C.int(n % 256))
		time.AfterFunc(time.Second, func() {
			if mode == "healthy" {
				C.thumbnail_destroy(thumbnail)
			}
		})
	})
	harness.Ready(map[string]interface{}{
		"pid": os.Getpid(), "go_version": runtime.Version(), "kind": "cgomalloc", "mode": mode,
	})
	harness.Commands(func(line []byte) bool { return string(line) != "quit" })
}
