package user

// CopyBefore has copies wait for events for users in more groups than these.
func (u *Users) CopyBefore(groups int) { u.few = groups }
