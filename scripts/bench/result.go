package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// sample is one measurement of one variant of one row.
type sample struct {
	// Rate is operations per second; P50 and P99 are in milliseconds.
	Rate, P50, P99 float64
	// Reads and Writes are documents per operation.
	Reads, Writes float64
	// CPU is the server's processor time per operation in microseconds; Allocs
	// and AllocBytes are its heap allocations. Zero where there is no server.
	CPU, Allocs, AllocBytes float64
	Operations              int
}

// measured is the median of a variant's samples, the one in the middle by rate.
type measured struct {
	Variant string  `json:"variant"`
	Rate    float64 `json:"perSecond"`
	// Low and High are the slowest and the fastest round.
	Low               float64 `json:"lowest"`
	High              float64 `json:"highest"`
	P50               float64 `json:"p50ms"`
	P99               float64 `json:"p99ms"`
	Reads             float64 `json:"readsPerOperation"`
	Writes            float64 `json:"writesPerOperation"`
	CPU               float64 `json:"cpuMicrosecondsPerOperation,omitempty"`
	Allocs            float64 `json:"allocationsPerOperation,omitempty"`
	AllocBytes        float64 `json:"allocatedBytesPerOperation,omitempty"`
	Operations        int     `json:"operations"`
	Instances         float64 `json:"instances,omitempty"`
	DollarsPerMillion float64 `json:"dollarsPerMillion,omitempty"`
	// Predicted figures come from the model and not from a clock.
	Predicted bool `json:"predicted,omitempty"`
}

type row struct {
	Name     string     `json:"name"`
	Variants []measured `json:"variants"`
}

type table struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Note  string `json:"note,omitempty"`
	// Unit is what Rate counts.
	Unit string `json:"unit"`
	// Predicted tables have no measured row.
	Predicted bool  `json:"predicted,omitempty"`
	Rows      []row `json:"rows"`
}

// report is the machine-readable result.
type report struct {
	Command string  `json:"command"`
	At      string  `json:"at"`
	Machine string  `json:"machine"`
	Seconds float64 `json:"secondsPerMeasurement"`
	Rounds  int     `json:"rounds"`
	Tables  []table `json:"tables"`
}

func newReport(o options) *report {
	return &report{
		Command: "make bench ARGS=\"" + strings.Join(os.Args[1:], " ") + "\"", At: time.Now().UTC().Format(time.DateOnly),
		Machine: fmt.Sprintf("%d cores, %s/%s, %s, everything on the same machine", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		Seconds: o.per.Seconds(), Rounds: o.rounds,
	}
}

// middle reduces a variant's rounds to one figure with its spread.
func middle(variant string, samples []sample) measured {
	samples = slices.Clone(samples)
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.Rate, b.Rate) })
	m := samples[len(samples)/2]
	return measured{
		Variant: variant, Rate: m.Rate, Low: samples[0].Rate, High: samples[len(samples)-1].Rate, P50: m.P50, P99: m.P99,
		Reads: m.Reads, Writes: m.Writes, CPU: m.CPU, Allocs: m.Allocs, AllocBytes: m.AllocBytes, Operations: m.Operations,
	}
}

// add appends a finished table and prints it.
func (r *report) add(t table) {
	r.Tables = append(r.Tables, t)
	fmt.Printf("\n%s\n", t.Title)
	if t.Note != "" {
		fmt.Println(t.Note)
	}
	fmt.Printf("%-34s %-26s %24s %9s %9s %9s %9s %8s %8s\n", "", "", t.Unit, "p50 ms", "p99 ms", "reads/op", "writes/op", "CPU us", "allocs")
	for _, row := range t.Rows {
		for i, v := range row.Variants {
			name := ""
			if i == 0 {
				name = row.Name
			}
			rate := fmt.Sprintf("%s (%s-%s)", short(v.Rate), short(v.Low), short(v.High))
			if v.Predicted {
				rate = short(v.Rate) + " predicted"
			}
			fmt.Printf("%-34s %-26s %24s %9.2f %9.1f %9.3f %9.3f %8.0f %8.0f\n", name, v.Variant, rate, v.P50, v.P99, v.Reads, v.Writes, v.CPU, v.Allocs)
		}
	}
}

// short prints a rate with three digits that mean something.
func short(x float64) string {
	switch {
	case x >= 100 || x == math.Trunc(x):
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}

// write puts the result and a chart per table into a folder.
func (r *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "result.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	for _, t := range r.Tables {
		if err := os.WriteFile(filepath.Join(dir, t.Name+".svg"), []byte(chart(t, r)), 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("\nwritten to %s\n", dir)
	return nil
}
