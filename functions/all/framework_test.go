package all_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/functions/all"
)

// TestMain doubles as the Functions Framework's own main, which the buildpack
// generates: with FUNCTION_TARGET set, this program serves that function.
func TestMain(m *testing.M) {
	if os.Getenv("FUNCTION_TARGET") != "" {
		fmt.Fprintln(os.Stderr, funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT")))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestTheFrameworksMainServesEveryFunction starts each function under the
// framework. Without settings it answers 503, which no unregistered function
// would; with them it answers as the contract says.
func TestTheFrameworksMainServesEveryFunction(t *testing.T) {
	m, err := functions.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Handlers) != len(m.Functions) {
		t.Errorf("%d functions are linked, the manifest has %d", len(all.Handlers), len(m.Functions))
	}
	for _, f := range m.Functions {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			if status := ask(t, f.Name); status != http.StatusServiceUnavailable {
				t.Errorf("without settings it answered %d", status)
			}
			// Clients connect when they are used, so these addresses do.
			want := 404
			if f.Trigger == "pubsub" {
				want = 405
			}
			status := ask(t, f.Name, "THRONG_APP_KEY=k", "THRONG_APP_SECRET=s", "GOOGLE_CLOUD_PROJECT=demo-x",
				"FIRESTORE_EMULATOR_HOST=127.0.0.1:1", "PUBSUB_EMULATOR_HOST=127.0.0.1:1", "THRONG_FCM_ENDPOINT=http://127.0.0.1:1/v1")
			if status != want {
				t.Errorf("with settings it answered %d, want %d", status, want)
			}
		})
	}
}

// ask starts this program as a function, sends GET /nowhere and returns the status.
func ask(t *testing.T, name string, env ...string) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(env, "FUNCTION_TARGET="+name, "PORT="+addr[strings.LastIndexByte(addr, ':')+1:])
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		res, err := http.Get("http://" + addr + "/nowhere")
		if err == nil {
			_ = res.Body.Close()
			return res.StatusCode
		}
	}
	t.Fatalf("%s never answered", name)
	return 0
}
