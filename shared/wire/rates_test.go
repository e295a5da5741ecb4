package wire_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/wire"
)

func limited(rates settings.Rates, clock *time.Time) http.Handler {
	s := app
	s.Rates = rates
	handle := func(context.Context, *wire.Args) (wire.Reply, error) { return nil, nil }
	groups := wire.Param{Name: "toGroupId", Kind: wire.ID, Repeated: true, Count: 3}
	return wire.Handler(wire.Options{Settings: s, Now: func() time.Time { return *clock }}, []wire.Route{
		{Path: "/message/group/publish.json", Units: "toGroupId", Params: []wire.Param{groups}, Handle: handle},
		{Path: "/group/test.json", Params: []wire.Param{{Name: "groupId", Kind: wire.ID, Required: true}}, Handle: handle},
	})
}

func TestRates(t *testing.T) {
	const publish, other = "/message/group/publish.json", "/group/test.json"
	// step is a call at a time in milliseconds, and when to try again if refused.
	type step struct {
		at         int
		path, body string
		retry      string
	}
	for name, c := range map[string]struct {
		rates settings.Rates
		steps []step
	}{
		"off": {settings.Rates{}, []step{{0, other, "groupId=g", ""}, {0, other, "groupId=g", ""}, {0, publish, "toGroupId=1&toGroupId=2&toGroupId=3", ""}}},
		"each call for itself": {settings.Rates{Default: 2}, []step{
			{0, other, "groupId=g", ""}, {0, other, "groupId=g", ""}, {0, other, "groupId=g", "1"}, {0, publish, "toGroupId=1", ""},
			{499, other, "groupId=g", "1"}, {500, other, "groupId=g", ""}, {500, other, "groupId=g", "1"}}},
		"groups are counted": {settings.Rates{Calls: map[string]int{publish: 5}}, []step{
			{0, publish, "toGroupId=1&toGroupId=2&toGroupId=3", ""}, {0, publish, "toGroupId=1&toGroupId=2&toGroupId=3", "1"}, {0, publish, "toGroupId=1&toGroupId=2&toGroupId=1", ""},
			{0, publish, "toGroupId=1", "1"}, {0, other, "groupId=g", ""}, {1000, publish, "toGroupId=1&toGroupId=2&toGroupId=3", ""}}},
		"three groups at a limit of one": {settings.Rates{Default: 9, Calls: map[string]int{publish: 1}}, []step{
			{0, publish, "toGroupId=1&toGroupId=2&toGroupId=3", ""}, {0, publish, "toGroupId=1&toGroupId=2&toGroupId=3", "3"}, {1500, publish, "toGroupId=1&toGroupId=2&toGroupId=3", "2"},
			{3000, publish, "toGroupId=1&toGroupId=2&toGroupId=3", ""}}},
		"what is refused takes nothing": {settings.Rates{Default: 1}, []step{
			{0, other, "", "-"}, {0, other, "groupId=a/b", "-"}, {0, other, "groupId=g", ""}, {999, other, "groupId=g", "1"}, {1000, other, "groupId=g", ""}}},
	} {
		clock := now
		h := limited(c.rates, &clock)
		for i, s := range c.steps {
			clock = now.Add(time.Duration(s.at) * time.Millisecond)
			r := post(s.body)
			r.URL = &url.URL{Path: s.path}
			status, out, header := serve(t, h, r)
			switch s.retry {
			case "":
				if status != 200 {
					t.Errorf("%s, step %d: %d %+v", name, i, status, out)
				}
			case "-":
				if status != 400 {
					t.Errorf("%s, step %d: %d %+v", name, i, status, out)
				}
			default:
				if status != 429 || out.Code != 1008 || header.Get("Retry-After") != s.retry {
					t.Errorf("%s, step %d: %d %+v, try again after %q, want %s", name, i, status, out, header.Get("Retry-After"), s.retry)
				}
			}
		}
	}
}
