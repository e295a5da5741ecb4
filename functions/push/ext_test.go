package push

import (
	"fmt"
	"strings"
	"testing"
)

// TestWhatIsReadOfAPushExt is what counts of a sender's pushExt, which may be
// written in many ways and is never refused.
func TestWhatIsReadOfAPushExt(t *testing.T) {
	channel := func(value string) string { return fmt.Sprintf(`{"pushConfigs":[{"FCM":{"channelId":%s}}]}`, value) }
	picture := func(at string) string { return fmt.Sprintf(`{"pushConfigs":[{"FCM":{"imageUrl":%q}}]}`, at) }
	longest := "https://example.com/" + strings.Repeat("p", maxURL-20)
	for _, c := range []struct{ what, ext, channel, picture string }{
		{"nothing", ``, "", ""},
		{"a channel", channel(`"offers"`), "offers", ""},
		{"a channel that is a number", channel(`7`), "7", ""},
		{"a channel that is neither", channel(`{"a":1}`), "", ""},
		{"the longest channel", channel(`"` + strings.Repeat("c", 64) + `"`), strings.Repeat("c", 64), ""},
		{"a longer one", channel(`"` + strings.Repeat("c", 65) + `"`), "", ""},
		{"the first that says something", `{"pushConfigs":[{"FCM":{"channelId":""}},{"FCM":{"channelId":"second"}},{"FCM":{"channelId":"third"}}]}`, "second", ""},
		{"FCM's before another's", `{"pushConfigs":[{"HW":{"channelId":"hw"}},{"FCM":{"channelId":"fcm"}}]}`, "fcm", ""},
		{"another's", `{"pushConfigs":[{"HW":{"channelId":"hw"}}]}`, "hw", ""},
		{"two in one", `{"pushConfigs":[{"HW":{"channelId":"hw"},"FCM":{"channelId":"fcm"}}]}`, "fcm", ""},
		{"an object in a text", `"{\"pushConfigs\":[{\"FCM\":{\"channelId\":\"offers\"}}]}"`, "offers", ""},
		{"a text that holds none", `"offers"`, "", ""},
		{"what is beside it is no use", `{"title":{},"pushConfigs":[7,{"FCM":{"channelId":"offers"}}]}`, "offers", ""},
		{"a picture", picture("https://example.com/p.png"), "", "https://example.com/p.png"},
		{"the longest address", picture(longest), "", longest},
		{"a longer one", picture(longest + "p"), "", ""},
		{"one that phones do not load", picture("http://example.com/p.png"), "", ""},
		{"one that is none", picture("https:///p.png"), "", ""},
		{"a file", picture("/p.png"), "", ""},
	} {
		e := parseExt(c.ext)
		if got := e.first("FCM channelId", "HW channelId"); got != c.channel {
			t.Errorf("%s: the channel is %q, want %q", c.what, got, c.channel)
		}
		if got := e.picture("FCM imageUrl"); got != c.picture {
			t.Errorf("%s: the picture is %q, want %q", c.what, got, c.picture)
		}
	}
}
