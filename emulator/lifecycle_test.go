package main

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// processes lists the running processes whose command line holds text.
func processes(t *testing.T, text string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-eo", "pid=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, text) && !strings.Contains(line, "defunct") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func gone(t *testing.T, what, text string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if left = processes(t, text); len(left) == 0 {
			return
		}
	}
	t.Errorf("%s left behind:\n%s", what, strings.Join(left, "\n"))
}

// TestNothingIsLeftBehind starts a cloud with emulators of its own and ends the
// launcher in the ways that launchers end.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	needEmulators(t)
	for name, end := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT, "kill -9": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			w := startTown(t, noEmulators...)
			if !strings.HasPrefix(w.first, "503 ") || !strings.Contains(w.first, `"firestore"`) || !strings.Contains(w.first, `"messages"`) {
				t.Errorf("while everything started, healthz said %s", w.first)
			}
			if n := len(processes(t, fmt.Sprintf("--port=%d", w.base+portFirestore))); n == 0 {
				t.Fatal("the test has no emulator of its own to find gone")
			}
			if err := w.cmd.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
			_ = w.cmd.Wait()
			gone(t, name, fmt.Sprintf("--port=%d", w.base+portFirestore))
			gone(t, name, fmt.Sprintf("--port=%d", w.base+portPubSub))
			for i := range 30 {
				if !portFree(w.base + i) {
					t.Errorf("port %d is still taken", w.base+i)
				}
			}
		})
	}
}

// noEmulators has a launcher find no running emulators, and start its own.
var noEmulators = []string{"FIRESTORE_EMULATOR_HOST=", "PUBSUB_EMULATOR_HOST=", "THRONG_FIRESTORE_HEAP=256m"}

// TestDataOutlivesARun stops a cloud and starts it again.
func TestDataOutlivesARun(t *testing.T) {
	t.Parallel()
	needEmulators(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(during func(w *town), args ...string) {
		t.Helper()
		w := newTown(t, "demo-keep")
		w.cmd = exec.Command(path, append([]string{"--port", strconv.Itoa(w.base), "--project", w.project}, args...)...)
		w.cmd.Dir, w.cmd.Env = dir, append(os.Environ(), noEmulators...)
		w.start()
		during(w)
		_ = w.cmd.Process.Signal(syscall.SIGTERM)
		if err := w.cmd.Wait(); err != nil {
			t.Errorf("the launcher ended with %v:\n%s", err, w.out)
		}
	}
	count := func(w *town) int {
		return len(w.must("/group/user/query.json", url.Values{"groupId": {"kept"}}).Users)
	}
	run(func(w *town) {
		w.must("/group/create.json", url.Values{"groupId": {"kept"}, "groupName": {"K"}, "userId": {"ann", "bob"}})
	})
	// As a launcher leaves it that is killed between its last two steps.
	data := filepath.Join(dir, ".throng", "demo-keep")
	if err := os.Rename(data, data+".old"); err != nil {
		t.Fatal(err)
	}
	run(func(w *town) {
		if n := count(w); n != 2 {
			t.Errorf("after a restart the group has %d members", n)
		}
	})
	if found, _ := filepath.Glob(filepath.Join(dir, ".throng", "export-*")); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
	run(func(w *town) {
		if n := count(w); n != 0 {
			t.Errorf("--fresh found %d members", n)
		}
	}, "--fresh")
}

// TestAKilledFunctionComesBack kills every function and sends on.
func TestAKilledFunctionComesBack(t *testing.T) {
	t.Parallel()
	w := startTown(t)
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"ann", "bob"}})
	w.device("PUT", "/devices/d", w.token("bob"), `{"platform":"web","pushToken":"bob"}`, nil)
	path, _ := binary()
	for _, line := range processes(t, path+" function ") {
		if strings.Contains(line, " guard ") {
			continue
		}
		pid, _ := strconv.Atoi(strings.Fields(line)[0])
		env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if bytes.Contains(env, []byte("GOOGLE_CLOUD_PROJECT="+w.project)) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	w.eventually("publishing works again", func() bool {
		return w.server("/message/group/publish.json", url.Values{"fromUserId": {"ann"}, "toGroupId": {"g"}, "objectName": {"RC:TxtMsg"}, "content": {text}}).Code == 200
	})
	w.eventually("bob was pushed to", func() bool { return len(w.pushes()) >= 1 })
}

