package checker

import (
	"bufio"
	"io"
	"strings"
)

// maxLine is the longest line of an event stream that Frames reads, in bytes.
const maxLine = 8 << 20

// Frames reads server-sent events until the stream ends and hands each on when it is
// whole. Of one that was cut off nobody hears, nor of comments.
func Frames(stream io.Reader, take func(name, id, data string)) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxLine)
	var name, id, data string
	for lines.Scan() {
		if lines.Text() == "" {
			if name+id+data != "" {
				take(name, id, data)
			}
			name, id, data = "", "", ""
			continue
		}
		switch field, value, _ := strings.Cut(lines.Text(), ": "); field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data = value
		}
	}
	return lines.Err()
}
