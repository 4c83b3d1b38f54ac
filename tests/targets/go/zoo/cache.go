package main

import (
	"bytes"
	"fmt"
	"sync"
	"text/template"

	"heaptop.test/zoo/busy"
)

// pageCache keeps rendered pages by their whole address: with the query, of which there is no end.
type pageCache struct {
	mutex sync.Mutex
	most  int
	pages map[string][]byte
	order []string
}

var catalogPage = template.Must(template.New("catalog").Parse(
	`<html>{{range .Items}}<li><a href="{{$.Path}}?item={{.}}">item {{.}} of the catalog</a></li>{{end}}</html>`))

func init() { register("cache", runCache) }

func runCache(leak bool) {
	cache := &pageCache{pages: make(map[string][]byte), most: 2000}
	if leak {
		cache.most = 1 << 30
	}
	items := make([]int, 64)
	busy.Every(250, func(n int) { cache.get(fmt.Sprintf("/catalog?offset=%d", n/2), items) })
}

func (c *pageCache) get(address string, items []int) []byte {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if page, ok := c.pages[address]; ok {
		return page
	}
	var text bytes.Buffer
	if err := catalogPage.Execute(&text, map[string]interface{}{"Path": address, "Items": items}); err != nil {
		return nil
	}
	page := make([]byte, 2*text.Len()) // LEAK
	copy(page, text.Bytes())
	c.pages[address] = page
	c.order = append(c.order, address)
	if len(c.order) > c.most {
		delete(c.pages, c.order[0])
		c.order = c.order[1:]
	}
	return page
}
