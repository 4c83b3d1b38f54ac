// Package cache keeps sessions by id. Expired ones were to be removed by a sweeper that nobody wrote, which is the
// leak.
package cache

import (
	"container/list"
	"sync"
	"time"
)

// Entry is a cached value.
type Entry struct {
	ID      string
	Value   []byte
	Expires time.Time
}

// Store is an in-memory store of entries, newest first.
type Store struct {
	mutex   sync.RWMutex
	entries map[string]*list.Element
	order   *list.List
	bytes   int64
	limit   int64
}

// NewStore makes a store that holds at most limit bytes of values.
func NewStore(limit int64) *Store {
	return &Store{entries: make(map[string]*list.Element), order: list.New(), limit: limit}
}

// Put stores a copy of value under id. It reports false when the store is full.
func (s *Store) Put(id string, value []byte, ttl time.Duration) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.bytes+int64(len(value)) > s.limit {
		return false
	}
	entry := &Entry{ID: id, Value: append([]byte(nil), value...), Expires: time.Now().Add(ttl)}
	s.entries[id] = s.order.PushFront(entry)
	s.bytes += int64(len(value))
	return true
}

// Get returns the value stored under id, or nil.
func (s *Store) Get(id string) []byte {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if element, ok := s.entries[id]; ok {
		return element.Value.(*Entry).Value
	}
	return nil
}

// Size returns how many entries and bytes are stored.
func (s *Store) Size() (entries int, bytes int64) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return len(s.entries), s.bytes
}
