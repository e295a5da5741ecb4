package deviceapi

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/user"
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
		t.Error("shared/deviceapi/openapi.json is not what the table makes: run go run ./scripts/openapi")
	}
	err = doc.Validate(t.Context(), openapi3.EnableSchemaDefaultsValidation(), openapi3.EnableSchemaPatternValidation())
	if err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("version %s: %v", doc.OpenAPI, err)
	}
}

// TestTheDescriptionIsComplete looks every row up in the document, and has
// everything in it say what it is.
func TestTheDescriptionIsComplete(t *testing.T) {
	_, doc := document(t)
	described, names := 0, map[string]bool{}
	for _, item := range doc.Paths.Map() {
		described += len(item.Operations())
	}
	if described != len(Calls()) {
		t.Errorf("%d calls are described, the table has %d", described, len(Calls()))
	}
	for _, c := range Calls() {
		item := doc.Paths.Find(c.Path)
		if item == nil || item.GetOperation(c.Method) == nil {
			t.Errorf("%s %s is not described", c.Method, c.Path)
			continue
		}
		op := item.GetOperation(c.Method)
		if names[c.Name] || op.OperationID != c.Name || op.Summary == "" || len(op.Tags) != 1 {
			t.Errorf("%s %s is described as %s: %s %v", c.Method, c.Path, op.OperationID, op.Summary, op.Tags)
		}
		names[c.Name] = true
		if (op.Responses.Value("429") != nil) != c.Paced {
			t.Errorf("%s: paced is %v", c.Name, c.Paced)
		}
		for _, p := range append(slices.Clone(item.Parameters), op.Parameters...) {
			if p.Value.Description == "" {
				t.Errorf("%s: %s does not say what it is", c.Name, p.Value.Name)
			}
		}
		if op.RequestBody != nil {
			explained(t, c.Name, op.RequestBody.Value.Content["application/json"].Schema)
		}
		if ok := op.Responses.Value("200").Value.Content["application/json"]; ok != nil {
			closed(t, c.Name, ok.Schema)
		}
	}
	for name, s := range doc.Components.Schemas {
		explained(t, name, s)
		closed(t, name, s)
	}
}

// explained holds that every property says what it is.
func explained(t *testing.T, at string, s *openapi3.SchemaRef) {
	t.Helper()
	for name, p := range s.Value.Properties {
		if p.Value.Description == "" {
			t.Errorf("%s.%s does not say what it is", at, name)
		}
		explained(t, at+"."+name, p)
	}
	if s.Value.Items != nil && s.Value.Items.Ref == "" {
		explained(t, at, s.Value.Items)
	}
}

// closed holds that an object of a reply has no fields that are not described.
func closed(t *testing.T, at string, s *openapi3.SchemaRef) {
	t.Helper()
	none := s.Value.AdditionalProperties.Has != nil && !*s.Value.AdditionalProperties.Has
	if s.Value.Type.Is("object") && !none && s.Value.AdditionalProperties.Schema == nil {
		t.Errorf("%s may have any field", at)
	}
	for name, p := range s.Value.Properties {
		closed(t, at+"."+name, p)
	}
}

// TestFormsAreThoseOfTheirTypes compares the forms with the types that are
// rendered: a field that no test happens to see is found here.
func TestFormsAreThoseOfTheirTypes(t *testing.T) {
	all := forms()
	sync := Calls()[slices.IndexFunc(Calls(), func(c Call) bool { return c.Name == "sync" })]
	unread := Calls()[slices.IndexFunc(Calls(), func(c Call) bool { return c.Name == "getUnread" })]
	page := Calls()[slices.IndexFunc(Calls(), func(c Call) bool { return c.Name == "listConversations" })]
	for _, c := range []struct {
		form any
		of   any
	}{
		{all["Mention"], group.Mention{}}, {all["Group"], inbox.Group{}}, {all["Left"], inbox.Left{}}, {all["Conversation"], conversation.Item{}},
		{all["Listed"], inbox.Listed{}}, {all["Tag"], conversation.TagItem{}}, {all["Settings"], user.Settings{}}, {all["QuietHours"], user.QuietHours{}},
		{all["Error"], errorBody{}}, {all["Error"].(object)["properties"].(object)["error"], errorText{}},
		{sync.reply, inbox.Answer{}}, {unread.reply, inbox.Unread{}}, {page.reply, inbox.List{}},
	} {
		form := c.form.(object)
		var got, must []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(c.of)) {
			if f.Anonymous {
				continue
			}
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			got = append(got, name)
			if options == "" {
				must = append(must, name)
			}
		}
		slices.Sort(got)
		slices.Sort(must)
		required := slices.Sorted(slices.Values(form["required"].([]string)))
		if want := slices.Sorted(maps.Keys(form["properties"].(object))); !slices.Equal(got, want) || !slices.Equal(must, required) {
			t.Errorf("%T has the fields\n%v, always\n%v; described are\n%v, always\n%v", c.of, got, must, want, required)
		}
	}
}

// TestEveryFailureIsExplained holds the list of codes against the table of
// answers.
func TestEveryFailureIsExplained(t *testing.T) {
	if got, want := slices.Sorted(maps.Keys(about)), everyKind(); !slices.Equal(got, want) {
		t.Errorf("explained are %v, answered %v", got, want)
	}
	for _, c := range Calls() {
		for _, kind := range c.Errors() {
			if about[kind] == "" {
				t.Errorf("%s may answer %s, which the API does not have", c.Name, kind)
			}
		}
	}
	w := httptest.NewRecorder()
	WriteError(w, httptest.NewRequest(http.MethodPut, "/", nil), fault.New(fault.MethodNotAllowed, "no"))
	if w.Code != http.StatusMethodNotAllowed || !strings.Contains(w.Body.String(), `"invalid_argument"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestEventsAreNamed(t *testing.T) {
	want := []string{"conversation", "entries", "goodbye", "membership", "ping", "receipt", "resync", "status"}
	if got := Events(); !slices.Equal(got, want) {
		t.Errorf("the stream has %v", got)
	}
	for _, name := range want {
		if !strings.Contains(stream.notes, "\n- "+name+": ") {
			t.Errorf("the stream's call does not speak of %s", name)
		}
	}
}
