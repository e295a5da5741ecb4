package client_test

import (
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/throng-im/throng/functions/client"
	"github.com/throng-im/throng/shared/deviceapi"
)

// FuzzCalls makes every call with any body, query and name, as a member of a
// group. Whatever it is answered, the description allows, and nothing breaks.
func FuzzCalls(f *testing.F) {
	routes := client.Routes()
	for i, route := range routes {
		f.Add(uint8(i), "", "", authorisation[route].body)
	}
	for i := range routes {
		f.Add(uint8(i), "a b", "limit=0&before=-1&cursor=x&tag=%ff&mentions=maybe&types=,", `{"clientId":null,"limit":-1,"seq":1e3,"cursor":"x"`)
		f.Add(uint8(i), "..", "limit=1&after=0&types=RC:TxtMsg&mentions=true&tag=t", `{"clientId":"first","type":"app:x","content":"\ud800","to":["ann"],"mention":{"type":2,"userIds":["bob"]},"push":{"ext":[1]},"expansion":{},"extra":"x"}`)
		f.Add(uint8(i), "t", "beforeTime=9223372036854775807", `{"clientId":"2","pinned":true,"tags":["t"],"draft":"x","notify":5,"name":"x","quietHours":{"start":"22:00:00","minutes":1},"platform":"web","pushToken":"x"}`)
		f.Add(uint8(i), "\x00", "afterTime=0&afterTime=1", `{"messageUIDs":["{messageUID}"],"groups":{"g":9223372036854775807},"set":{"k":null},"remove":["k"],"seq":9223372036854775807,"beforeTime":9223372036854775807}`)
	}
	f.Fuzz(func(t *testing.T, which uint8, name, query, body string) {
		log := slog.Default()
		slog.SetDefault(slog.New(slog.DiscardHandler))
		defer slog.SetDefault(log)
		method, path, _ := strings.Cut(routes[int(which)%len(routes)], " ")
		p, fill := stage(t)
		if name != "" { // in place of the last that the path names
			if i, j := strings.LastIndex(path, "{"), strings.LastIndex(path, "}"); i >= 0 {
				path = path[:i] + url.PathEscape(name) + path[j+1:]
			}
		}
		path, body = fill(path), fill(body)
		r := httptest.NewRequest(method, deviceapi.Base+path, strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Authorization", "Bearer "+p.token)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %s?%s %q: %d %s", method, path, query, body, w.Code, w.Body)
		}
		if _, err := exchange(method, path, body, w).CheckAnswer(); err != nil {
			t.Errorf("%q %q: %v", query, body, err)
		}
	})
}
