package client_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/id"
)

// object is a JSON object.
type object = map[string]any

// published is the description.
func published(t testing.TB) object {
	t.Helper()
	raw, err := deviceapi.OpenAPI()
	var doc object
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// trial is a value for some place of a request.
type trial struct {
	value any
	legal bool
	what  string
}

// tries gives values at the limits of a schema, and just beyond.
type tries struct{ forms object }

func (g tries) of(s object) []trial {
	if name, is := s["$ref"].(string); is {
		return g.of(g.forms[strings.TrimPrefix(name, "#/components/schemas/")].(object))
	}
	if any, is := s["anyOf"].([]any); is { // of which the second is null
		return append(g.of(any[0].(object)), trial{nil, true, "null"})
	}
	if enum, is := s["enum"].([]any); is {
		out := []trial{{"none of these", false, "no such value"}, {77, false, "no such value"}}
		for _, v := range enum {
			out = append(out, trial{v, true, fmt.Sprint(v)})
		}
		return out
	}
	switch s["type"] {
	case "string":
		return g.text(s)
	case "integer":
		out := []trial{{"x", false, "a text"}, {1.5, false, "a fraction"}}
		if least, is := s["minimum"].(float64); is {
			out = append(out, trial{least, true, "the least"}, trial{least - 1, false, "less than the least"})
		}
		if most, is := s["maximum"].(float64); is && most < 1<<53 {
			out = append(out, trial{most, true, "the most"}, trial{most + 1, false, "more than the most"})
		}
		return append(out, trial{json.Number("9223372036854775808"), false, "more than there are"})
	case "boolean":
		return []trial{{true, true, "true"}, {false, true, "false"}, {"yes", false, "a text"}, {1, false, "a number"}}
	case "array":
		return g.list(s)
	case "object":
		return g.object(s)
	}
	return nil // anything goes
}

func (g tries) text(s object) []trial {
	out := []trial{{7, false, "a number"}}
	most, bounded := s["maxLength"].(float64)
	_, octets := s["$comment"]
	pattern, _ := s["pattern"].(string)
	switch {
	case strings.Contains(pattern, ":"): // a time of day
		return append(out, trial{"00:00:00", true, "midnight"}, trial{"24:00:00", false, "no time"}, trial{"1:00:00", false, "one digit"})
	case strings.Contains(pattern, "-["): // a message
		return append(out, trial{"0000-0000-0000-0001", true, "a message"}, trial{"0000-0000-0000-000I", false, "no message"})
	case pattern != "":
		out = append(out, trial{"a b", false, "a space"}, trial{"é", false, "a letter with an accent"})
	}
	if bounded {
		n := int(most)
		out = append(out, trial{strings.Repeat("x", n), true, "the longest"}, trial{strings.Repeat("x", n+1), false, "too long"})
		if wide := strings.Repeat("é", n/2+1); octets {
			out = append(out, trial{wide, false, "too many bytes"})
		} else if pattern == "" {
			out = append(out, trial{strings.Repeat("é", n), true, "the most characters"})
		}
	}
	if s["minLength"] != nil {
		out = append(out, trial{"", false, "an empty text"})
	}
	return out
}

// legal is some value of a schema, another one for each i.
func (g tries) legal(s object, i int) any {
	for _, t := range g.of(s) {
		if text, is := t.value.(string); t.legal && is && strings.Trim(text, "x") == "" {
			return fmt.Sprint("v", i) // any text will do
		}
		if t.legal {
			return t.value
		}
	}
	return fmt.Sprint("v", i)
}

func (g tries) list(s object) []trial {
	items := s["items"].(object)
	many := func(n int) (out []any) {
		for i := range n {
			out = append(out, g.legal(items, i))
		}
		return out
	}
	out := []trial{{object{}, false, "no list"}}
	if most, is := s["maxItems"].(float64); is {
		out = append(out, trial{many(int(most)), true, "the most elements"}, trial{many(int(most) + 1), false, "too many elements"})
	}
	if s["minItems"] != nil {
		out = append(out, trial{[]any{}, false, "an empty list"})
	}
	for _, t := range g.of(items) {
		out = append(out, trial{[]any{t.value}, t.legal, "an element that is " + t.what})
	}
	return out
}

func (g tries) object(s object) []trial {
	out := []trial{{7, false, "no object"}, {[]any{1}, false, "a list"}}
	if properties, is := s["properties"].(object); is {
		least := object{}
		for _, name := range required(s) {
			least[name] = g.legal(properties[name].(object), 0)
		}
		for _, name := range required(s) {
			less := maps.Clone(least)
			delete(less, name)
			out = append(out, trial{less, false, "without " + name})
		}
		for name, of := range properties {
			for _, t := range g.of(of.(object)) {
				more := maps.Clone(least)
				more[name] = t.value
				out = append(out, trial{more, t.legal, name + " is " + t.what})
			}
		}
		return out
	}
	value := s["additionalProperties"].(object)
	for _, t := range g.of(value) {
		out = append(out, trial{object{"k": t.value}, t.legal, "a value that is " + t.what})
	}
	for _, t := range g.of(s["propertyNames"].(object)) {
		if name, is := t.value.(string); is {
			out = append(out, trial{object{name: g.legal(value, 0)}, t.legal, "a key that is " + t.what})
		}
	}
	if most, is := s["maxProperties"].(float64); is {
		full, over := object{}, object{}
		for i := range int(most) + 1 {
			full[fmt.Sprint("k", i)] = g.legal(value, i)
		}
		maps.Copy(over, full)
		delete(full, "k0")
		out = append(out, trial{full, true, "the most keys"}, trial{over, false, "too many keys"})
	}
	if s["minProperties"] != nil {
		out = append(out, trial{object{}, false, "without keys"})
	}
	return out
}

func required(s object) (names []string) {
	list, _ := s["required"].([]any)
	for _, name := range list {
		names = append(names, name.(string))
	}
	return names
}

// beyond are values for which the schema has no word: what has the form that is
// described may be refused all the same.
var beyond = []string{
	"sync cursor", "listConversations cursor", "listReceipts cursor", // those that a call has given
	"changeConversation tags",   // those that the user has
	"changeSettings quietHours", // time zones that there are
}

// stage is a phone for one call: ann has sent a message, and has a tag.
func stage(t *testing.T) (p *phone, fill func(string) string) {
	p = open(t)
	p.ok(p.Conversations.SetTags(t.Context(), "ann", []conversation.Tag{{ID: "t", Name: "Tag"}}))
	p.ok(p.Inbox.Repair(t.Context(), "ann"))
	sent := p.says("first", `,"expansion":{"k":"old"},"receipt":true`)
	return p, strings.NewReplacer("{groupId}", "g", "{messageUID}", string(sent.UID), "{deviceId}", "d", "{tagId}", "t").Replace
}

// TestEveryLimitIsHeld makes each call with values at and beyond the limits of all
// that the description has: bodies, queries and paths.
func TestEveryLimitIsHeld(t *testing.T) {
	doc := published(t)
	g := tries{doc["components"].(object)["schemas"].(object)}
	tried := 0
	for _, c := range deviceapi.Calls() {
		rule, is := authorisation[c.Method+" "+c.Path]
		if !is {
			continue // the stream's
		}
		item := doc["paths"].(object)[c.Path].(object)
		op := item[strings.ToLower(c.Method)].(object)
		p, fill := stage(t)
		check := func(path, body, what string, legal bool) {
			t.Helper()
			tried++
			status, out := p.call(c.Method, path, body)
			if refused := status == 400 || status == 413; legal && status != 200 || !legal && !refused {
				t.Errorf("%s: %s: %d %+v", c.Name, what, status, out)
			}
		}
		for name, s := range bodyOf(op) {
			for _, one := range g.of(s) {
				body := object{}
				_ = json.Unmarshal([]byte(fill(rule.body)), &body)
				if body["clientId"] != nil {
					body["clientId"] = fmt.Sprint("new", tried)
				}
				if c.Name == "deleteMessages" {
					clear(body) // one or the other
				}
				body[name] = one.value
				if raw, err := json.Marshal(body); err != nil {
					t.Fatal(err)
				} else if !one.legal || !slices.Contains(beyond, c.Name+" "+name) {
					check(fill(c.Path), string(raw), name+" is "+one.what, one.legal)
				}
			}
		}
		for _, name := range required(schemaOf(op)) {
			body := object{}
			_ = json.Unmarshal([]byte(fill(rule.body)), &body)
			delete(body, name)
			raw, _ := json.Marshal(body)
			check(fill(c.Path), string(raw), "without "+name, false)
		}
		for name, s := range parametersOf(op, "query") {
			for _, one := range g.of(s) {
				text, is := inQuery(one.value)
				if s["type"] == "string" && one.what == "a number" {
					continue // in a query everything is a text
				}
				if is && (!one.legal || !slices.Contains(beyond, c.Name+" "+name)) {
					check(fill(c.Path)+"?"+name+"="+url.QueryEscape(text), fill(rule.body), name+" is "+one.what, one.legal)
				}
			}
		}
		for name := range parametersOf(item, "path") {
			for _, bad := range []string{"a b", strings.Repeat("x", id.MaxLength+1), "\xff"} {
				path := fill(strings.Replace(c.Path, "{"+name+"}", url.PathEscape(bad), 1))
				if name == "groupId" || name == "deviceId" || c.Name == "setTag" && bad != "a b" || c.Name == "deleteTag" && bad != "a b" {
					check(path, fill(rule.body), name+" is "+bad, false)
				} else if status, out := p.call(c.Method, path, fill(rule.body)); status != 404 && (name != "tagId" || c.Name == "getTag") {
					t.Errorf("%s: %s is %q: %d %+v", c.Name, name, bad, status, out)
				}
			}
		}
	}
	if tried < 350 {
		t.Errorf("only %d requests were tried", tried)
	}
}

func schemaOf(op object) object {
	body, is := op["requestBody"].(object)
	if !is {
		return object{}
	}
	return body["content"].(object)["application/json"].(object)["schema"].(object)
}

// bodyOf are the schemas of what a call's body has.
func bodyOf(op object) map[string]object {
	out := map[string]object{}
	properties, _ := schemaOf(op)["properties"].(object)
	for name, s := range properties {
		out[name] = s.(object)
	}
	return out
}

func parametersOf(of object, in string) map[string]object {
	out := map[string]object{}
	list, _ := of["parameters"].([]any)
	for _, p := range list {
		if p := p.(object); p["in"] == in {
			out[p["name"].(string)] = p["schema"].(object)
		}
	}
	return out
}

// inQuery is a value as a query has it; not all values have one.
func inQuery(value any) (text string, is bool) {
	switch value := value.(type) {
	case float64:
		return fmt.Sprintf("%v", json.Number(fmt.Sprintf("%.0f", value))), value == float64(int64(value))
	case []any:
		var list []string
		for _, one := range value {
			if _, is := one.(string); !is {
				return "", false
			}
			list = append(list, one.(string))
		}
		return strings.Join(list, ","), len(list) > 0 && list[0] != ""
	case nil, object:
		return "", false
	}
	return fmt.Sprint(value), true
}

// TestEveryCallSaysThatTheStoreIsAway has each call find no store.
func TestEveryCallSaysThatTheStoreIsAway(t *testing.T) {
	for _, c := range deviceapi.Calls() {
		if c.Function != "client" {
			continue
		}
		p, fill := stage(t)
		p.store.fail = fmt.Errorf("%w: connection refused", commit.ErrUnknown)
		if status, out := p.call(c.Method, fill(c.Path), fill(authorisation[c.Method+" "+c.Path].body)); status != http.StatusServiceUnavailable || out.Error.Code != "unavailable" {
			t.Errorf("%s: %d %+v", c.Name, status, out)
		}
	}
}

// TestChangesOfNoMessage names a message that is not there in every call of one.
func TestChangesOfNoMessage(t *testing.T) {
	for _, c := range deviceapi.Calls() {
		if !strings.Contains(c.Path, "{messageUID}") {
			continue
		}
		p, fill := stage(t)
		for _, uid := range []string{"0000-0000-0000-0001", "x"} {
			if status, out := p.call(c.Method, fill(strings.Replace(c.Path, "{messageUID}", uid, 1)), authorisation[c.Method+" "+c.Path].body); status != 404 || out.Error.Code != "not_found" {
				t.Errorf("%s of %s: %d %+v", c.Name, uid, status, out)
			}
		}
	}
}

// TestPathsThatAreNone are answered like everything else.
func TestPathsThatAreNone(t *testing.T) {
	p := open(t)
	for _, path := range []string{"", "/", "/nothing", "/tags/", "/tags//", "//tags", "/groups/g/../g/unread", "/./tags", "/groups//unread", "/conversations/g/", "/groups/g/messages/x/y"} {
		for _, method := range []string{"GET", "POST"} {
			if status, out := p.call(method, path, ""); status != 404 || out.Error.Code != "not_found" {
				t.Errorf("%s %s: %d %+v", method, path, status, out)
			}
		}
	}
	w := p.do("PATCH", "/settings", "")
	if allow := w.Header().Values("Allow"); w.Code != 405 || !strings.Contains(w.Body.String(), `"invalid_argument"`) || !slices.Equal(slices.Sorted(slices.Values(allow)), []string{"GET", "PUT"}) {
		t.Errorf("%d %s, allowed are %v", w.Code, w.Body, allow)
	}
}
