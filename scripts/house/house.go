// Package house holds the rules of the house: what may import what, how long a
// file may be, what every package and every README owes. Its tests keep them.
package house

import "strings"

// Blocks returns the fenced code blocks of a Markdown text in the given
// language, in order.
func Blocks(markdown, language string) []string {
	var blocks []string
	var current []string
	open, keep := false, false
	for _, line := range strings.Split(markdown, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && !open:
			open, keep, current = true, strings.TrimSpace(fence) == language, nil
		case isFence:
			if keep {
				blocks = append(blocks, strings.Join(current, "\n"))
			}
			open, keep = false, false
		case keep:
			current = append(current, line)
		}
	}
	return blocks
}
