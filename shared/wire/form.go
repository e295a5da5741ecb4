package wire

import (
	"net/url"
	"strings"
)

// form holds the pairs of a body in the order of arrival.
type form struct{ pairs []pair }

type pair struct{ key, value string }

// parseForm reads a form body as leniently as the published SDKs need: a pair
// with a broken escape keeps its raw text, because one SDK sends JSON without
// encoding it, and no pair spoils the others. An empty value counts as absent.
func parseForm(body string) form {
	var f form
	for len(body) > 0 {
		var part string
		part, body, _ = strings.Cut(body, "&")
		key, value, _ := strings.Cut(part, "=")
		if key == "" {
			continue
		}
		// The id in NAME[id]= says something even when no text follows.
		if key = unescape(key); value != "" || strings.HasSuffix(key, "]") {
			f.pairs = append(f.pairs, pair{key, unescape(value)})
		}
	}
	return f
}

func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return s
}

// all returns the values of a key in order.
func (f form) all(key string) []string {
	var out []string
	for _, p := range f.pairs {
		if p.key == key {
			out = append(out, p.value)
		}
	}
	return out
}

// one returns the first value of a key, or "".
func (f form) one(key string) string {
	for _, p := range f.pairs {
		if p.key == key {
			return p.value
		}
	}
	return ""
}
