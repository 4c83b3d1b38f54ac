// Package load is the service's own clients, at a steady pace over loopback.
package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"heaptop.test/leakd/internal/session"
)

// Client sends requests to base.
type Client struct {
	base   string
	client *http.Client
	// BytesPerSecond is how much session data logs in.
	BytesPerSecond int
	// WatchersPerSecond is how many subscriptions are left behind.
	WatchersPerSecond int
}

const loginsPerSecond = 50

// NewClient makes a client of the service at base.
func NewClient(base string) *Client {
	return &Client{base: base, client: &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 4},
	}}
}

// Run sends requests until stop is closed.
func (c *Client) Run(stop <-chan struct{}) {
	var running sync.WaitGroup
	paced := func(perSecond int, send func(n int)) {
		if perSecond <= 0 {
			return
		}
		running.Add(1)
		go func() {
			defer running.Done()
			tick := time.NewTicker(time.Second / time.Duration(perSecond))
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-tick.C:
					send(n)
				}
			}
		}()
	}
	paced(loginsPerSecond, c.login)
	paced(2*loginsPerSecond, c.page)
	paced(c.WatchersPerSecond, c.watch)
	paced(10, c.watchOnce)
	running.Wait()
}

func (c *Client) login(n int) {
	profile := session.Profile{
		User:    user(n),
		Roles:   []string{"customer", "reviewer"},
		Cart:    []string{"tea", "kettle", "a very large teapot"},
		Traits:  map[string]string{"language": "en", "theme": "dark", "region": fmt.Sprint("eu-", n%7)},
		Padding: strings.Repeat("history ", c.BytesPerSecond/loginsPerSecond/8),
	}
	body, err := json.Marshal(&profile)
	if err != nil {
		return
	}
	c.finish(c.client.Post(c.base+"/login", "application/json", bytes.NewReader(body)))
}

func (c *Client) page(n int) { c.get("/page?user=" + user(n/4)) }

func (c *Client) watch(n int) { c.get("/watch?user=" + user(n)) }

func (c *Client) watchOnce(n int) { c.get("/watch?once=1&user=" + user(n)) }

func (c *Client) get(path string) { c.finish(c.client.Get(c.base + path)) }

func (c *Client) finish(response *http.Response, err error) {
	if err != nil {
		return
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

func user(n int) string { return fmt.Sprintf("user-%07d", n) }
