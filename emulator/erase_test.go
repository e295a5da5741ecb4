package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// privacy runs the operator's command on the town.
func (w *town) privacy(logs string, args ...string) string {
	w.Helper()
	out, err := operate(w.project, []string{"THRONG_APP_KEY=dev-app", "THRONG_APP_SECRET=dev-secret", "THRONG_LOGS=" + logs}, "privacy", args...)
	if err != nil && !strings.Contains(out, "do it again") {
		w.Fatal(err)
	}
	return out
}

// operate runs an operator's command on a project and returns what it says.
func operate(project string, env []string, command string, args ...string) (string, error) {
	cmd := exec.Command("go", append([]string{"run", "./functions/cmd/" + command}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(append(os.Environ(), "GOOGLE_CLOUD_PROJECT="+project), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %v: %w\n%s", command, args, err, out)
	}
	return string(out), err
}

// TestAUserIsErased from the whole local cloud by the operator's command, while she is
// connected: she is shown out, and nobody comes to see a trace of her by any call.
func TestAUserIsErased(t *testing.T) {
	logs := "file://" + t.TempDir() + "?base_url=http://127.0.0.1:1/logs"
	w := startTown(t, "THRONG_LOGS="+logs, "THRONG_HISTORY_MONTHS=6")
	zoe, bob := w.token("zoe"), w.token("bob")
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"zoe", "bob"}})
	does := func(method, path, token, body string) (m made) {
		t.Helper()
		if status := w.device(method, path, token, body, &m); status != http.StatusOK {
			t.Fatalf("%s %s: %d", method, path, status)
		}
		return m
	}
	does("PUT", "/devices/phone", zoe, `{"platform":"ios","pushToken":"phone-of-zoe"}`)
	said := does("POST", "/groups/g/messages", zoe, `{"clientId":"1","type":"RC:TxtMsg","content":"{\"content\":\"zoe was here\"}","receipt":true}`)
	does("POST", "/groups/g/receipts", bob, fmt.Sprintf(`{"messageUIDs":[%q]}`, said.UID))
	w.must("/message/group/publish.json", url.Values{
		"fromUserId": {"bob"}, "toGroupId": {"g"}, "objectName": {"RC:TxtMsg"}, "isMentioned": {"1"},
		"content": {`{"content":"you","mentionedInfo":{"type":2,"userIdList":["zoe"]}}`},
	})
	w.eventually("the phone rings", func() bool { return len(w.pushes()) > 0 })
	does("PATCH", "/conversations/g", zoe, `{"pinned":true,"draft":"zoe goes"}`)
	w.must("/group/user/gag/add.json", url.Values{"groupId": {"g"}, "userId": {"zoe"}, "minute": {"0"}})
	on := &listener{town: w, user: "zoe", token: zoe}
	on.listen()

	export := w.privacy(logs, "export", "user", "zoe")
	for _, want := range []string{`"what":"profile"`, "phone-of-zoe", "zoe was here", "zoe goes", "tokens/", "presence/"} {
		if !strings.Contains(export, want) {
			t.Errorf("the export has no %s:\n%s", want, export)
		}
	}
	// The stream says on its board that she went, while the command does: that one is
	// then to be done again, as it says.
	w.eventually("she is erased", func() bool {
		out := w.privacy(logs, "erase", "user", "zoe")
		return strings.Contains(out, "erased;") || strings.Contains(out, "nothing is kept")
	})
	w.eventually("her stream ended", func() bool {
		select {
		case <-on.ended:
			return true
		default:
			return false
		}
	})
	if status := w.device("POST", "/sync", zoe, `{}`, nil); status != http.StatusUnauthorized {
		t.Errorf("her token still counts: %d", status)
	}
	w.eventually("nothing is kept", func() bool { return strings.Contains(w.privacy(logs, "find", "user", "zoe"), "nothing is kept") })
	for _, call := range []struct{ method, path, body string }{
		{"POST", "/sync", `{}`}, {"GET", "/groups/g/messages", ""}, {"GET", "/conversations", ""}, {"GET", "/groups/g/unread", ""},
	} {
		var reply json.RawMessage
		if status := w.device(call.method, call.path, bob, call.body, &reply); status != http.StatusOK || strings.Contains(string(reply), "zoe") {
			t.Errorf("bob's %s answers %d %s", call.path, status, reply)
		}
	}
	for path, form := range map[string]url.Values{
		"/group/user/query.json": {"groupId": {"g"}}, "/group/user/gag/list.json": {"groupId": {"g"}}, "/user/group/query.json": {"userId": {"zoe"}},
	} {
		var reply json.RawMessage
		if status := w.post(path, form, &reply); status != http.StatusOK || strings.Contains(string(reply), "zoe") && path != "/user/group/query.json" || strings.Contains(string(reply), `"G"`) {
			t.Errorf("%s answers %d %s", path, status, reply)
		}
	}
	w.privacy(logs, "erase", "group", "g")
	w.eventually("nothing is kept of the group", func() bool { return strings.Contains(w.privacy(logs, "find", "group", "g"), "nothing is kept") })
}
