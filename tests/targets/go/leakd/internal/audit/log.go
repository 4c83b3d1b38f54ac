// Package audit remembers who did what, for ever.
package audit

import (
	"fmt"
	"sync"
	"time"
)

// Log is the trail of the process's life.
type Log struct {
	mutex sync.Mutex
	lines []string
	limit int
}

// NewLog makes a log of at most limit lines.
func NewLog(limit int) *Log { return &Log{limit: limit} }

// Record appends one line.
func (l *Log) Record(actor, action, object string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if len(l.lines) >= l.limit {
		return
	}
	line := fmt.Sprintf("%s actor=%s action=%s object=%s", time.Now().Format(time.RFC3339Nano), actor, action, object)
	l.lines = append(l.lines, line)
}
