package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// ask calls the server API and reads an answer of its own form.
func (w *town) ask(path string, form url.Values, into any) {
	w.Helper()
	r, err := http.NewRequest(http.MethodPost, w.url(portGateway)+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.Fatal(err)
	}
	sign(r, "dev-secret")
	if status := w.send(r, into); status != 200 {
		w.Fatalf("%s answered %d %+v", path, status, into)
	}
}

// says sends from a user's device and expects to be refused for a reason, or
// for none.
func (w *town) says(user, key, reason string) {
	w.Helper()
	var out struct {
		Seq   int64
		Error struct {
			Code string
			RC   int
		}
	}
	status := w.device("POST", "/groups/g/messages", w.token(user), fmt.Sprintf(`{"clientId":%q,"type":"RC:TxtMsg","content":%q}`, key, text), &out)
	want := map[string]struct{ status, rc int }{"": {200, 0}, "muted": {403, 22408}, "group_muted": {403, 22408}, "not_member": {403, 22406}}[reason]
	if status != want.status || out.Error.Code != reason || out.Error.RC != want.rc || (out.Seq > 0) != (reason == "") {
		w.Errorf("%s says something and is answered %d %+v, want %d %q", user, status, out, want.status, reason)
	}
}

// TestMutesBindDevices mutes by the server API and sends from devices.
func TestMutesBindDevices(t *testing.T) {
	w := startTown(t, "THRONG_TIME_ZONE=Asia/Shanghai")
	group := func(more ...string) url.Values {
		form := url.Values{"groupId": {"g"}}
		for i := 0; i < len(more); i += 2 {
			form.Add(more[i], more[i+1])
		}
		return form
	}
	create := func() {
		t.Helper()
		w.must("/group/create.json", group("groupName", "G", "userId", "ann", "userId", "bob", "userId", "cem"))
	}
	// All of it is said before there is a group.
	w.must("/group/user/gag/add.json", group("userId", "ann", "minute", "30"))
	w.must("/group/ban/add.json", group("groupId", "other"))
	w.must("/group/user/ban/whitelist/add.json", group("userId", "bob", "userId", "ann"))
	w.says("ann", "0", "not_member")
	create()
	for round := range 2 {
		w.says("ann", fmt.Sprint("muted", round), "muted")
		w.says("bob", fmt.Sprint("allowed", round), "")
		w.says("cem", fmt.Sprint("all", round), "group_muted")
		w.publish("g", "cem") // the app's server is not bound
		w.must("/group/quit.json", group("userId", "ann"))
		w.must("/group/dismiss.json", group("userId", "ann"))
		create()
	}
	var gags struct {
		Users []struct{ UserID, StartTime, Time string }
	}
	w.ask("/group/user/gag/list.json", group(), &gags)
	if len(gags.Users) != 1 || gags.Users[0].UserID != "ann" {
		t.Fatalf("the gags are %+v", gags)
	}
	zone, _ := time.LoadLocation("Asia/Shanghai")
	start, err1 := time.ParseInLocation(time.DateTime, gags.Users[0].StartTime, zone)
	end, err2 := time.ParseInLocation(time.DateTime, gags.Users[0].Time, zone)
	if err1 != nil || err2 != nil || end.Sub(start).Round(time.Minute) != 30*time.Minute || time.Since(start).Abs() > 30*time.Minute {
		t.Errorf("the gag is from %s to %s, now is %s", start, end, time.Now())
	}
	var bans struct {
		GroupInfo []struct {
			GroupID string
			Stat    int
		}
	}
	w.ask("/group/ban/query.json", url.Values{}, &bans)
	if fmt.Sprint(bans.GroupInfo) != "[{g 1} {other 1}]" {
		t.Errorf("the muted groups are %v", bans.GroupInfo)
	}
	w.ask("/group/ban/query.json", url.Values{"groupId": {"x", "g"}}, &bans)
	if fmt.Sprint(bans.GroupInfo) != "[{x 0} {g 1}]" {
		t.Errorf("two groups are %v", bans.GroupInfo)
	}
	var allowed struct{ UserIDs []string }
	w.ask("/group/user/ban/whitelist/query.json", group(), &allowed)
	if !slices.Equal(allowed.UserIDs, []string{"ann", "bob"}) {
		t.Errorf("the allowlist is %v", allowed.UserIDs)
	}

	// What is so already costs no write.
	w.settle()
	w.resetCost()
	w.must("/group/ban/add.json", group())
	w.must("/group/user/ban/whitelist/add.json", group("userId", "ann"))
	w.must("/group/user/gag/rollback.json", group("userId", "bob"))
	if c := w.cost().Total; c.Writes != 0 || c.Published != 0 {
		t.Errorf("nothing to change cost %+v", c)
	}

	w.must("/group/user/gag/rollback.json", group("userId", "ann"))
	w.says("ann", "allowed", "")
	w.must("/group/user/ban/whitelist/rollback.json", group("userId", "ann"))
	w.says("ann", "no longer", "group_muted")
	w.must("/group/ban/rollback.json", group())
	w.says("cem", "free", "")
	w.must("/group/user/gag/add.json", group("userId", "cem", "minute", "0"))
	w.says("cem", "for ever", "muted")
}

// TestMessagesBoundToMembership pushes to those who come and those who go, and
// calls the sender what the group calls them.
func TestMessagesBoundToMembership(t *testing.T) {
	w := startTown(t)
	w.token("boss")
	w.device("PUT", "/devices/d", w.token("bob"), `{"platform":"web","pushToken":"bob"}`, nil)
	bound := func(text string, more url.Values) url.Values {
		form := url.Values{"groupId": {"g"}, "bindNotifyMsg": {"true"}, "fromUserId": {"boss"}, "objectName": {"RC:GrpNtf"},
			"content": {"{}"}, "pushContent": {text}, "pushData": {""}, "pushExt": {""}, "isIncludeSender": {"0"}, "isPersisted": {"0"}, "maxMember": {"0"}}
		for k, v := range more {
			form[k] = v
		}
		return form
	}
	type reply struct {
		Code, MemberCount int
		MessageUID        string
	}
	call := func(path string, form url.Values, members int) {
		t.Helper()
		var r reply
		if w.ask(path, form, &r); r.Code != 200 || r.MemberCount != members || len(r.MessageUID) != 19 {
			t.Errorf("%s answered %+v, want %d members", path, r, members)
		}
	}
	call("/group/create.json", bound("created", url.Values{"groupName": {"G"}, "userId": {"boss", "ann"}}), 2)
	call("/group/join.json", bound("welcome", url.Values{"userId": {"bob"}}), 3)
	w.eventually("bob was told once", func() bool { return len(w.pushes()) == 1 })
	w.must("/group/remarks/set.json", url.Values{"groupId": {"g"}, "userId": {"boss"}, "remark": {"The Boss"}})
	call("/group/refresh.json", bound("renamed", url.Values{"groupName": {"H"}}), 3)
	call("/group/quit.json", bound("goodbye", url.Values{"userId": {"bob"}}), 2)
	call("/group/dismiss.json", bound("the end", url.Values{"userId": {"boss"}}), 0)
	w.eventually("bob was told thrice", func() bool { return len(w.pushes()) >= 3 })
	w.settle()
	var shown []string
	for _, p := range w.pushes() {
		shown = append(shown, p.Message.Data["body"])
	}
	slices.Sort(shown)
	if want := []string{"Name of boss: welcome", "The Boss: goodbye", "The Boss: renamed"}; !slices.Equal(shown, want) {
		t.Errorf("bob was shown %q, want %q", shown, want)
	}
}
