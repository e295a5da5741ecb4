package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/throng-im/throng/scripts/house"
)

// TestTheReadmeIsTrue pastes the README's commands one after another.
func TestTheReadmeIsTrue(t *testing.T) {
	w := startTown(t)
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var script []string
	for _, block := range house.Blocks(string(readme), "sh") {
		if !strings.HasPrefix(block, "make ") { // these two have tests of their own
			script = append(script, block)
		}
	}
	if len(script) < 5 {
		t.Fatalf("the README has %d blocks of commands", len(script))
	}
	cmd := exec.Command("sh", "-eu", "-c", strings.Join(script, "\n"))
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "THRONG_URL="+w.url(portGateway), "THRONG_FCM_URL="+w.url(portFCM))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"token":"`, `"messageUIDs":[{"groupId":"team"`, `"body":"Ann: Hello, Bob"`, `"title":"The team"`, `"seq":3`, "event: entries", `Still there?`, `"content":"{\"content\":\"Hello, Ann\"}"`, `"total":`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the README's commands did not show %s:\n%s", want, out)
		}
	}
}

// TestMakeRun starts the local cloud as a newcomer does, and kills make.
func TestMakeRun(t *testing.T) {
	needEmulators(t)
	base := freeBase(t)
	project := fmt.Sprintf("demo-make-%d", base)
	out := new(output)
	cmd := exec.Command("make", "run", fmt.Sprintf("ARGS=--fresh --port %d --project %s", base, project))
	cmd.Dir, cmd.Stdout, cmd.Stderr = "..", out, out
	cmd.SysProcAttr = dieWithParent(&syscall.SysProcAttr{Setpgid: true})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
	w := &town{T: t, base: base, out: out, client: http.DefaultClient}
	w.awaitHealth()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// Nobody has asked yet how make ended, as it is where a CI system kills it.
	gone(t, "kill -9 of make", "--project "+project)
	_ = cmd.Wait()
	for i := range 30 {
		if !portFree(base + i) {
			t.Errorf("port %s is still taken", strconv.Itoa(base+i))
		}
	}
}
