//go:build !oracle_cgo

package main

func cWaits() []*wait { return nil }
