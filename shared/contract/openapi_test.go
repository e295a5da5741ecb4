package contract

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/throng-im/throng/shared/wire"
)

// document is the description as it lies in the tree.
func document(t *testing.T) ([]byte, *openapi3.T) {
	t.Helper()
	raw, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		t.Fatal(err)
	}
	return raw, doc
}

func TestTheDescriptionIsUpToDate(t *testing.T) {
	raw, doc := document(t)
	made, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, made) {
		t.Error("shared/contract/openapi.json is not what the table makes: run go run ./scripts/openapi")
	}
	if err := doc.Validate(t.Context()); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("version %s: %v", doc.OpenAPI, err)
	}
}

// TestTheDescriptionIsComplete looks every row up in the document: its
// parameters and their limits, its reply, its failures.
func TestTheDescriptionIsComplete(t *testing.T) {
	_, doc := document(t)
	if n := doc.Paths.Len(); n != len(Routes()) {
		t.Errorf("%d paths are described, %d served", n, len(Routes()))
	}
	for _, r := range Routes() {
		method := cmp.Or(r.Method, http.MethodPost)
		op := doc.Paths.Find(r.Path).GetOperation(method)
		if op == nil {
			t.Errorf("%s %s is not described", method, r.Path)
			continue
		}
		for _, p := range r.Params {
			if err := describes(op, r, p); err != nil {
				t.Errorf("%s: %s: %v", r.Path, p.Name, err)
			}
		}
		if err := answersWith(op.Responses.Value("200").Value.Content["application/json"].Schema.Value, r.Reply); err != nil {
			t.Errorf("%s: the reply: %v", r.Path, err)
		}
		for _, a := range answers(r) {
			of := op.Responses.Value(strconv.Itoa(a.Status))
			if of == nil || !strings.Contains(*of.Value.Description, fmt.Sprintf("%d: %s", a.Code, a.About)) {
				t.Errorf("%s: the answer %d with HTTP %d is not described", r.Path, a.Code, a.Status)
			}
		}
	}
}

// describes compares a parameter with its description.
func describes(op *openapi3.Operation, r wire.Route, p wire.Param) error {
	s, required := &openapi3.SchemaRef{}, false
	if r.Method == http.MethodGet {
		in := op.Parameters.GetByInAndName("query", p.Name)
		if in == nil {
			return fmt.Errorf("it is not described")
		}
		s, required = in.Schema, in.Required
	} else {
		of := op.RequestBody.Value.Content["application/x-www-form-urlencoded"]
		if r.Body == wire.JSONBody {
			of = op.RequestBody.Value.Content["application/json"]
		}
		if s = of.Schema.Value.Properties[p.Name]; s == nil {
			return fmt.Errorf("it is not described")
		}
		required = slices.Contains(of.Schema.Value.Required, p.Name)
		if e := of.Encoding[p.Name]; r.Body == wire.Form && p.Repeated && (e == nil || e.Style != "form" || !*e.Explode) {
			return fmt.Errorf("its key does not repeat")
		}
	}
	one := s.Value
	if p.Repeated {
		if one.Items == nil || p.Count > 0 && (one.MaxItems == nil || *one.MaxItems != uint64(p.Count)) {
			return fmt.Errorf("it is no list of at most %d", p.Count)
		}
		one = one.Items.Value
	}
	if p.Kind == wire.IDMap {
		one = one.AdditionalProperties.Schema.Value
	}
	if len(one.AnyOf) > 0 {
		one = one.AnyOf[0].Value
	}
	switch limit := cmp.Or(p.MaxChars, p.MaxBytes); {
	case required != p.Required:
		return fmt.Errorf("required is %v", required)
	case p.Kind != wire.Int && limit > 0 && (one.MaxLength == nil || *one.MaxLength != uint64(limit)):
		return fmt.Errorf("its length is not bounded to %d", limit)
	case p.Kind == wire.ID && (one.Pattern == "" || one.MaxLength == nil):
		return fmt.Errorf("it is no id")
	case p.Kind == wire.Int && p.Max > p.Min && (one.Max == nil || *one.Max != float64(p.Max) || one.Min == nil || *one.Min != float64(p.Min)):
		return fmt.Errorf("it is not from %d to %d", p.Min, p.Max)
	}
	return nil
}

// answersWith compares a reply's fields with their description.
func answersWith(s *openapi3.Schema, fields []wire.Field) error {
	types := map[string]string{"strings": "array", "map": "object"}
	for _, f := range fields {
		of := s.Properties[f.Name]
		if of == nil || !of.Value.Type.Is(cmp.Or(types[f.Type], f.Type)) {
			return fmt.Errorf("%s is not described as %s", f.Name, f.Type)
		}
		if f.About == "" || of.Value.Description != f.About {
			return fmt.Errorf("%s does not say what it is", f.Name)
		}
		if slices.Contains(s.Required, f.Name) == f.Optional {
			return fmt.Errorf("%s: optional is %v", f.Name, f.Optional)
		}
		inner := of.Value
		switch f.Type {
		case "array":
			inner = inner.Items.Value
		case "map":
			inner = inner.AdditionalProperties.Schema.Value
		}
		if err := answersWith(inner, f.Fields); err != nil {
			return fmt.Errorf("%s.%w", f.Name, err)
		}
	}
	return nil
}

// TestEveryTypeIsOne holds the types of replies against those that there are.
func TestEveryTypeIsOne(t *testing.T) {
	var look func(path string, fields []wire.Field)
	look = func(path string, fields []wire.Field) {
		for _, f := range fields {
			switch f.Type {
			case "string", "integer", "boolean", "strings":
				if len(f.Fields) > 0 {
					t.Errorf("%s.%s has fields", path, f.Name)
				}
			case "object", "array", "map":
				if len(f.Fields) == 0 {
					t.Errorf("%s.%s has no fields", path, f.Name)
				}
			default:
				t.Errorf("%s.%s has the type %q", path, f.Name, f.Type)
			}
			look(path+"."+f.Name, f.Fields)
		}
	}
	for _, r := range Routes() {
		look(r.Path, r.Reply)
	}
}
