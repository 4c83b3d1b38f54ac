// Package session is the service's HTTP face: logging in, reading a page, watching for changes.
package session

import (
	"encoding/json"
	"net/http"
	"time"

	"heaptop.test/leakd/internal/audit"
	"heaptop.test/leakd/internal/cache"
	"heaptop.test/leakd/internal/metrics"
	"heaptop.test/leakd/internal/notify"
	"heaptop.test/leakd/internal/render"
)

const timeToLive = 10 * time.Minute

// Profile is what is kept of a logged-in user.
type Profile struct {
	User    string            `json:"user"`
	Roles   []string          `json:"roles"`
	Cart    []string          `json:"cart"`
	Traits  map[string]string `json:"traits"`
	Padding string            `json:"padding"`
}

// Server joins the parts.
type Server struct {
	Sessions *cache.Store
	Audit    *audit.Log
	Hub      *notify.Hub
	Metrics  *metrics.Batch
	Renderer *render.Renderer
}

// Handler routes requests.
func (s *Server) Handler() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("/login", s.measured("login", s.handleLogin))
	routes.HandleFunc("/page", s.measured("page", s.handlePage))
	routes.HandleFunc("/watch", s.measured("watch", s.handleWatch))
	return routes
}

func (s *Server) measured(name string, next http.HandlerFunc) http.HandlerFunc {
	return func(response http.ResponseWriter, request *http.Request) {
		start := time.Now()
		next(response, request)
		s.Metrics.Add(name, time.Since(start).Seconds(), [4]string{request.Method, name})
	}
}

func (s *Server) handleLogin(response http.ResponseWriter, request *http.Request) {
	var profile Profile
	if err := json.NewDecoder(request.Body).Decode(&profile); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	value, err := json.Marshal(&profile)
	if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
		return
	}
	s.Audit.Record(profile.User, "login", request.URL.Path)
	if !s.Sessions.Put(profile.User, value, timeToLive) {
		http.Error(response, "the store is full", http.StatusInsufficientStorage)
	}
}

func (s *Server) handlePage(response http.ResponseWriter, request *http.Request) {
	var profile Profile
	user := request.URL.Query().Get("user")
	if value := s.Sessions.Get(user); value == nil || json.Unmarshal(value, &profile) != nil {
		http.NotFound(response, request)
		return
	}
	page, err := s.Renderer.Render(render.Page{User: profile.User, Items: profile.Cart})
	if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
		return
	}
	response.Header().Set("Content-Type", "application/octet-stream")
	response.Write(page)
}

func (s *Server) handleWatch(response http.ResponseWriter, request *http.Request) {
	subscription := s.Hub.Subscribe()
	if subscription == nil {
		http.Error(response, "too many watchers", http.StatusServiceUnavailable)
		return
	}
	subscription.Send("watching " + request.URL.Query().Get("user"))
	// Only well-behaved clients say that they are done.
	if request.URL.Query().Get("once") != "" {
		subscription.Close()
	}
}
