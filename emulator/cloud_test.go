package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/deviceapi/checker"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/wire"
)

// binary is the launcher, built once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "throng-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "emulator")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// waiting is how many of the tests go on side by side that say so: those that wait
// for clouds of their own most of the time, whatever processors there are.
const waiting = "3"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", waiting); err != nil {
		panic(err)
	}
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// town is a whole local cloud that a test owns: processes, ports and project.
type town struct {
	*testing.T
	project string
	base    int
	cmd     *exec.Cmd
	out     *output
	client  *http.Client
	// first is the first answer of healthz, its status and its text.
	first string
}

// output collects what a process says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) { o.mu.Lock(); defer o.mu.Unlock(); return o.b.Write(p) }
func (o *output) String() string              { o.mu.Lock(); defer o.mu.Unlock(); return o.b.String() }

func needEmulators(t *testing.T) {
	t.Helper()
	if os.Getenv("FIRESTORE_EMULATOR_HOST") == "" || os.Getenv("PUBSUB_EMULATOR_HOST") == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("the emulators are not there: run make test")
		}
		t.Skip("needs the emulators: run make test")
	}
}

// given are the base ports handed out, so that tests that run side by side do
// not choose the same free range.
var given struct {
	sync.Mutex
	bases map[int]bool
}

func freeBase(t *testing.T) int {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	base, err := (options{}).choosePort(make([]string, 20), func(port int) bool { return !given.bases[port/portsApart] && portFree(port) })
	if err != nil {
		t.Fatal(err)
	}
	if given.bases == nil {
		given.bases = map[int]bool{}
	}
	given.bases[base/portsApart] = true
	return base
}

// startTown brings a local cloud up on ports and in a project of its own. It uses
// the emulators that the tests were given. What it is started with are options
// of the launcher and variables of its environment.
func startTown(t *testing.T, with ...string) *town {
	t.Helper()
	needEmulators(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	w := newTown(t, fmt.Sprintf("demo-e2e-%x", rand.Uint32()))
	w.cmd = exec.Command(path, "--port", strconv.Itoa(w.base), "--project", w.project, "--fresh")
	// Tests send from devices faster than people do, and to devices more than people
	// read; those of the limits set them.
	w.cmd.Dir, w.cmd.Env = t.TempDir(), append(os.Environ(), "THRONG_DEVICE_RATE=0", "THRONG_PUSH_DEVICE_RATE=0", "THRONG_PUSH_BURST=0")
	for _, text := range with {
		if strings.HasPrefix(text, "--") {
			w.cmd.Args = append(w.cmd.Args, text)
		} else {
			w.cmd.Env = append(w.cmd.Env, text)
		}
	}
	w.start()
	return w
}

// newTown is a town that is not there yet, with ports of its own.
func newTown(t *testing.T, project string) *town {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 512
	return &town{T: t, project: project, base: freeBase(t), out: new(output), client: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// start starts the town's launcher, waits until it is healthy, and ends it with the
// test.
func (w *town) start() {
	w.Helper()
	w.cmd.Stdout, w.cmd.Stderr = w.out, w.out
	// Should the tests be killed, nothing of theirs stays.
	w.cmd.SysProcAttr = dieWithParent(&syscall.SysProcAttr{Setpgid: true})
	if err := w.cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = w.cmd.Process.Signal(syscall.SIGTERM)
		_ = w.cmd.Wait()
		if w.Failed() {
			w.Logf("the local cloud said:\n%s", w.out)
		}
	})
	w.awaitHealth()
}

// awaitHealth waits until the launcher that the test started is healthy.
func (w *town) awaitHealth() {
	w.Helper()
	w.eventually("the cloud is healthy", func() bool {
		if strings.Contains(w.out.String(), "throng: ") {
			w.Fatalf("the launcher failed:\n%s", w.out)
		}
		res, err := w.client.Get(w.url(portGateway) + "/healthz")
		if err != nil {
			return false
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if w.first == "" {
			w.first = fmt.Sprintf("%d %s", res.StatusCode, body)
		}
		return res.StatusCode == http.StatusOK
	})
}

func (w *town) url(offset int) string { return fmt.Sprintf("http://127.0.0.1:%d", w.base+offset) }

// function is the address of a function itself, behind the gateway.
func (w *town) function(name string) string {
	w.Helper()
	m, err := functions.Load()
	if err != nil {
		w.Fatal(err)
	}
	for i, f := range m.Functions {
		if f.Name == name {
			return w.url(portFunctions + i)
		}
	}
	w.Fatalf("there is no function %s", name)
	return ""
}

// eventually polls until ok, and fails with what it waited for.
func (w *town) eventually(what string, ok func() bool) {
	w.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("waited in vain until %s", what)
		}
	}
}

// inside opens the same cloud from within the test, to look at what is stored.
func (w *town) inside() *cloud.Cloud {
	w.Helper()
	c, err := cloud.Open(context.Background(), settings.Settings{AppKey: "dev-app", AppSecret: "dev-secret", Project: w.project, MaxMembers: 3000, CacheBytes: 64 << 20}, new(cost.Meter))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	return c
}

// sign puts the contract's signature on a request.
func sign(r *http.Request, secret string) {
	nonce, timestamp := strconv.Itoa(rand.Int()), strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("App-Key", "dev-app")
	r.Header.Set("Nonce", nonce)
	r.Header.Set("Timestamp", timestamp)
	r.Header.Set("Signature", wire.Signature(secret, nonce, timestamp))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
}

