// Package render makes answers: much is allocated, none of it stays but a template cache of fixed size.
package render

import (
	"bytes"
	"compress/gzip"
	"html/template"
	"strings"
	"sync"
)

const pageText = `<html><body><h1>{{.User}}</h1><ul>{{range .Items}}<li>{{.}}</li>{{end}}</ul></body></html>`

const cacheSize = 256

// Page is what a user sees.
type Page struct {
	User  string
	Items []string
}

// Renderer makes pages.
type Renderer struct {
	page  *template.Template
	mutex sync.Mutex
	cache [cacheSize][]byte
	next  int
}

// NewRenderer makes a renderer.
func NewRenderer() *Renderer {
	return &Renderer{page: template.Must(template.New("page").Parse(pageText))}
}

// Render returns the page, compressed.
func (r *Renderer) Render(page Page) ([]byte, error) {
	var text strings.Builder
	if err := r.page.Execute(&text, page); err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write([]byte(text.String())); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	r.remember(packed.Bytes())
	return packed.Bytes(), nil
}

func (r *Renderer) remember(page []byte) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.cache[r.next] = append([]byte(nil), page...)
	r.next = (r.next + 1) % cacheSize
}