func TestATakenPortIsNamed(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	port := ln.Addr().(*net.TCPAddr).Port
	out, err := exec.Command(path, "--port", strconv.Itoa(port-portFCM), "--only", "fcm").CombinedOutput()
	if err == nil || !strings.Contains(string(out), fmt.Sprintf("port %d is taken, and fcm needs it", port)) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestACommandInsideTheCloud(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--only", "fcm", "--port", "0", "--", "sh", "-c", `echo "$THRONG_FCM_URL $GOOGLE_CLOUD_PROJECT"; echo complaint >&2; exit 7`)
	out, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); code != 7 || !strings.HasSuffix(string(out), " demo-throng\n") || !strings.HasPrefix(string(out), "http://127.0.0.1:") {
		t.Errorf("exit code %d, %q, %v", code, out, err)
	}
	for _, bad := range [][]string{{"--"}, {"--only", "everything"}, {"--port", "70000"}, {"stray"}} {
		if out, err := exec.Command(path, bad...).CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "throng: ") {
			t.Errorf("%v: %v %s", bad, err, out)
		}
	}
}

// TestTheStandInRunsAlone has another project's command send a push.
func TestTheStandInRunsAlone(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "--only", "fcm", "--port", "0", "--", "sh", "-euc", `
curl -sS "$THRONG_FCM_URL/" | grep '<title>'
curl -sS "$THRONG_FCM_URL/v1/projects/other/messages:send" -d '{"message":{"token":"t","notification":{"title":"Hello"}}}'
curl -sS "$THRONG_FCM_URL/emulator/phones"`).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"<title>FCM stand-in", `"name":"projects/other/messages/`, `"title":"Hello"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("there is no %s in %s", want, out)
		}
	}
}

func TestEmulatorsAreFoundInOrder(t *testing.T) {
	files := []string{"/mine.jar", "/sdk/platform/cloud-firestore-emulator/fs.jar", "/cache/cloud-firestore-emulator-v1.19.8.jar", "/cache/cloud-firestore-emulator-v1.19.9.jar"}
	env := map[string]string{}
	s := surroundings{
		getenv: func(k string) string { return env[k] }, roots: []string{"/none", "/sdk"}, cacheDir: "/cache",
		glob: func(pattern string) []string {
			var out []string
			for _, f := range files {
				if ok, _ := filepath.Match(pattern, f); ok {
					out = append(out, f)
				}
			}
			return out
		},
	}
	expect := func(running, jar string) {
		t.Helper()
		r, j, err := firestoreEmulator.find(s)
		if r != running || j != jar || err != nil {
			t.Errorf("found %q %q %v, want %q %q", r, j, err, running, jar)
		}
	}
	expect("", "/sdk/platform/cloud-firestore-emulator/fs.jar")
	env["FIRESTORE_EMULATOR_JAR"] = "/mine.jar"
	expect("", "/mine.jar")
	env["FIRESTORE_EMULATOR_HOST"] = "localhost:1"
	expect("localhost:1", "")
	delete(env, "FIRESTORE_EMULATOR_HOST")
	env["FIRESTORE_EMULATOR_JAR"] = "/gone.jar"
	if _, _, err := firestoreEmulator.find(s); err == nil {
		t.Error("a jar that is not there was accepted")
	}
	delete(env, "FIRESTORE_EMULATOR_JAR")
	s.roots = nil
	expect("", "/cache/cloud-firestore-emulator-v1.19.9.jar")
	files = nil
	if _, _, err := firestoreEmulator.find(s); err == nil || !strings.Contains(err.Error(), installHint) {
		t.Errorf("nothing found: %v", err)
	}
}

func TestJavaIsChecked(t *testing.T) {
	for out, ok := range map[string]bool{`openjdk version "17.0.15" 2025`: true, `openjdk version "25" 2025`: true, `java version "1.8.0_392"`: false, "nonsense": false} {
		if err := checkJava(func(string, ...string) ([]byte, error) { return []byte(out), nil }); (err == nil) != ok {
			t.Errorf("%s: %v", out, err)
		}
	}
}

func TestWhoIsWatched(t *testing.T) {
	tree := map[int]struct {
		parent  int
		command string
	}{2: {1, "zsh"}, 3: {2, "make"}, 4: {3, "go"}, 5: {2, "go"}}
	lookup := func(pid int) (int, string) { return tree[pid].parent, tree[pid].command }
	for pid, want := range map[int][]int{4: {4, 3}, 5: {5}, 3: {3}, 2: nil, 1: nil} {
		if got := ancestors(pid, lookup); !slices.Equal(got, want) {
			t.Errorf("below %d the launcher watches %v, want %v", pid, got, want)
		}
	}
}
