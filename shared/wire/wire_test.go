package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/wire"
)

var app = settings.Settings{AppKey: "key", AppSecret: "secret"}

var now = time.UnixMilli(1_408_710_653_491)

// seen is what the handler of the test's route was given.
type seen struct {
	Users  []string
	Group  string
	Text   string
	Number int
	Flag   bool
	Map    map[string]string
}

func api(s settings.Settings, got *seen, fail error) http.Handler {
	return wire.Handler(wire.Options{Settings: s, Now: func() time.Time { return now }}, []wire.Route{{Path: "/group/test.json", Params: []wire.Param{
		{Name: "userId", Kind: wire.ID, Repeated: true, Count: 3},
		{Name: "groupId", Kind: wire.ID, Required: true},
		{Name: "text", MaxChars: 5, MaxBytes: 12},
		{Name: "number", Kind: wire.Int, Min: 1, Max: 9},
		{Name: "flag", Kind: wire.Bool},
		{Name: "group", Kind: wire.IDMap, MaxChars: 6},
	}, Handle: func(_ context.Context, a *wire.Args) (wire.Reply, error) {
		*got = seen{Group: a.Text("groupId"), Text: a.Text("text"), Number: a.Int("number", -1), Flag: a.Bool("flag"), Map: a.Map("group")}
		for _, u := range a.Users("userId") {
			got.Users = append(got.Users, string(u))
		}
		return wire.Reply{"more": "<&>"}, fail
	}}})
}

func signed(r *http.Request, nonce, timestamp string) {
	r.Header.Set("App-Key", "key")
	r.Header.Set("Nonce", nonce)
	r.Header.Set("Timestamp", timestamp)
	r.Header.Set("Signature", wire.Signature("secret", nonce, timestamp))
}

func post(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/group/test.json", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	signed(r, "14314", "1408710653491")
	return r
}

type reply struct {
	Code    int    `json:"code"`
	Message string `json:"errorMessage"`
	URL     string `json:"url"`
	More    string `json:"more"`
}

func serve(t *testing.T, h http.Handler, r *http.Request) (int, reply, http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var out reply
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("the answer is no JSON: %q", w.Body)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("content type %q", ct)
	}
	return w.Code, out, w.Header()
}

func TestTheSignatureIsTheDocumentedOne(t *testing.T) {
	// Computed with sha1sum.
	if got := wire.Signature("secret", "14314", "1408710653491"); got != "12da249941f9f75c2ccb17d0c250f3101e5109df" {
		t.Errorf("got %s", got)
	}
}

func TestEnvelopes(t *testing.T) {
	windowed := app
	windowed.SignatureWindow = time.Minute
	set := func(pairs ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i+1] == "" {
					r.Header.Del(pairs[i])
				} else {
					r.Header.Set(pairs[i], pairs[i+1])
				}
			}
		}
	}
	resign := func(nonce, ts string) func(*http.Request) { return func(r *http.Request) { signed(r, nonce, ts) } }
	for name, c := range map[string]struct {
		s      settings.Settings
		change func(*http.Request)
		status int
		code   int
	}{
		"as documented":                    {app, set(), 200, 200},
		"nineteen digits of nonce":         {app, resign("9699767830021593881", "1480479442"), 200, 200},
		"a decimal nonce":                  {app, resign("482913.23847", "1480479442"), 200, 200},
		"a very old timestamp, no window":  {app, resign("1", "1"), 200, 200},
		"upper-case hex":                   {app, set("Signature", strings.ToUpper(wire.Signature("secret", "14314", "1408710653491"))), 200, 200},
		"RC- names":                        {app, set("App-Key", "", "RC-App-Key", "key", "Signature", "", "RC-Signature", wire.Signature("secret", "14314", "1408710653491")), 200, 200},
		"wrong signature":                  {app, set("Signature", wire.Signature("other", "14314", "1408710653491")), 401, 1004},
		"no signature":                     {app, set("Signature", ""), 401, 1004},
		"no nonce":                         {app, set("Nonce", ""), 401, 1004},
		"unknown app key":                  {app, set("App-Key", "stranger"), 401, 1001},
		"no app key":                       {app, set("App-Key", ""), 401, 1001},
		"fresh in milliseconds, in window": {windowed, resign("1", fmt.Sprint(now.Add(-50*time.Second).UnixMilli())), 200, 200},
		"fresh in seconds, in window":      {windowed, resign("1", fmt.Sprint(now.Add(50*time.Second).Unix())), 200, 200},
		"stale in window":                  {windowed, resign("1", fmt.Sprint(now.Add(-2*time.Minute).Unix())), 401, 1004},
		"no number in window":              {windowed, resign("1", "soon"), 401, 1004},
		"content type in capitals":         {app, set("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8"), 200, 200},
		"no content type":                  {app, set("Content-Type", ""), 200, 200},
	} {
		var got seen
		r := post("groupId=g1")
		c.change(r)
		status, out, _ := serve(t, api(c.s, &got, nil), r)
		if status != c.status || out.Code != c.code {
			t.Errorf("%s: %d %+v, want %d with code %d", name, status, out, c.status, c.code)
		}
		if reached := got.Group == "g1"; reached != (c.code == 200) {
			t.Errorf("%s: the handler was reached: %v", name, reached)
		}
	}
}

