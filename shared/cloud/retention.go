package cloud

import (
	"time"

	"github.com/throng-im/throng/shared/retention"
	"github.com/throng-im/throng/shared/user"
)

// Retention is what retention works with, by the app's settings.
func (c *Cloud) Retention() retention.Options {
	return retention.Options{
		Store: c.Store, Groups: c.Groups, Receipts: c.Receipts, Conversations: c.Conversations,
		Rules: retention.Rules{OfflineDays: c.Settings.OfflineDays, HistoryMonths: c.Settings.HistoryMonths},
		Users: &retention.UserRule{Due: user.Silent, Do: c.Users.ForgetSilent},
		Now:   time.Now,
	}
}
