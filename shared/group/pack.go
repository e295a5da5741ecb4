package group

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxUnpacked bounds what a segment unpacks to, whatever its document claims.
// It is more than any segment that pack was ever given; see maxSegmentBytes.
const maxUnpacked = 1 << 20

// zstdMagic begins what is compressed; a line of entries begins with a brace.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// packers are built on first use, so that a function that seals nothing does
// not pay for them. Both serve any number of callers at a time.
var packers = sync.OnceValue(func() (p struct {
	in  *zstd.Encoder
	out *zstd.Decoder
}) {
	// They fail for options that contradict each other only.
	p.in, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(segmentBytes), zstd.WithLowerEncoderMem(true))
	p.out, _ = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderLowmem(true))
	return p
})

// pack compresses a run of lines where that makes it smaller.
func pack(data []byte) []byte {
	if packed := packers().in.EncodeAll(data, nil); len(packed) < len(data) {
		return packed
	}
	return data
}

// unpack returns the run of lines that pack was given. It takes no more memory
// than maxUnpacked, and some for its own work.
func unpack(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, zstdMagic) {
		return data, nil
	}
	plain, err := packers().out.DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("a segment cannot be unpacked: %w", err)
	}
	return plain, nil
}
