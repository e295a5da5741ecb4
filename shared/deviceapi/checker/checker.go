// Package checker compares what is said on the device API with its published
// description. Tests import it, and nothing else does.
package checker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/throng-im/throng/shared/deviceapi"
)

// Exchange is a call and its answer.
type Exchange struct {
	Method string
	// Target is the path below the API's base, with the query.
	Target string
	Body   string
	Status int
	Header http.Header
	Reply  []byte
}

// Seen is what an exchange was, as the description calls it.
type Seen struct {
	// Operation is empty where the description has no such call.
	Operation string
	// Code is the error's, empty for success.
	Code string
}

// Check says what of an exchange the description does not allow: of the answer,
// and of the request when that was successful. Fields and parameters that the
// description does not have are mistakes of a test.
func (e Exchange) Check() (Seen, error) {
	seen, err := e.CheckAnswer()
	if err == nil && e.Status == http.StatusOK {
		if err = e.request(); err != nil {
			err = fmt.Errorf("%s %s %.200s succeeded: %w", e.Method, e.Target, e.Body, err)
		}
	}
	return seen, err
}

// CheckAnswer says what of an answer the description does not allow.
func (e Exchange) CheckAnswer() (Seen, error) {
	d, err := described()
	if err != nil {
		return Seen{}, err
	}
	op, known, err := d.operation(e.Method, e.Target)
	if err != nil {
		return Seen{}, err
	}
	seen, err := d.answer(op, known, e)
	if err != nil {
		err = fmt.Errorf("%s %s was answered %d %.500s: %w", e.Method, e.Target, e.Status, bytes.TrimSpace(e.Reply), err)
	}
	return seen, err
}

// Event says what of the data of one of the stream's events the description does
// not allow.
func Event(kind string, data []byte) error {
	d, err := described()
	if err != nil {
		return err
	}
	if !slices.Contains(deviceapi.Events(), kind) {
		return fmt.Errorf("%s is no event of the stream", kind)
	}
	if err := d.conforms(pointer("components", "schemas", deviceapi.StreamEvents, "properties", kind), data); err != nil {
		return fmt.Errorf("the event %s %.500s: %w", kind, data, err)
	}
	return nil
}

// description is the published one, and its schemas so far as they were needed.
type description struct {
	document map[string]any
	paths    *http.ServeMux

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

// described is the description with requests that have nothing but what it says.
var described = sync.OnceValues(func() (*description, error) {
	raw, err := deviceapi.OpenAPI()
	if err != nil {
		return nil, err
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	d := &description{document: parsed.(map[string]any), paths: http.NewServeMux(), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	for at, calls := range d.document["paths"].(map[string]any) {
		d.paths.Handle(at, http.NotFoundHandler())
		for _, call := range calls.(map[string]any) {
			if call, is := call.(map[string]any); is {
				closed(call["requestBody"])
			}
		}
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	return d, d.compiler.AddResource(location, d.document)
})

const location = "openapi.json"

// closed has objects take no other fields than they have.
func closed(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if _, open := s["additionalProperties"]; !open && s["properties"] != nil {
			s["additionalProperties"] = false
		}
		for _, inner := range s {
			closed(inner)
		}
	case []any:
		for _, inner := range s {
			closed(inner)
		}
	}
}

// pointer is a JSON pointer.
func pointer(steps ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, s := range steps {
		b.WriteString("/" + escape.Replace(s))
	}
	return b.String()
}

// at is what a pointer points to, nil for nothing.
func (d *description) at(pointer string) any {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	var here any = d.document
	for _, step := range strings.Split(pointer, "/")[1:] {
		object, _ := here.(map[string]any)
		here = object[unescape.Replace(step)]
	}
	return here
}

// schema compiles the schema at a pointer.
func (d *description) schema(pointer string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.schemas[pointer]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(location + "#" + (&url.URL{Path: pointer}).EscapedPath())
	if err == nil {
		d.schemas[pointer] = s
	}
	return s, err
}

// conforms compares JSON with the schema at a pointer.
func (d *description) conforms(pointer string, raw []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("it is no JSON: %w", err)
	}
	return d.allows(pointer, value)
}

func (d *description) allows(pointer string, value any) error {
	s, err := d.schema(pointer)
	if err != nil {
		return err
	}
	if err := s.Validate(value); err != nil {
		_, reasons, _ := strings.Cut(err.Error(), "\n") // before them it names the schema
		return errors.New(strings.Join(strings.Fields(reasons), " "))
	}
	return nil
}

// operation finds a call: a pointer to it, empty where there is none.
func (d *description) operation(method, target string) (pointerTo string, known map[string]any, err error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", nil, err
	}
	if escaped := u.EscapedPath(); path.Clean(escaped) != escaped {
		return "", nil, nil
	}
	_, pattern := d.paths.Handler(&http.Request{Method: http.MethodPost, URL: u})
	if pattern == "" {
		return "", nil, nil
	}
	pointerTo = pointer("paths", pattern, strings.ToLower(method))
	known, _ = d.at(pointerTo).(map[string]any)
	if known == nil {
		pointerTo = ""
	}
	return pointerTo, known, nil
}

// answer checks an answer of an operation.
func (d *description) answer(op string, known map[string]any, e Exchange) (Seen, error) {
	var seen Seen
	if kind, _, err := mime.ParseMediaType(e.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return seen, fmt.Errorf("it is of type %q", e.Header.Get("Content-Type"))
	}
	if e.Status != http.StatusOK {
		var body struct{ Error struct{ Code string } }
		_ = json.Unmarshal(e.Reply, &body) // the schema will say
		seen.Code = body.Error.Code
	}
	if op == "" {
		if e.Status != http.StatusNotFound && e.Status != http.StatusMethodNotAllowed {
			return seen, fmt.Errorf("there is no such call")
		}
		return seen, d.conforms(pointer("components", "schemas", "Error"), e.Reply)
	}
	seen.Operation = known["operationId"].(string)
	at := op + pointer("responses", fmt.Sprint(e.Status))
	response, _ := d.at(at).(map[string]any)
	if response == nil {
		return seen, fmt.Errorf("the call does not answer that status")
	}
	if ref, is := response["$ref"].(string); is {
		at = strings.TrimPrefix(ref, "#")
		response = d.at(at).(map[string]any)
	}
	headers, _ := response["headers"].(map[string]any)
	for name, h := range headers {
		if required, _ := h.(map[string]any)["required"].(bool); required && e.Header.Get(name) == "" {
			return seen, fmt.Errorf("it has no %s", name)
		}
	}
	return seen, d.conforms(at+pointer("content", "application/json", "schema"), e.Reply)
}
