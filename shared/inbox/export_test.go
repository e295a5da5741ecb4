package inbox

// Small has answers hold so little that a few groups need several.
func (b *Inbox) Small() *Inbox {
	b.bounds = bounds{groups: 2, items: 2, bytes: 2000, groupBytes: 700, handful: 2, most: 4}
	return b
}
