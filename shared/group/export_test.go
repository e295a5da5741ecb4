package group

// RetellFor is for tests that let it pass.
const RetellFor = retellFor

// Plain returns the entries in a tail or in a segment's data as they are, for
// tests that look at what is stored.
func Plain(data []byte) string {
	plain, err := unpack(data)
	if err != nil {
		return err.Error()
	}
	return string(plain)
}

// Bytes estimates what the first shard takes in its document.
func (r *Roster) Bytes() int { return r.shards[0].bytes }
