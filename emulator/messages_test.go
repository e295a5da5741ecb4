package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/id"
)

// TestAMessageIsChangedAfterwards recalls, edits and extends messages through
// the server API, some of them sealed in a segment by then, and looks at what is
// stored, pushed and billed.
func TestAMessageIsChangedAfterwards(t *testing.T) {
	t.Parallel()
	w := startTown(t, "THRONG_MSG_RANDOM=true")
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"The g"}, "userId": {"ann", "bob"}})
	for _, who := range []string{"ann", "bob"} {
		if status := w.device("PUT", "/devices/phone", w.token(who), `{"platform":"android","pushToken":"token-`+who+`"}`, nil); status != 200 {
			t.Fatalf("a device was answered %d", status)
		}
	}
	form := url.Values{"fromUserId": {"ann"}, "toGroupId": {"g"}, "objectName": {"RC:TxtMsg"}, "content": {text}, "expansion": {"true"}, "msgRandom": {"1"}}
	old := w.must("/message/group/publish.json", form).UIDs[0].UID
	if a := w.server("/message/group/publish.json", form); a.Status != 400 || a.Code != 1002 || !strings.Contains(a.Text, old) {
		t.Errorf("the same msgRandom was answered %+v", a)
	}
	together(8, 100, func(int) { w.publish("g", "ann") })
	w.settle()
	fresh := w.publish("g", "ann")

	groups := w.inside().Groups
	for _, uid := range []string{old, fresh} {
		w.must("/message/group/modify.json", url.Values{"fromUserId": {"ann"}, "groupId": {"g"}, "msgUID": {uid}, "content": {`{"content":"better"}`}})
		if _, e, err := groups.Find(t.Context(), id.Message(uid)); err != nil || e.Content != `{"content":"better"}` || e.Edited == 0 {
			t.Errorf("after an edit there is %+v, %v", e, err)
		}
	}
	change := url.Values{"msgUID": {old}, "userId": {"bob"}, "conversationType": {"3"}, "targetId": {"g"}, "extraKeyVal": {`{"k":"v"}`}}
	w.must("/message/expansion/set.json", change)
	if keys, err := groups.Expansion(t.Context(), id.Message(old)); err != nil || keys["k"].V != "v" || keys["k"].TS == 0 {
		t.Errorf("the keys are %v, %v", keys, err)
	}
	w.settle()
	for uid, writes := range map[string]int64{old: 2, fresh: 1} {
		w.forgetPushes()
		w.resetCost()
		for range 2 {
			w.must("/message/recall.json", url.Values{"fromUserId": {"ann"}, "conversationType": {"3"}, "targetId": {"g"}, "messageUID": {uid}, "sentTime": {"1507778882124"}, "isAdmin": {"0"}, "isDelete": {"0"}, "disablePush": {"false"}})
		}
		w.eventually("bob was told", func() bool { return len(w.pushes()) > 0 })
		w.settle()
		pushes := w.pushes()
		if d := pushes[0].Message.Data; len(pushes) != 1 || pushes[0].Token != "token-bob" || d["messageUID"] != uid || d["body"] != "Name of ann recalled a message" {
			t.Errorf("a recall pushed %+v", pushes)
		}
		if c := w.cost().Functions["messages"]; int64(c.Writes) != writes {
			t.Errorf("a recall and its repetition cost %+v, the budget is %d writes", c, writes)
		}
		if _, e, err := groups.Find(t.Context(), id.Message(uid)); err != nil || e.Recalled == 0 || e.Content != "" {
			t.Errorf("after a recall there is %+v, %v", e, err)
		}
	}
	w.forgetPushes()
	w.resetCost()
	if a := w.must("/statusmessage/group/publish.json", url.Values{"fromUserId": {"ann"}, "toGroupId": {"g"}, "objectName": {"RC:TxtMsg"}, "content": {text}}); len(a.UIDs) != 1 || len(a.UIDs[0].UID) != 19 {
		t.Errorf("a status message was answered %+v", a)
	}
	w.settle()
	if c := w.cost().Total; c.Writes > 0 || len(w.pushes()) > 0 {
		t.Errorf("a status message cost %+v and made %d pushes", c, len(w.pushes()))
	}
}
