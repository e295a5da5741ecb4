package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/wire"
)

// everywhere are the faults that any route may answer.
var everywhere = []fault.Kind{fault.InvalidArgument, fault.TooLarge, fault.MethodNotAllowed, fault.RateLimited, fault.Unavailable, fault.Internal}

// answers lists how a route may fail.
func answers(r wire.Route) []wire.Answer {
	out := wire.Envelope()
	for _, kind := range slices.Concat(everywhere, r.Errors) {
		out = append(out, wire.AnswerTo(kind))
	}
	return out
}

// CheckReply compares a reply of a route, field by field and type by type, with
// what the route's row says, and returns the first difference. It is what the
// tests of every function check replies with.
func CheckReply(route string, reply []byte) error {
	route = path.Clean("/" + route)
	for _, r := range Routes() {
		if r.Path != route {
			continue
		}
		if err := checkReply(r, reply); err != nil {
			return fmt.Errorf("%s answered %s: %w", route, bytes.TrimSpace(reply), err)
		}
		return nil
	}
	return fmt.Errorf("%s is no route of the contract", route)
}

func checkReply(r wire.Route, reply []byte) error {
	dec := json.NewDecoder(bytes.NewReader(reply))
	dec.UseNumber()
	var body map[string]any
	if err := dec.Decode(&body); err != nil {
		return fmt.Errorf("that is no JSON object: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("more follows the object")
	}
	number, _ := body["code"].(json.Number)
	code, err := number.Int64()
	if err != nil {
		return fmt.Errorf("code is no integer")
	}
	if code == wire.CodeOK {
		return checkFields("", body, append([]wire.Field{codeField}, r.Reply...))
	}
	if !slices.ContainsFunc(answers(r), func(a wire.Answer) bool { return int64(a.Code) == code }) {
		return fmt.Errorf("the row does not list the code %d", code)
	}
	if text, _ := body["errorMessage"].(string); text == "" {
		return fmt.Errorf("errorMessage says nothing")
	}
	return checkFields("", body, errorFields)
}

var (
	codeField   = wire.Field{Name: "code", Type: "integer", About: "200"}
	errorFields = []wire.Field{
		{Name: "code", Type: "integer", About: "what went wrong"},
		{Name: "errorMessage", Type: "string", About: "the same in words"},
		{Name: "url", Type: "string", About: "the path called"}}
)

// checkFields compares an object with its fields. where says which object it is.
func checkFields(where string, object map[string]any, fields []wire.Field) error {
	unknown := maps.Clone(object)
	for _, f := range fields {
		value, there := object[f.Name]
		delete(unknown, f.Name)
		switch {
		case there:
			if err := checkField(where+f.Name, value, f); err != nil {
				return err
			}
		case !f.Optional:
			return fmt.Errorf("%s is missing", where+f.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		return fmt.Errorf("%s is not in the row", where+name)
	}
	return nil
}

func checkField(where string, value any, f wire.Field) error {
	ok := false
	switch f.Type {
	case "string":
		_, ok = value.(string)
	case "boolean":
		_, ok = value.(bool)
	case "integer":
		var n json.Number
		n, ok = value.(json.Number)
		ok = ok && !strings.ContainsAny(n.String(), ".eE")
	case "object":
		var object map[string]any
		if object, ok = value.(map[string]any); ok {
			return checkFields(where+".", object, f.Fields)
		}
	case "array", "strings":
		var list []any
		list, ok = value.([]any)
		for i, one := range list {
			element := wire.Field{Type: "object", Fields: f.Fields}
			if f.Type == "strings" {
				element.Type = "string"
			}
			if err := checkField(fmt.Sprintf("%s[%d]", where, i), one, element); err != nil {
				return err
			}
		}
	case "map":
		var object map[string]any
		object, ok = value.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if err := checkField(fmt.Sprintf("%s[%q]", where, key), object[key], wire.Field{Type: "object", Fields: f.Fields}); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%s has the type %q in the row, which is none", where, f.Type)
	}
	if !ok {
		return fmt.Errorf("%s is not of type %s", where, f.Type)
	}
	return nil
}
