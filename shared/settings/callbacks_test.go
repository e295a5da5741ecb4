package settings_test

import (
	"strings"
	"testing"
)

func TestCallbacks(t *testing.T) {
	s, err := from("THRONG_CALLBACK_MESSAGES=https://App.example.com/m?tenant=1", "THRONG_CALLBACK_STATUS=https://eu.example.org:8443/s",
		"THRONG_CALLBACK_HOSTS=app.example.com, *.Example.org", "THRONG_CALLBACK_PRE_TYPES=RC:TxtMsg, RC:ImgMsg", "THRONG_CALLBACK_PRE_FAIL=closed")
	c := s.Callbacks
	if err != nil || c.Messages != "https://App.example.com/m?tenant=1" || c.Status != "https://eu.example.org:8443/s" || c.Operations != "" || c.Pre != "" ||
		c.ServerMessages || c.PreServerMessages || !c.PreClosed || c.Local || len(c.PreTypes) != 2 || c.PreTypes[1] != "RC:ImgMsg" {
		t.Errorf("%+v, %v", c, err)
	}
	for host, want := range map[string]bool{"app.example.com": true, "APP.example.com": true, "a.app.example.com": false, "eu.example.org": true, "a.b.example.org": true, "example.org": false, "badexample.org": false, "": false} {
		if c.Allows(host) != want {
			t.Errorf("%s may be called: %v", host, !want)
		}
	}
	if s, err = from(); err != nil || !s.Callbacks.Allows("any.example.net") || s.Callbacks.PreClosed {
		t.Errorf("%+v, %v", s.Callbacks, err)
	}
	if s, err = from("FIRESTORE_EMULATOR_HOST=127.0.0.1:1", "THRONG_CALLBACK_PRE=http://127.0.0.1:9/pre"); err != nil || !s.Callbacks.Local {
		t.Errorf("on the local cloud: %+v, %v", s.Callbacks, err)
	}
	for _, bad := range []string{
		"THRONG_CALLBACK_MESSAGES=http://app.example.com", "THRONG_CALLBACK_MESSAGES=app.example.com", "THRONG_CALLBACK_MESSAGES=https://", "THRONG_CALLBACK_MESSAGES=https://:443/",
		"THRONG_CALLBACK_OPERATIONS=ftp://app.example.com", "THRONG_CALLBACK_STATUS=https://hush:hush@app.example.com", "THRONG_CALLBACK_PRE=https://app.example.com/#hush",
		"THRONG_CALLBACK_PRE=https://app.example.com/%zz?hush", "THRONG_CALLBACK_PRE_FAIL=maybe", "THRONG_CALLBACK_SERVER_MESSAGES=1", "THRONG_CALLBACK_PRE_SERVER_MESSAGES=1",
		"THRONG_CALLBACK_HOSTS=https://app.example.com", "THRONG_CALLBACK_HOSTS=*", "THRONG_CALLBACK_HOSTS=a.*.com",
	} {
		name, _, _ := strings.Cut(bad, "=")
		if _, err := from(bad); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := from("THRONG_CALLBACK_HOSTS=app.example.com", "THRONG_CALLBACK_STATUS=https://other.example.com"); err == nil || !strings.Contains(err.Error(), "THRONG_CALLBACK_STATUS") {
		t.Errorf("a host that may not be called: %v", err)
	}
}
