package wire_test

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/throng-im/throng/shared/wire"
)

type tag struct {
	ID   string `json:"tagId"`
	Name string `json:"tagName"`
}

// jsonGiven is what the handler of the JSON tests saw.
type jsonGiven struct {
	User string
	Page int
	Flag bool
	IDs  []string
	Tags []tag
}

func jsonRoute(got *jsonGiven) http.Handler {
	return wire.Handler(wire.Options{Settings: app}, []wire.Route{{Path: "/group/test.json", Body: wire.JSONBody, Params: []wire.Param{
		{Name: "userId", Kind: wire.ID, Required: true},
		{Name: "pageSize", Kind: wire.Int, Min: 1, Max: 100},
		{Name: "flag", Kind: wire.Bool},
		{Name: "tagIds", MaxChars: 10, Repeated: true, Count: 3},
		{Name: "tags", Kind: wire.JSON},
	}, Handle: func(_ context.Context, a *wire.Args) (wire.Reply, error) {
		*got = jsonGiven{User: a.Text("userId"), Page: a.Int("pageSize", 10), Flag: a.Bool("flag"), IDs: a.Texts("tagIds")}
		return nil, a.JSON("tags", &got.Tags)
	}}})
}

func TestJSONBodies(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		code int
		want jsonGiven
	}{
		"types as they are":       {`{"userId":"u","pageSize":20,"flag":true}`, 200, jsonGiven{User: "u", Page: 20, Flag: true}},
		"types as texts":          {`{"userId":"u","pageSize":"20","flag":"true"}`, 200, jsonGiven{User: "u", Page: 20, Flag: true}},
		"an id as a number":       {`{"userId":17}`, 200, jsonGiven{User: "17", Page: 10}},
		"empty and null":          {`{"userId":"u","pageSize":"","flag":null,"tagIds":[],"tags":null}`, 200, jsonGiven{User: "u", Page: 10}},
		"unknown fields":          {`{"userId":"u","more":{"a":[1,null]}}`, 200, jsonGiven{User: "u", Page: 10}},
		"lists":                   {` {"userId":"u","tagIds":["b","a",3]} `, 200, jsonGiven{User: "u", Page: 10, IDs: []string{"b", "a", "3"}}},
		"one for a list":          {`{"userId":"u","tagIds":"a"}`, 200, jsonGiven{User: "u", Page: 10, IDs: []string{"a"}}},
		"objects":                 {`{"userId":"u","tags":[{"tagId":"t","tagName":"<T> 群"}]}`, 200, jsonGiven{User: "u", Page: 10, Tags: []tag{{"t", "<T> 群"}}}},
		"empty body":              {"", 1003, jsonGiven{}},
		"a form":                  {"userId=u", 1002, jsonGiven{}},
		"a list for the object":   {`["userId"]`, 1002, jsonGiven{}},
		"not UTF-8":               {"{\"userId\":\"u\",\"tags\":[{\"tagId\":\"\xff\"}]}", 1002, jsonGiven{}},
		"broken off":              {`{"userId":"u"`, 1002, jsonGiven{}},
		"required is missing":     {`{"pageSize":20}`, 1002, jsonGiven{}},
		"a list for a text":       {`{"userId":["u"]}`, 1002, jsonGiven{}},
		"an object for a number":  {`{"userId":"u","pageSize":{}}`, 1002, jsonGiven{}},
		"null in a list":          {`{"userId":"u","tagIds":[null]}`, 1002, jsonGiven{}},
		"too many":                {`{"userId":"u","tagIds":[1,2,3,4]}`, 1002, jsonGiven{}},
		"number out of bounds":    {`{"userId":"u","pageSize":101}`, 1002, jsonGiven{}},
		"a fraction":              {`{"userId":"u","pageSize":1.5}`, 1002, jsonGiven{}},
		"too long":                {`{"userId":"u","tagIds":["12345678901"]}`, 1005, jsonGiven{}},
		"objects of another form": {`{"userId":"u","tags":[{"tagId":7}]}`, 1002, jsonGiven{User: "u", Page: 10, Tags: []tag{{}}}},
	} {
		var got jsonGiven
		status, out, _ := serve(t, jsonRoute(&got), post(c.body))
		if out.Code != c.code || status >= 500 {
			t.Errorf("%s: %d %+v, want code %d", name, status, out, c.code)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: the handler got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestQueryStringsBelongToGET(t *testing.T) {
	var got string
	h := wire.Handler(wire.Options{Settings: app}, []wire.Route{
		{Method: http.MethodGet, Path: "/get.json", Params: []wire.Param{{Name: "userId", Kind: wire.ID, Required: true}},
			Handle: func(_ context.Context, a *wire.Args) (wire.Reply, error) { got = a.Text("userId"); return nil, nil }},
		{Path: "/post.json", Params: []wire.Param{{Name: "userId", Kind: wire.ID}},
			Handle: func(_ context.Context, a *wire.Args) (wire.Reply, error) { got = a.Text("userId"); return nil, nil }},
	})
	for _, c := range []struct {
		method, path, query, body string
		status                    int
		want                      string
	}{
		{"GET", "/get.json", "userId=a", "", 200, "a"},
		{"GET", "/get.json", "", "", 400, ""},
		{"GET", "/get.json", "userId=%2F", "", 400, ""},
		{"POST", "/get.json", "userId=a", "x=y", 405, ""},
		{"POST", "/post.json", "userId=a", "x=y", 200, ""},
		{"POST", "/post.json", "userId=a", "userId=b", 200, "b"},
	} {
		got = ""
		r := post(c.body)
		r.Method, r.URL = c.method, &url.URL{Path: c.path, RawQuery: c.query}
		status, out, header := serve(t, h, r)
		if status != c.status || got != c.want {
			t.Errorf("%+v: %d %+v, the handler got %q", c, status, out, got)
		}
		if status == 405 && header.Get("Allow") != "GET" {
			t.Errorf("Allow is %q", header.Get("Allow"))
		}
	}
}
