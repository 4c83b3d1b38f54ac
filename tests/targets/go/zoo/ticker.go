package main

import (
	"time"

	"heaptop.test/zoo/busy"
)

// limiter lets events pass at an even pace.
type limiter struct {
	ticker *time.Ticker
}

func newLimiter(every time.Duration) *limiter {
	ticker := time.NewTicker(every) // LEAK
	return &limiter{ticker: ticker}
}

func (l *limiter) pass() bool {
	select {
	case <-l.ticker.C:
		return true
	default:
		return false
	}
}

func init() { register("ticker", runTicker) }

func runTicker(leak bool) {
	passed := 0
	busy.Every(300, func(int) {
		// One for each client that comes, as if the collector stopped tickers (which it does from Go 1.23 on).
		l := newLimiter(5 * time.Second)
		time.AfterFunc(300*time.Millisecond, func() {
			if l.pass() {
				passed++
			}
			if !leak {
				l.ticker.Stop()
			}
		})
	})
}