type answer struct {
	Status int
	Code   int    `json:"code"`
	Text   string `json:"errorMessage"`
	Token  string `json:"token"`
	Users  []struct {
		ID string `json:"id"`
	} `json:"users"`
	UIDs []struct {
		Group string `json:"groupId"`
		UID   string `json:"messageUID"`
	} `json:"messageUIDs"`
	Groups []struct{ ID, Name string } `json:"groups"`
}

// send does a request and reads a JSON answer.
func (w *town) send(r *http.Request, into any) int {
	w.Helper()
	status, _, _ := w.answered(r, into)
	return status
}

// answered is send that returns all of the answer.
func (w *town) answered(r *http.Request, into any) (int, http.Header, []byte) {
	w.Helper()
	res, err := w.client.Do(r)
	if err != nil {
		w.Error(err)
		return 0, nil, nil
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.Error(err)
	}
	if into != nil {
		if err := json.Unmarshal(body, into); err != nil {
			w.Errorf("%s %s answered %q: %v", r.Method, r.URL, body, err)
		}
	}
	return res.StatusCode, res.Header, body
}

// server calls the server API with a signed form, at the gateway or at.
func (w *town) server(path string, form url.Values, at ...string) answer {
	w.Helper()
	var a answer
	a.Status = w.post(path, form, &a, at...)
	return a
}

// post is server for those who want all of the reply.
func (w *town) post(path string, form url.Values, into any, at ...string) int {
	w.Helper()
	base := w.url(portGateway)
	if len(at) > 0 {
		base = at[0]
	}
	r, err := http.NewRequest(http.MethodPost, base+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.Fatal(err)
	}
	sign(r, "dev-secret")
	return w.checked(r, path, into)
}

// postJSON calls the server API with a JSON body.
func (w *town) postJSON(path, body string, into any) int {
	w.Helper()
	r, err := http.NewRequest(http.MethodPost, w.url(portGateway)+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	sign(r, "dev-secret")
	r.Header.Set("Content-Type", "application/json")
	return w.checked(r, path, into)
}

// checked does a request of the server API and holds its reply against the
// route's row.
func (w *town) checked(r *http.Request, path string, into any) int {
	w.Helper()
	var raw json.RawMessage
	status := w.send(r, &raw)
	if err := json.Unmarshal(raw, into); err != nil {
		w.Errorf("%s answered %q: %v", path, raw, err)
	}
	// What is not there, or not ready, is answered for by the gateway.
	if status != http.StatusNotFound && status != http.StatusServiceUnavailable {
		if err := contract.CheckReply(path, raw); err != nil {
			w.Error(err)
		}
	}
	return status
}

// must is server for calls that have to succeed.
func (w *town) must(path string, form url.Values, at ...string) answer {
	w.Helper()
	a := w.server(path, form, at...)
	if a.Status != 200 || a.Code != 200 {
		w.Fatalf("%s: %+v", path, a)
	}
	return a
}

// device calls the device API with a token, and holds the call and its answer
// against the description.
func (w *town) device(method, path, token, body string, into any) int {
	w.Helper()
	r, err := http.NewRequest(method, w.url(portGateway)+deviceapi.Base+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	status, header, reply := w.answered(r, into)
	if status != 0 {
		e := checker.Exchange{Method: method, Target: path, Body: body, Status: status, Header: header, Reply: reply}
		if _, err := e.Check(); err != nil {
			w.Error(err)
		}
	}
	return status
}

func (w *town) token(user string) string {
	w.Helper()
	return w.must("/user/getToken.json", url.Values{"userId": {user}, "name": {"Name of " + user}}).Token
}

type pushed struct {
	Token   string `json:"token"`
	Message struct {
		Data    map[string]string `json:"data"`
		Android json.RawMessage   `json:"android"`
		APNS    json.RawMessage   `json:"apns"`
		Webpush json.RawMessage   `json:"webpush"`
	} `json:"message"`
}

func (w *town) pushes() []pushed {
	w.Helper()
	r, _ := http.NewRequest(http.MethodGet, w.url(portFCM)+"/emulator/pushes", nil)
	var out struct{ Pushes []pushed }
	w.send(r, &out)
	return out.Pushes
}

func (w *town) forgetPushes() {
	w.Helper()
	r, _ := http.NewRequest(http.MethodDelete, w.url(portFCM)+"/emulator/pushes", nil)
	w.send(r, nil)
}

type bill struct {
	Functions map[string]cost.Counts `json:"functions"`
	Total     cost.Counts            `json:"total"`
}

func (w *town) cost() bill {
	w.Helper()
	r, _ := http.NewRequest(http.MethodGet, w.url(portGateway)+"/debug/cost", nil)
	var b bill
	if status := w.send(r, &b); status != 200 {
		w.Fatalf("/debug/cost answered %d", status)
	}
	return b
}

func (w *town) resetCost() {
	w.Helper()
	r, _ := http.NewRequest(http.MethodPost, w.url(portGateway)+"/debug/cost/reset", nil)
	w.send(r, nil)
}

// together runs n jobs on at most so many goroutines.
func together(atOnce, n int, job func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range atOnce {
		wg.Go(func() {
			for i := range next {
				job(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
