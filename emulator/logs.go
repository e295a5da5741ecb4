package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// logs is the address of the bucket of the hourly logs: a folder that is kept as
// long as the other data, whose files the gateway serves.
func (l *launcher) logs() string {
	base := url.QueryEscape(l.address(portGateway) + "/logs")
	return "file://" + filepath.ToSlash(l.logsDir()) + "?base_url=" + base
}

func (l *launcher) logsDir() string {
	if l.keeps() {
		if kept, err := filepath.Abs(l.dataDir() + "-logs"); err == nil {
			return kept
		}
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("throng-logs-%s-%d", l.project, os.Getpid()))
}
