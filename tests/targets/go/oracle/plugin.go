//go:build oracle_plugin

package main

// A program that may load plugins exports all its symbols dynamically.
import _ "plugin"
