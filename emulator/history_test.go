package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/contract"
)

// TestHistoryThroughTheGateway reads what was sent, and counts what it costs.
func TestHistoryThroughTheGateway(t *testing.T) {
	w := startTown(t)
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"ann", "bob"}})
	var sent []string
	for i := range 120 {
		a := w.must("/message/group/publish.json", url.Values{"fromUserId": {"bob"}, "toGroupId": {"g"}, "objectName": {"RC:TxtMsg"}, "content": {fmt.Sprint(i)}, "isIncludeSender": {"1"}})
		sent = append(sent, a.UIDs[0].UID)
	}
	w.settle()
	w.resetCost()
	const path = "/v3/message/group/query.json"
	r, err := http.NewRequest(http.MethodPost, w.url(portGateway)+path, strings.NewReader(
		fmt.Sprintf(`{"userId":"ann","targetId":"g","startTime":"%d","endTime":"0","pageSize":"100","includeStart":"true"}`, time.Now().UnixMilli())))
	if err != nil {
		t.Fatal(err)
	}
	sign(r, "dev-secret")
	r.Header.Set("Content-Type", "application/json")
	var raw json.RawMessage
	if status := w.send(r, &raw); status != 200 {
		t.Fatalf("%d %s", status, raw)
	}
	if err := contract.CheckReply(path, raw); err != nil {
		t.Fatal(err)
	}
	var page struct {
		Data []struct {
			UID string `json:"messageUID"`
		}
	}
	if err := json.Unmarshal(raw, &page); err != nil || len(page.Data) != 100 {
		t.Fatalf("%d messages, %v", len(page.Data), err)
	}
	for i, m := range page.Data {
		if want := sent[len(sent)-1-i]; m.UID != want {
			t.Fatalf("message %d from the end is %s, %s was sent", i, m.UID, want)
		}
	}
	if c := w.cost().Total; c.Reads > 5 || c.Writes != 0 {
		t.Errorf("a page of history cost %+v", c)
	}
}