func TestBodies(t *testing.T) {
	long := strings.Repeat("x", 65)
	for name, c := range map[string]struct {
		body string
		code int
		want seen
	}{
		"repeated keys in order, doubles once": {"userId=2&groupId=g&userId=1&userId=2", 200, seen{Users: []string{"2", "1"}, Group: "g", Number: -1}},
		"empty is absent":                      {"groupId=g&text=&number=&flag=&userId=", 200, seen{Group: "g", Number: -1}},
		"everything":                           {"groupId=g&text=h%C3%A9llo&number=9&flag=true&unknown=1", 200, seen{Group: "g", Text: "héllo", Number: 9, Flag: true}},
		"a flag as a number":                   {"groupId=g&flag=1", 200, seen{Group: "g", Number: -1, Flag: true}},
		"a map, raw and escaped":               {"groupId=g&group[a]=A+B&group%5Bb%5D=%42&group[c]=", 200, seen{Group: "g", Number: -1, Map: map[string]string{"a": "A B", "b": "B", "c": ""}}},
		"an escape that is none":               {"groupId=g&text=5%&bad=%zz;", 200, seen{Group: "g", Text: "5%", Number: -1}},
		"raw JSON":                             {`groupId=g&text={"a"}`, 200, seen{Group: "g", Text: `{"a"}`, Number: -1}},
		"empty body":                           {"", 1003, seen{}},
		"required is missing":                  {"text=a", 1002, seen{}},
		"required is empty":                    {"groupId=&text=a", 1002, seen{}},
		"too many":                             {"groupId=g&userId=1&userId=2&userId=3&userId=4", 1002, seen{}},
		"too many, though doubles":             {"groupId=g&userId=1&userId=1&userId=1&userId=1", 1002, seen{}},
		"id too long":                          {"groupId=" + long, 1005, seen{}},
		"id with a slash":                      {"groupId=a/b", 1002, seen{}},
		"too many characters":                  {"groupId=g&text=123456", 1005, seen{}},
		"too many bytes":                       {"groupId=g&text=%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80", 1005, seen{}},
		"no number":                            {"groupId=g&number=1x", 1002, seen{}},
		"number too large":                     {"groupId=g&number=10", 1002, seen{}},
		"no flag":                              {"groupId=g&flag=yes", 1002, seen{}},
		"broken UTF-8":                         {"groupId=g&text=%ff", 1002, seen{}},
		"map with a bad id":                    {"groupId=g&group[a/b]=x", 1002, seen{}},
		"map with a long text":                 {"groupId=g&group[a]=1234567", 1005, seen{}},
	} {
		var got seen
		status, out, _ := serve(t, api(app, &got, nil), post(c.body))
		if out.Code != c.code || status >= 500 {
			t.Errorf("%s: %d %+v, want code %d", name, status, out, c.code)
		}
		if c.want.Map == nil && c.code == 200 {
			c.want.Map = map[string]string{}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: the handler got %+v, want %+v", name, got, c.want)
		}
		if c.code != 200 && (out.Message == "" || out.URL != "/group/test.json") {
			t.Errorf("%s: the error says %+v", name, out)
		}
	}
}

func TestPathsAndMethods(t *testing.T) {
	for name, c := range map[string]struct {
		method, path string
		status, code int
	}{
		"double slash":   {"POST", "//group//test.json", 200, 200},
		"unknown":        {"POST", "/group/nothing.json", 404, 404},
		"without ending": {"POST", "/group/test", 404, 404},
		"GET":            {"GET", "/group/test.json", 405, 405},
		"PUT":            {"PUT", "/group/test.json", 405, 405},
	} {
		r := post("groupId=g")
		r.Method, r.URL = c.method, &url.URL{Path: c.path}
		status, out, header := serve(t, api(app, new(seen), nil), r)
		if status != c.status || out.Code != c.code {
			t.Errorf("%s: %d %+v", name, status, out)
		}
		if status == 405 && header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow is %q", name, header.Get("Allow"))
		}
	}
}

