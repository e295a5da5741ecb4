// Package pack compresses what is stored as one field of a document: JSON, which
// begins with a brace and so is told from what is compressed.
package pack

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// magic begins what is compressed.
var magic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// window is how far back the compressor looks: more would cost memory for what
// documents gain nothing by.
const window = 256 << 10

// Packer packs and unpacks for any number of callers at a time.
type Packer struct {
	coders func() coders
}

type coders struct {
	in  *zstd.Encoder
	out *zstd.Decoder
}

// New returns a Packer. What it unpacks takes no more than most bytes, and some
// for its own work, whatever a document claims.
func New(most uint64) *Packer {
	// Made on first use, so that a function that packs nothing does not pay. They
	// fail for options that contradict each other only.
	return &Packer{sync.OnceValue(func() (c coders) {
		c.in, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
		c.out, _ = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(most), zstd.WithDecoderLowmem(true))
		return c
	})}
}

// Pack compresses data where that makes it smaller.
func (p *Packer) Pack(data []byte) []byte {
	if packed := p.coders().in.EncodeAll(data, nil); len(packed) < len(data) {
		return packed
	}
	return data
}

// Unpack returns what Pack was given. Data that was not compressed is returned as
// it is.
func (p *Packer) Unpack(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, magic) {
		return data, nil
	}
	plain, err := p.coders().out.DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("it cannot be unpacked: %w", err)
	}
	return plain, nil
}
