package main

import (
	"fmt"
	"sync"
	"time"

	"heaptop.test/zoo/busy"
)

// sessions are the users that are logged in, by token. Nobody logs them out.
var sessions = struct {
	sync.RWMutex
	byToken map[string]*session
}{byToken: make(map[string]*session)}

type session struct {
	user    string
	started time.Time
	cart    []byte
}

func init() { register("globalmap", runGlobalMap) }

func runGlobalMap(leak bool) {
	busy.Every(400, func(n int) {
		token := login(fmt.Sprintf("user-%d", n))
		if !leak {
			time.AfterFunc(5*time.Second, func() { logout(token) })
		}
	})
}

func login(user string) string {
	token := fmt.Sprintf("%s-%x", user, time.Now().UnixNano())
	s := &session{user: user, started: time.Now()}
	s.cart = make([]byte, 4096) // LEAK
	sessions.Lock()
	defer sessions.Unlock()
	sessions.byToken[token] = s
	return token
}

func logout(token string) {
	sessions.Lock()
	defer sessions.Unlock()
	delete(sessions.byToken, token)
}
