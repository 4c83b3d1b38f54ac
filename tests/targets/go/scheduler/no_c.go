//go:build !cgo

package main

const hasC = false

func sleepInC() {}

func startCThread() {}
