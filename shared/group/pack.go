package group

import "github.com/throng-im/throng/shared/pack"

// maxUnpacked bounds what a segment unpacks to, whatever its document claims.
// It is more than any segment that was ever packed; see maxSegmentBytes.
const maxUnpacked = 1 << 20

// packing is how segments are stored.
var packing = pack.New(maxUnpacked)
