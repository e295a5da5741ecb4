// Package functions holds the manifest: the one list of every function, its
// trigger, its routes and its size. The emulator, the packaging and the
// infrastructure all read it, so they cannot disagree.
package functions

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

//go:embed functions.json
var manifest []byte

// Manifest is the content of functions.json.
type Manifest struct {
	// Topics are the Pub/Sub topics, by name.
	Topics map[string]Topic `json:"topics"`
	// Functions are listed in a fixed order; local ports follow it.
	Functions []Function `json:"functions"`
}

// Topic is one Pub/Sub topic.
type Topic struct {
	About string `json:"about"`
}

// Function is one deployable function. Its package and its entry point are
// both called Name.
type Function struct {
	Name string `json:"name"`
	// Trigger is "http" or "pubsub".
	Trigger string `json:"trigger"`
	// Topic is what a pubsub function subscribes to.
	Topic string `json:"topic,omitempty"`
	// Also are the topics that it subscribes to besides, by the path below the
	// function that their events are pushed to.
	Also map[string]string `json:"also,omitempty"`
	// Attempts is how often an event is delivered before it is put by, and
	// MaxBackoffSeconds how far these lie apart at most; what all others have
	// where they are zero.
	Attempts          int `json:"attempts,omitempty"`
	MaxBackoffSeconds int `json:"maxBackoffSeconds,omitempty"`
	// Routes are the path prefixes an http function serves; the longest wins.
	Routes []string `json:"routes,omitempty"`
	// Memory is the memory limit in Kubernetes notation.
	Memory string `json:"memory"`
	// TimeoutSeconds bounds one request, and is the ack deadline of an event.
	TimeoutSeconds int `json:"timeoutSeconds"`
	// Concurrency is how many requests one instance takes at a time.
	Concurrency int `json:"concurrency"`
}

// Load parses the embedded manifest.
func Load() (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, fmt.Errorf("functions.json: %w", err)
	}
	for _, f := range m.Functions {
		for _, s := range f.Subscriptions() {
			if _, ok := m.Topics[s.Topic]; !ok {
				return nil, fmt.Errorf("functions.json: %s subscribes to %q, which is no topic", f.Name, s.Topic)
			}
		}
	}
	return &m, nil
}

// Subscription is a push subscription of a function: its name, its topic, and the
// path below the function that its events come to.
type Subscription struct{ Name, Topic, Path string }

// Subscriptions are those of a function, its own topic's first. A function that is
// not triggered by events has none.
func (f Function) Subscriptions() []Subscription {
	if f.Trigger != "pubsub" {
		return nil
	}
	out := []Subscription{{f.Name, f.Topic, "/"}}
	for _, path := range slices.Sorted(maps.Keys(f.Also)) {
		out = append(out, Subscription{f.Name + "-" + path, f.Also[path], "/" + path})
	}
	return out
}

// TopicNames lists the topics in alphabetical order.
func (m *Manifest) TopicNames() []string {
	names := make([]string, 0, len(m.Topics))
	for name := range m.Topics {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Route returns the http function that serves path: the one with the longest
// matching prefix. ok is false when no function does.
func (m *Manifest) Route(path string) (f Function, ok bool) {
	longest := -1
	for _, candidate := range m.Functions {
		for _, prefix := range candidate.Routes {
			if strings.HasPrefix(path, prefix) && len(prefix) > longest {
				f, ok, longest = candidate, true, len(prefix)
			}
		}
	}
	return f, ok
}
