package wire

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/throng-im/throng/shared/fault"
)

// parseJSON reads a JSON body into the form that the table checks. The SDKs
// disagree on whether a number or a flag is one or is a text that says it, so
// both become the text.
func parseJSON(body string, params []Param) (form, error) {
	// The decoder would put question marks for what is none.
	if !utf8.ValidString(body) {
		return form{}, fault.New(fault.InvalidArgument, "the request body is not valid UTF-8")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		return form{}, fault.New(fault.InvalidArgument, "the request body is not a JSON object")
	}
	var f form
	for _, p := range params {
		values, ok := p.texts(fields[p.Name])
		if !ok {
			return form{}, fault.New(fault.InvalidArgument, "%s has the wrong type", p.Name)
		}
		for _, v := range values {
			if v != "" {
				f.pairs = append(f.pairs, pair{p.Name, v})
			}
		}
	}
	return f, nil
}

// texts returns what a field of a JSON body would be in a form. ok is false
// for a value that has no such text.
func (p Param) texts(raw json.RawMessage) (values []string, ok bool) {
	switch {
	case raw == nil || string(raw) == "null":
		return nil, true
	case p.Kind == JSON:
		return []string{string(raw)}, true
	case raw[0] == '[' && p.Repeated:
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return nil, false
		}
		for _, one := range list {
			v, ok := scalar(one)
			if !ok {
				return nil, false
			}
			values = append(values, v)
		}
		return values, true
	default:
		v, ok := scalar(raw)
		return []string{v}, ok
	}
}

func scalar(raw json.RawMessage) (text string, ok bool) {
	switch raw[0] {
	case '{', '[', 'n':
		return "", false
	case '"':
		ok = json.Unmarshal(raw, &text) == nil
		return text, ok
	default:
		return string(raw), true
	}
}
