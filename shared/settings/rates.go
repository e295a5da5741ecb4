package settings

import (
	"fmt"
	"strconv"
	"strings"
)

// Rates are how much of each call of the server API one process lets through in
// a second, in the contract's units: a message to three groups is three.
type Rates struct {
	// Default is for every call that has no limit of its own; 0 for none.
	Default int
	// Calls are the limits of single calls, by path.
	Calls map[string]int
}

// MaxRate is the largest limit that may be set; who wants more wants none.
const MaxRate = 1_000_000

// Of is the limit of the call at path, 0 for none.
func (r Rates) Of(path string) int {
	if n, ok := r.Calls[path]; ok {
		return n
	}
	return r.Default
}

// rates reads a list such as "default=100,/message/group/publish.json=20".
func (r *reader) rates(name string) Rates {
	out := Rates{Calls: map[string]int{}}
	text := r.get(name)
	if text == "" {
		return out
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		call, limit, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.Atoi(limit)
		switch {
		case err != nil || n < 1 || n > MaxRate:
			err = fmt.Errorf("has no whole number from 1 to %d", MaxRate)
		case call != "default" && !strings.HasPrefix(call, "/"):
			err = fmt.Errorf("is for neither default nor a path")
		case seen[call]:
			err = fmt.Errorf("is there twice")
		}
		if err != nil {
			r.fail("%s: %q %w", name, part, err)
			continue
		}
		seen[call] = true
		if call == "default" {
			out.Default = n
		} else {
			out.Calls[call] = n
		}
	}
	return out
}
