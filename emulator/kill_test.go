package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/chaos"
	"github.com/throng-im/throng/shared/id"
)

// kills is how many processes and connections die; make chaos asks for more.
func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("THRONG_KILLS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("THRONG_KILLS is %q, not a number", text)
	}
	return n
}

// functionPIDs are the processes of a function of this town.
func (w *town) functionPIDs(name string) []int {
	w.Helper()
	path, _ := binary()
	var pids []int
	for _, line := range processes(w.T, path+" function "+name) {
		pid, _ := strconv.Atoi(strings.Fields(line)[0])
		env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if !strings.Contains(line, " guard ") && bytes.Contains(env, []byte("GOOGLE_CLOUD_PROJECT="+w.project)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// chat is people talking through a cloud in which processes die.
type chat struct {
	*town
	stop chan struct{}

	mu sync.Mutex
	// answered are the messages that were answered: id to content and sender.
	answered map[string]said
	// keyed are the contents that devices sent with a key.
	keyed map[string]bool
	tries int
}

type said struct{ content, sender string }

// post sends until there is an answer, or once. It gives the message's id.
func (c *chat) post(r func() *http.Request, again bool) string {
	for {
		c.mu.Lock()
		c.tries++
		c.mu.Unlock()
		res, err := c.client.Do(r())
		if err == nil {
			body, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			var a struct {
				UID  string                        `json:"messageUID"`
				UIDs []struct{ MessageUID string } `json:"messageUIDs"`
			}
			switch {
			case err == nil && res.StatusCode == http.StatusOK && json.Unmarshal(body, &a) == nil:
				if len(a.UIDs) == 1 {
					return a.UIDs[0].MessageUID
				}
				return a.UID
			case err == nil && !tryAgain(res.StatusCode):
				c.Errorf("%s answered %s: %s", res.Request.URL.Path, res.Status, body)
				return ""
			}
		}
		if !again {
			return ""
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// tryAgain says whether a status asks for another attempt: nobody was there, or
// the outcome is not known.
func tryAgain(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

func (c *chat) note(uid, content, sender string) {
	if uid == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, twice := c.answered[uid]; twice && old.content != content {
		c.Errorf("%s stands for %q and for %q", uid, old.content, content)
	}
	c.answered[uid] = said{content, sender}
}

// said counts what was answered.
func (c *chat) said() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.answered)
}

// device sends as a phone does, with a key and until it is answered.
func (c *chat) device(user, token string) {
	for i := 0; ; i++ {
		select {
		case <-c.stop:
			return
		case <-time.After(15 * time.Millisecond):
		}
		content := fmt.Sprintf(`{"content":"%s %d"}`, user, i)
		c.mu.Lock()
		c.keyed[content] = true
		c.mu.Unlock()
		body, _ := json.Marshal(map[string]string{"clientId": fmt.Sprint(i), "type": "RC:TxtMsg", "content": content})
		c.note(c.post(func() *http.Request {
			r, _ := http.NewRequest(http.MethodPost, c.url(portGateway)+"/client/v1/groups/g/messages", bytes.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+token)
			return r
		}, true), content, user)
	}
}

// server publishes as an app's server does, which has no key: what is not
// answered may be there or not.
func (c *chat) appServer(n int) {
	for i := 0; ; i++ {
		select {
		case <-c.stop:
			return
		case <-time.After(15 * time.Millisecond):
		}
		content := fmt.Sprintf(`{"content":"server %d %d"}`, n, i)
		form := url.Values{"fromUserId": {"news"}, "toGroupId": {"g"}, "objectName": {"RC:TxtMsg"}, "content": {content}}.Encode()
		c.note(c.post(func() *http.Request {
			r, _ := http.NewRequest(http.MethodPost, c.url(portGateway)+"/message/group/publish.json", strings.NewReader(form))
			sign(r, "dev-secret")
			return r
		}, false), content, "news")
	}
}

// TestNothingIsLostWhenProcessesDie kills functions with -9 and breaks their
// connections to Firestore while people talk. Every answered message is where
// its sender was told, none is there twice, and in the end every offline device
// has its pushes.
func TestNothingIsLostWhenProcessesDie(t *testing.T) {
	needEmulators(t)
	proxy, err := chaos.NewProxy(os.Getenv("FIRESTORE_EMULATOR_HOST"))
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	w := startTown(t, "FIRESTORE_EMULATOR_HOST="+proxy.Addr())
	users := []string{"ann", "bob", "cem"}
	w.liftDeviceQuota()
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": users})
	c := &chat{town: w, stop: make(chan struct{}), answered: map[string]said{}, keyed: map[string]bool{}}
	tokens := make([]string, len(users))
	for i, u := range users { // all of them before anybody speaks
		tokens[i] = w.token(u)
		if status := w.device("PUT", "/devices/d", tokens[i], `{"platform":"android","pushToken":"token-`+u+`"}`, nil); status != 200 {
			t.Fatalf("a device was answered %d", status)
		}
	}
	var talking sync.WaitGroup
	for i, u := range users {
		talking.Go(func() { c.device(u, tokens[i]) })
		if i < 2 {
			talking.Go(func() { c.appServer(i) })
		}
	}
	for i := range kills(t) {
		// However slow the machine is, they come to talk before the next one dies.
		heard := c.said() + 20
		w.eventually("they talk", func() bool { return c.said() >= heard })
		time.Sleep(rand.N(600 * time.Millisecond))
		victim := []string{"messages", "client", "fanout", "push", "a connection"}[i%5]
		pids := w.functionPIDs(victim)
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(pids) == 0 {
			proxy.Cut()
		}
	}
	time.Sleep(500 * time.Millisecond)
	close(c.stop)
	talking.Wait()
	t.Logf("%d messages were answered in %d tries", len(c.answered), c.tries)
	c.checkStored()
	c.checkPushed(users)
}

// liftDeviceQuota lets phones get more messages than FCM hands to one in a minute,
// where three of them get all that is said in a test.
func (w *town) liftDeviceQuota() {
	w.Helper()
	r, _ := http.NewRequest(http.MethodPut, w.url(portFCM)+"/emulator/quotas", strings.NewReader(`{"devicePerMinute":0,"devicePerHour":0}`))
	w.send(r, nil)
}

// checkStored compares the timeline with what was answered.
func (c *chat) checkStored() {
	c.Helper()
	entries, err := c.inside().Groups.Timeline(c.Context(), "g", 0, 1<<20)
	if err != nil {
		c.Fatal(err)
	}
	at, twice := map[int64]string{}, map[string]int{}
	for i, e := range entries {
		if e.Seq != int64(i)+1 {
			c.Fatalf("entry %d has seq %d", i+1, e.Seq)
		}
		at[e.Seq] = e.Content
		if twice[e.Content]++; e.Content != "" && twice[e.Content] > 1 {
			c.Errorf("%s is there %d times", e.Content, twice[e.Content])
		}
	}
	for uid, s := range c.answered {
		if _, seq, ok := id.Message(uid).Parse(); !ok || at[seq] != s.content {
			c.Errorf("%s was answered for %s, where there is %q", uid, s.content, at[seq])
		}
	}
	for content := range c.keyed {
		if twice[content] != 1 {
			c.Errorf("%s was sent until it was answered, and is there %d times", content, twice[content])
		}
	}
}

// checkPushed waits until every device has the messages of all others.
func (c *chat) checkPushed(users []string) {
	c.Helper()
	var missing []string
	defer func() {
		if len(missing) > 0 {
			slices.Sort(missing)
			c.Logf("%d pushes are missing: %s", len(missing), strings.Join(missing, ", "))
		}
	}()
	c.eventually("every device has its pushes", func() bool {
		got := map[string]bool{}
		for _, p := range c.pushes() {
			got[p.Token+" "+p.Message.Data["messageUID"]] = true
		}
		missing = nil
		for uid, s := range c.answered {
			for _, u := range users {
				if u != s.sender && !got["token-"+u+" "+uid] {
					_, seq, _ := id.Message(uid).Parse()
					missing = append(missing, fmt.Sprintf("%d for %s", seq, u))
				}
			}
		}
		time.Sleep(200 * time.Millisecond)
		return len(missing) == 0
	})
}

// TestTheJobOnABadDay talks while a part of all calls to Firestore and Pub/Sub
// fail before or after they are carried out, and events are lost, repeated, late
// and out of order.
func TestTheJobOnABadDay(t *testing.T) {
	w := startTown(t, "--chaos=0.15")
	w.liftDeviceQuota()
	users := []string{"ann", "bob", "cem"}
	c := &chat{town: w, stop: make(chan struct{}), answered: map[string]said{}, keyed: map[string]bool{}}
	w.eventually("the group is made", func() bool {
		return w.server("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": users}).Code == 200
	})
	tokens := make([]string, len(users))
	for i, u := range users {
		w.eventually(u+" has a device", func() bool {
			tokens[i] = w.server("/user/getToken.json", url.Values{"userId": {u}, "name": {u}}).Token
			return tokens[i] != "" && w.device("PUT", "/devices/d", tokens[i], `{"platform":"android","pushToken":"token-`+u+`"}`, nil) == 200
		})
	}
	var talking sync.WaitGroup
	for i, u := range users {
		talking.Go(func() { c.device(u, tokens[i]) })
		talking.Go(func() { c.appServer(i) })
	}
	time.Sleep(time.Duration(kills(t)) * 300 * time.Millisecond)
	close(c.stop)
	talking.Wait()
	t.Logf("%d messages were answered in %d tries", len(c.answered), c.tries)
	c.checkStored()
	c.checkPushed(users)
}

// TestATermedFunctionAnswersFirst ends a process of messages while many publish
// through it. Whoever was answered finds the message stored, whoever was not
// was refused, and the process ends in good order.
func TestATermedFunctionAnswersFirst(t *testing.T) {
	w := startTown(t)
	w.hotGroup()
	at, cmd := w.anotherProcess(portFunctions+16, "THRONG_LATENCY=20ms")
	var mu sync.Mutex
	answered := map[string]string{}
	refused := 0
	time.AfterFunc(500*time.Millisecond, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	together(64, 64*60, func(i int) {
		content := fmt.Sprintf(`{"content":"%d"}`, i)
		form := url.Values{"fromUserId": {"ann"}, "toGroupId": {"hot"}, "objectName": {"RC:TxtMsg"}, "content": {content}}
		r, _ := http.NewRequest(http.MethodPost, at+"/message/group/publish.json", strings.NewReader(form.Encode()))
		sign(r, "dev-secret")
		res, err := w.client.Do(r)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			refused++ // nobody listens any more
			return
		}
		defer func() { _ = res.Body.Close() }()
		var a answer
		if err := json.NewDecoder(res.Body).Decode(&a); err != nil || res.StatusCode != 200 && !tryAgain(res.StatusCode) {
			t.Errorf("answered %s: %v", res.Status, err)
		}
		if res.StatusCode == 200 {
			answered[a.UIDs[0].UID] = content
		}
	})
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process did not drain: %v", err)
	}
	if len(answered) == 0 || refused == 0 {
		t.Fatalf("%d answered, %d refused: the end did not come in the middle", len(answered), refused)
	}
	entries, err := w.inside().Groups.Timeline(w.Context(), "hot", 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < len(answered) {
		t.Fatalf("%d entries for %d answers", len(entries), len(answered))
	}
	for uid, content := range answered {
		if _, seq, ok := id.Message(uid).Parse(); !ok || entries[seq-1].Content != content {
			t.Fatalf("%s is not at its place", uid)
		}
	}
}

// TestATermedFunctionRefusesWhatItCannotDo ends a process whose store does not
// answer. What is in flight is refused in time.
func TestATermedFunctionRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	w := startTown(t)
	w.hotGroup()
	at, cmd := w.anotherProcess(portFunctions+16, "THRONG_LATENCY=1m")
	form := url.Values{"fromUserId": {"ann"}, "toGroupId": {"hot"}, "objectName": {"RC:TxtMsg"}, "content": {text}}
	statuses := make(chan int, 8)
	for range cap(statuses) {
		go func() { statuses <- w.server("/message/group/publish.json", form, at).Status }()
	}
	time.Sleep(300 * time.Millisecond)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	for range cap(statuses) {
		if status := <-statuses; !tryAgain(status) {
			t.Errorf("answered %d", status)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process did not end in good order: %v", err)
	}
}
