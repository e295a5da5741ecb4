package main

import (
	"context"
	"fmt"
)

// measure makes every table that was asked for.
func measure(ctx context.Context, o options) error {
	t, stop, err := openTown(o)
	if err != nil {
		return err
	}
	defer stop()
	r := newReport(o)
	fmt.Printf("Throng beside the alternatives: %s; median of %d rounds of %s (lowest-highest)\n", r.Machine, o.rounds, o.per)
	for _, step := range []struct {
		name string
		run  func(context.Context, *report) error
	}{
		{"send", t.sendTable}, {"group", t.groupTable}, {"read", t.readTable}, {"processes", t.processTable}, {"fanout", t.fanoutTable}, {"push", t.pushTable}, {"stream", t.streamTable}, {"linger", t.lingerTable}, {"retention", t.retentionTable}, {"scale", t.scaleTable},
	} {
		if !o.only.MatchString(step.name) {
			continue
		}
		if err := step.run(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	if o.out != "" {
		return r.write(o.out)
	}
	return nil
}
