package user

// CopyBefore has copies wait for events for users in more groups than these.
func (u *Users) CopyBefore(groups int) { u.few = groups }

// ClaimPath is the path of the document that says whose a token is.
func ClaimPath(token string) string { return claimPath(token) }
