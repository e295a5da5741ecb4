package cost

import (
	"runtime"
	"runtime/metrics"
	"syscall"
	"time"
)

// Usage is what the process has used since it began. The local cloud and the
// benchmark read it; nothing is measured until somebody asks.
type Usage struct {
	// CPU is processor time, of the user and of the system.
	CPU time.Duration `json:"cpu"`
	// Allocs counts heap objects allocated, AllocBytes their bytes.
	Allocs     uint64 `json:"allocs"`
	AllocBytes uint64 `json:"allocBytes"`
	// HeapBytes is what live objects take now, dead ones included that have
	// not been swept.
	HeapBytes uint64 `json:"heapBytes"`
	// Goroutines run or wait now.
	Goroutines int `json:"goroutines"`
}

// ReadUsage measures the process.
func ReadUsage() Usage {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
	}
	metrics.Read(samples)
	u := Usage{Allocs: samples[0].Value.Uint64(), AllocBytes: samples[1].Value.Uint64(), HeapBytes: samples[2].Value.Uint64(), Goroutines: runtime.NumGoroutine()}
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) == nil {
		u.CPU = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u
}

// Sub returns u minus an earlier reading; what is a level and not a count
// stays as it is.
func (u Usage) Sub(v Usage) Usage {
	u.CPU, u.Allocs, u.AllocBytes = u.CPU-v.CPU, u.Allocs-v.Allocs, u.AllocBytes-v.AllocBytes
	return u
}