func TestFaultsAreAnsweredByTheTable(t *testing.T) {
	for _, c := range []struct {
		err          error
		status, code int
	}{
		{fault.New(fault.InvalidArgument, "x"), 400, 1002},
		{fault.New(fault.TooLarge, "x"), 400, 1005},
		{fault.New(fault.GroupFull, "x"), 405, 25411},
		{&fault.Error{Kind: fault.RateLimited, Message: "x", RetryAfter: 1500 * time.Millisecond}, 429, 1008},
		{fault.New(fault.NotEnabled, "x"), 430, 1009},
		{fault.New(fault.Unauthenticated, "x"), 401, 1004},
		{fault.New(fault.TokenExpired, "x"), 401, 1004},
		{fault.New(fault.PermissionDenied, "x"), 403, 25405},
		{fault.New(fault.NotMember, "x"), 403, 22406},
		{fault.New(fault.Muted, "x"), 403, 22408},
		{fault.New(fault.GroupMuted, "x"), 403, 22408},
		{fault.New(fault.GroupDismissed, "x"), 403, 25410},
		{fault.New(fault.NotFound, "x"), 404, 404},
		{fault.New(fault.MethodNotAllowed, "x"), 405, 405},
		{fault.New(fault.Internal, "hunter2"), 500, 1000},
		{fault.New(fault.Unavailable, "x"), 504, 1050},
		{fmt.Errorf("wrapped: %w", fault.New(fault.TooLarge, "x")), 400, 1005},
		{errors.New("password=hunter2"), 500, 1000},
		{fault.New("something new", "hunter2"), 500, 1000},
	} {
		status, out, header := serve(t, api(app, new(seen), c.err), post("groupId=g"))
		if status != c.status || out.Code != c.code {
			t.Errorf("%v: %d %+v, want %d %d", c.err, status, out, c.status, c.code)
		}
		if strings.Contains(out.Message, "hunter2") {
			t.Errorf("an internal error shows %q", out.Message)
		}
		if status == 429 && header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After is %q", header.Get("Retry-After"))
		}
	}
}

func TestAHugeBodyIsRefusedUnread(t *testing.T) {
	var got seen
	read := 0
	body := io.TeeReader(io.LimitReader(zeros{}, 50<<20), counter{&read})
	r := httptest.NewRequest(http.MethodPost, "/group/test.json", body)
	signed(r, "1", "2")
	for _, length := range []int64{50 << 20, -1} {
		r.ContentLength = length
		if status, out, header := serve(t, api(app, &got, nil), r); status != 400 || out.Code != 1508 || header.Get("Connection") != "close" {
			t.Errorf("50 MB with length %d: %d %+v %v", length, status, out, header)
		}
	}
	if read > wire.MaxBody+1<<20 {
		t.Errorf("%d bytes were read", read)
	}
}

func TestABodyOfTheLargestSizePasses(t *testing.T) {
	var got seen
	body := "groupId=g&x=" + strings.Repeat("0", wire.MaxBody)
	if status, out, _ := serve(t, api(app, &got, nil), post(body[:wire.MaxBody])); status != 200 || got.Group != "g" {
		t.Errorf("%d bytes: %d %+v", wire.MaxBody, status, out)
	}
	if status, out, _ := serve(t, api(app, &got, nil), post(body[:wire.MaxBody+1])); status != 400 || out.Code != 1508 {
		t.Errorf("one byte more: %d %+v", status, out)
	}
}

func TestABodyThatBreaksOffIsTheCallersFault(t *testing.T) {
	r := post("groupId=g")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("groupId=g"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if status, out, _ := serve(t, api(app, new(seen), nil), r); status != 400 || out.Code != 1002 {
		t.Errorf("%d %+v", status, out)
	}
}

func TestAReplyThatCannotBeEncodedIsInternal(t *testing.T) {
	h := wire.Handler(wire.Options{Settings: app, Now: time.Now}, []wire.Route{{Path: "/group/test.json", Handle: func(context.Context, *wire.Args) (wire.Reply, error) {
		return wire.Reply{"half": "done", "never": make(chan int)}, nil
	}}})
	if status, out, _ := serve(t, h, post("a=b")); status != 500 || out.Code != 1000 || out.URL != "/group/test.json" {
		t.Errorf("%d %+v", status, out)
	}
}

func TestTextsAreNotEscapedForHTML(t *testing.T) {
	w := httptest.NewRecorder()
	api(app, new(seen), nil).ServeHTTP(w, post("groupId=g"))
	if got := w.Body.String(); got != `{"code":200,"more":"<&>"}`+"\n" || w.Header().Get("Content-Length") != strconv.Itoa(len(got)) {
		t.Errorf("answered %s %v", got, w.Header())
	}
}

func TestARouteIsListedOnce(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("two routes share a path")
		}
	}()
	wire.Handler(wire.Options{Settings: app, Now: time.Now}, []wire.Route{{Path: "/a.json"}, {Path: "/a.json"}})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	copy(b, bytes.Repeat([]byte("0"), len(b)))
	return len(b), nil
}

type counter struct{ n *int }

func (c counter) Write(b []byte) (int, error) { *c.n += len(b); return len(b), nil }

func FuzzForm(f *testing.F) {
	for _, s := range []string{"groupId=g", "a=%zz&groupId=g&group[x]=1", "group%5B=&&&;=%", "userId=\x00&groupId=\xff"} {
		f.Add(s)
	}
	h := api(app, new(seen), nil)
	f.Fuzz(func(t *testing.T, body string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, post(body))
		var out reply
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code >= 500 {
			t.Fatalf("%q is answered with %d %q", body, w.Code, w.Body)
		}
	})
}

func BenchmarkPublishForm(b *testing.B) {
	body := url.Values{"groupId": {"group-1"}, "userId": {"user-1"}, "text": {"hello"}, "pushContent": {"x"}}.Encode()
	h := api(app, new(seen), nil)
	r, content := post(body), strings.NewReader(body)
	r.Body = io.NopCloser(content)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		content.Reset(body)
		w.Body.Reset()
		h.ServeHTTP(w, r)
	}
}
