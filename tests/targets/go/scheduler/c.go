//go:build cgo

package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <unistd.h>

static void sleep_long(void)
{
	for (;;)
		pause();
}

static void *run_thread(void *argument)
{
	(void)argument;
	sleep_long();
	return NULL;
}

static int start_thread(void)
{
	pthread_t thread;
	return pthread_create(&thread, NULL, run_thread, NULL);
}
*/
import "C"

const hasC = true

func sleepInC() { C.sleep_long() }

func startCThread() { C.start_thread() }
