package main

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// made is what calls of a device answer that make an entry.
type made struct {
	UID   string `json:"messageUID"`
	Seq   int64
	Error struct{ Code string }
}

// play is a group with ann, bob and cem, as their devices see it.
type play struct {
	*town
	tokens map[string]string
}

func (p *play) as(user, method, path, body string, into any) int {
	p.Helper()
	if p.tokens[user] == "" {
		p.tokens[user] = p.token(user)
	}
	return p.device(method, "/groups/g"+path, p.tokens[user], body, into)
}

// does makes a call that succeeds.
func (p *play) does(user, method, path, body string) (m made) {
	p.Helper()
	if status := p.as(user, method, path, body, &m); status != 200 {
		p.Fatalf("%s %s by %s: %d %+v", method, path, user, status, m)
	}
	return m
}

// refused makes a call that is not answered.
func (p *play) refused(code, user, method, path, body string) {
	p.Helper()
	var m made
	if status := p.as(user, method, path, body, &m); status < 400 || m.Error.Code != code {
		p.Errorf("%s %s by %s: %d %+v, want %s", method, path, user, status, m, code)
	}
}

func (p *play) says(user, key, more string) made {
	p.Helper()
	return p.does(user, "POST", "/messages", fmt.Sprintf(`{"clientId":%q,"type":"RC:TxtMsg","content":%q%s}`, key, key, more))
}

// sees reads what a user's history shows.
func (p *play) sees(user, query string, want ...string) {
	p.Helper()
	var page struct {
		Messages []struct{ Content string }
	}
	if status := p.as(user, "GET", "/messages"+query, "", &page); status != 200 {
		p.Fatalf("history of %s: %d", user, status)
	}
	got := []string{}
	for _, m := range page.Messages {
		got = append(got, m.Content)
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		p.Errorf("%s sees %q, want %q", user, got, want)
	}
}

// TestAChatOfDevices plays a chat through the whole local cloud: changes, history
// in all directions, deletions, receipts, an administrator.
func TestAChatOfDevices(t *testing.T) {
	p := &play{startTown(t), map[string]string{}}
	p.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"ann", "bob", "cem"}})
	first := p.says("ann", "one", `,"receipt":true,"expansion":{"k":"1"}`)
	p.says("bob", "two", "")
	third := p.says("ann", "three", "")
	p.sees("cem", "?limit=2", "three", "two")
	p.sees("cem", fmt.Sprintf("?after=%d", first.Seq), "two", "three")
	p.sees("cem", fmt.Sprintf("?before=%d", third.Seq), "two", "one")
	p.sees("cem", fmt.Sprintf("?beforeTime=%d&limit=1", time.Now().Add(time.Hour).UnixMilli()), "three")
	p.sees("cem", "?afterTime=1&limit=1", "one")

	one, three := "/messages/"+first.UID, "/messages/"+third.UID
	p.does("ann", "PATCH", one, `{"content":"1"}`)
	p.refused("permission_denied", "bob", "PATCH", one, `{"content":"mine"}`)
	p.does("bob", "PUT", one+"/expansion", `{"set":{"k":"2"}}`)
	recalled := p.does("ann", "POST", three+"/recall", "")
	if again := p.does("ann", "POST", three+"/recall", ""); again != recalled {
		t.Errorf("recalled %+v, and again %+v", recalled, again)
	}
	p.sees("cem", "", "", "two", "1")
	p.does("cem", "POST", "/typing", "")
	p.refused("not_member", "eve", "POST", "/typing", "")

	// Cem deletes for herself, and what her server reads of her history agrees.
	p.does("cem", "DELETE", "/messages", fmt.Sprintf(`{"messageUIDs":[%q]}`, first.UID))
	p.sees("cem", "", "", "two")
	p.sees("bob", "", "", "two", "1")
	var history struct {
		Code int
		Text string `json:"errorMessage"`
		Data []struct{ Content string }
	}
	asked := fmt.Sprintf(`{"userId":"cem","targetId":"g","startTime":"%d","endTime":"0","pageSize":"20","includeStart":"true"}`, time.Now().Add(time.Hour).UnixMilli())
	if p.postJSON("/v3/message/group/query.json", asked, &history); len(history.Data) != 2 || history.Data[1].Content != "two" {
		t.Errorf("the server reads %+v", history)
	}

	p.does("bob", "POST", "/receipts", fmt.Sprintf(`{"messageUIDs":[%q]}`, first.UID))
	var read struct {
		Read   []struct{ UserID string }
		Unread int
	}
	if status := p.as("ann", "GET", one+"/receipts", "", &read); status != 200 || len(read.Read) != 1 || read.Read[0].UserID != "bob" || read.Unread != 1 {
		t.Errorf("%d %+v", status, read)
	}
	p.refused("permission_denied", "bob", "GET", one+"/receipts", "")

	// An administrator takes back what is not theirs.
	p.tokens["boss"] = p.must("/user/getToken.json", url.Values{"userId": {"boss"}, "name": {"Boss"}, "admin": {"true"}}).Token
	p.refused("permission_denied", "bob", "POST", one+"/recall", "")
	p.does("boss", "POST", one+"/recall", "")
	p.sees("bob", "", "", "two", "")
	p.refused("not_member", "boss", "GET", "/messages", "")
}

// TestDevicesSendNoFaster holds the limit that is there when nothing is set.
func TestDevicesSendNoFaster(t *testing.T) {
	p := &play{startTown(t, "THRONG_DEVICE_RATE="), map[string]string{}}
	p.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"ann", "bob"}})
	p.says("bob", "warm", "")
	statuses := make([]int, 40)
	p.says("ann", "warm", "")
	together(40, 40, func(i int) { statuses[i] = p.as("ann", http.MethodPost, "/typing", "", nil) })
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	if count[200] == 0 || count[429] == 0 || count[200]+count[429] != 40 {
		t.Errorf("the answers are %v", count)
	}
	p.says("bob", "not counted with ann's", "")
}
