package main

import (
	"sync"
	"time"

	"heaptop.test/zoo/busy"
)

// account is what customers pay from.
type account struct {
	mutex   sync.Mutex
	balance int
}

// pay returns with the mutex locked where there is too little money.
func (a *account) pay(amount int, leak bool) bool {
	a.mutex.Lock() // LEAK
	if a.balance < amount {
		if !leak {
			a.mutex.Unlock()
		}
		return false
	}
	a.balance -= amount
	time.Sleep(time.Millisecond)
	a.mutex.Unlock()
	return true
}

func init() { register("mutex", runMutex) }

func runMutex(leak bool) {
	var accounts [64]account
	for i := range accounts {
		accounts[i].balance = 20
	}
	busy.Every(20, func(n int) {
		go accounts[n%len(accounts)].pay(10, leak) // STARTED
	})
}
