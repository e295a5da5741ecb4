package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/throng-im/throng/shared/id"
)

const (
	senders = 256
	each    = 8
	// region is a slow region's time for a call to Firestore or Pub/Sub. On the
	// emulator's own time a batch is as large as the load generator is quick,
	// and a budget must not depend on that.
	region = "100ms"
)

// TestAHotGroupIsCheap counts what a message costs when 256 publishers send to
// one group.
func TestAHotGroupIsCheap(t *testing.T) {
	w := startTown(t, "THRONG_LATENCY="+region)
	w.hotGroup()
	w.resetCost()
	answered := w.storm([]string{w.function("messages")})
	c := w.cost().Functions["messages"]
	if per := float64(c.Writes) / (senders * each); per >= 0.1 {
		t.Errorf("a hot group cost %.3f writes a message (%+v), the budget is 0.1", per, c)
	}
	if per := float64(c.Reads) / (senders * each); per > 0.1 {
		t.Errorf("a hot group cost %.3f reads a message (%+v), the budget is 0.1", per, c)
	}
	w.checkTimeline("hot", answered, 2)
}

// TestManySendersOneGroup has 256 publishers send to one group, first through
// one process of messages and then through two at once.
func TestManySendersOneGroup(t *testing.T) {
	w := startTown(t)
	w.hotGroup()
	one := w.function("messages")
	answered := w.storm([]string{one})
	w.checkTimeline("hot", answered, 2)

	both := w.storm([]string{one, w.secondProcess()})
	for uid, content := range answered {
		both[uid] = content
	}
	w.checkTimeline("hot", both, 2)
}

// hotGroup makes the group, with two entries in its timeline.
func (w *town) hotGroup() {
	w.Helper()
	w.must("/group/create.json", url.Values{"groupId": {"hot"}, "groupName": {"Hot"}, "userId": {"ann"}})
	w.settle()
	w.publish("hot", "warm-up") // the first request opens the clients
}

// storm publishes from many senders at once, spread over processes, and returns
// what was answered: the message ids with their contents.
func (w *town) storm(processes []string) map[string]string {
	w.Helper()
	var mu sync.Mutex
	answered := map[string]string{}
	together(senders, senders*each, func(i int) {
		content := fmt.Sprintf(`{"content":"%s %d %d"}`, w.Name(), i, len(processes))
		form := url.Values{"fromUserId": {"ann"}, "toGroupId": {"hot"}, "objectName": {"RC:TxtMsg"}, "content": {content}}
		a := w.server("/message/group/publish.json", form, processes[i%len(processes)])
		if a.Code != 200 || len(a.UIDs) != 1 {
			w.Errorf("%+v", a)
			return
		}
		mu.Lock()
		answered[a.UIDs[0].UID] = content
		mu.Unlock()
	})
	if len(answered) != senders*each {
		w.Errorf("%d message ids for %d messages", len(answered), senders*each)
	}
	return answered
}

// checkTimeline reads the group back: dense, complete, and each message where
// its sender was told. others counts the entries that are not in answered.
func (w *town) checkTimeline(name string, answered map[string]string, others int) {
	w.Helper()
	entries, err := w.inside().Groups.Timeline(w.Context(), id.Group(name), 0, 1<<30)
	if err != nil {
		w.Fatal(err)
	}
	if len(entries) != len(answered)+others {
		w.Fatalf("%d entries for %d messages and %d others", len(entries), len(answered), others)
	}
	stored := map[int64]string{}
	for i, e := range entries {
		if e.Seq != int64(i)+1 {
			w.Fatalf("entry %d has seq %d", i, e.Seq)
		}
		stored[e.Seq] = e.Content
	}
	for uid, content := range answered {
		if _, seq, ok := id.Message(uid).Parse(); !ok || stored[seq] != content {
			w.Fatalf("%s is not at its place", uid)
		}
	}
}

// secondProcess starts another process of messages on the same project.
func (w *town) secondProcess() string {
	w.Helper()
	at, cmd := w.anotherProcess(portFunctions + 15)
	w.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			w.Errorf("the second process did not drain: %v", err)
		}
	})
	return at
}

// anotherProcess starts a process of messages at an offset from the base port,
// for the caller to end.
func (w *town) anotherProcess(offset int, env ...string) (string, *exec.Cmd) {
	w.Helper()
	path, err := binary()
	if err != nil {
		w.Fatal(err)
	}
	cmd := exec.Command(path, "function", "messages")
	cmd.Env = append(os.Environ(), "PORT="+strconv.Itoa(w.base+offset), "GOOGLE_CLOUD_PROJECT="+w.project, "THRONG_APP_KEY=dev-app", "THRONG_APP_SECRET=dev-secret")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = w.out, w.out
	cmd.SysProcAttr = dieWithParent(&syscall.SysProcAttr{})
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	at := w.url(offset)
	w.eventually("the other process answers", func() bool {
		res, err := w.client.Get(at + "/")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return true
	})
	return at, cmd
}
