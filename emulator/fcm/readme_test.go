package fcm_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/throng-im/throng/emulator/fcm"
	"github.com/throng-im/throng/scripts/house"
)

// TestTheReadmeIsTrue pastes the README's commands one after another.
func TestTheReadmeIsTrue(t *testing.T) {
	s := httptest.NewServer(fcm.New())
	defer s.Close()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", strings.Join(house.Blocks(string(readme), "sh"), "\n"))
	cmd.Env = append(os.Environ(), "THRONG_FCM_URL="+s.URL)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`{"name":"projects/demo/messages/0:0000000000000001"}`, `"notifications":[{"id":"0:0000000000000001"`, `"field":"message.android.ttl"`, `"body":"2:0"`, `"fate":"collapsed"`, `"UNREGISTERED":0.05`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the README's commands did not show %s:\n%s", want, out)
		}
	}
	// The snippet for Go is what TestTheAdminSDK does.
	if !strings.Contains(string(readme), `option.WithEndpoint("http://127.0.0.1:9004/v1"), option.WithoutAuthentication()`) {
		t.Error("the README's way for the Admin SDK is not the one that is tested")
	}
}
