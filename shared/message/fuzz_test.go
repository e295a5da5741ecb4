package message_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/message"
)

// FuzzExpansion reads any text as extension keys to set and to delete. What is
// accepted keeps the contract's limits, what is not is the caller's mistake.
func FuzzExpansion(f *testing.F) {
	for _, seed := range []string{`{"k":"v"}`, `["k"]`, `{}`, `[]`, `null`, `{"k":1}`, `[1]`, `{"k":"\ud800"}`, `{"a b":"v"}`, `{"k":null}`, `[null]`, "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		mistake := func(err error) bool { return fault.Is(err, fault.InvalidArgument) || fault.Is(err, fault.TooLarge) }
		good := func(k string) bool { return len(k) > 0 && len(k) <= message.MaxKey && utf8.ValidString(k) }
		keys, err := message.Expansion("extraKeyVal", text)
		if err != nil && (!mistake(err) || keys != nil) || len(keys) > message.MaxPairs {
			t.Errorf("%q: %d keys, %v", text, len(keys), err)
		}
		for k, v := range keys {
			if !good(k) || !utf8.ValidString(v) || utf8.RuneCountInString(v) > message.MaxValue {
				t.Errorf("%q was let through: %q is %q", text, k, v)
			}
		}
		if err == nil && !json.Valid([]byte(text)) {
			t.Errorf("%q is no JSON", text)
		}
		names, err := message.ExpansionKeys("extraKey", text)
		if err != nil && (!mistake(err) || names != nil) || len(names) > message.MaxPairs {
			t.Errorf("%q: %d keys, %v", text, len(names), err)
		}
		for _, k := range names {
			if !good(k) {
				t.Errorf("%q was let through: %q", text, k)
			}
		}
	})
}
