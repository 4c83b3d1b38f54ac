package main

import (
	"sync"
	"time"

	"heaptop.test/zoo/busy"
)

const timeToPay = time.Hour

// order is cancelled when it is not paid in time.
type order struct {
	number int
	expiry *time.Timer
}

// orders are those that are not yet paid.
type orders struct {
	mutex sync.Mutex
	open  map[int]*order
}

func (o *orders) place(number int) {
	placed := &order{number: number}
	o.mutex.Lock()
	o.open[number] = placed
	o.mutex.Unlock()
	placed.expiry = time.AfterFunc(timeToPay, func() { o.close(number) }) // LEAK
}

func (o *orders) close(number int) *order {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	closed := o.open[number]
	delete(o.open, number)
	return closed
}

func init() { register("timer", runTimer) }

func runTimer(leak bool) {
	shop := &orders{open: make(map[int]*order)}
	busy.Every(400, func(n int) {
		shop.place(n)
		if paid := shop.close(n - 100); paid != nil && !leak {
			paid.expiry.Stop()
		}
	})
}
