package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// What a chart looks like, in pixels.
const (
	chartWidth  = 960
	labelWidth  = 250
	barHeight   = 15
	rowGap      = 26
	chartTop    = 78
	chartBottom = 34
)

var colours = []string{"#1a73e8", "#7baaf7", "#b3cdfb", "#5f6368", "#9aa0a6", "#c5c9cd", "#e37400", "#d93025"}

// chart draws a table as bars on a logarithmic scale: what is ten times as far
// from the left edge is ten times as much. A line on a bar is the spread.
func chart(t table, r *report) string {
	value := func(m measured) (mid, low, high float64) { return m.Rate, m.Low, m.High }
	unit := t.Unit
	switch t.Name {
	case "linger": // the rate is given; what it costs is the result
		unit = "document writes/s"
		value = func(m measured) (float64, float64, float64) { w := m.Rate * m.Writes; return w, w, w }
	case "fanout":
		unit = "ms to the last push"
		value = func(m measured) (float64, float64, float64) { return m.P50, m.P50, m.P50 }
	case "scale":
		unit = "$ a million messages"
		value = func(m measured) (float64, float64, float64) {
			return m.DollarsPerMillion, m.DollarsPerMillion, m.DollarsPerMillion
		}
	}
	least, most, bars := math.Inf(1), 0.0, 0
	var names []string
	for _, row := range t.Rows {
		for _, v := range row.Variants {
			_, low, high := value(v)
			least, most, bars = min(least, low), max(most, high), bars+1
			if !slices.Contains(names, v.Variant) {
				names = append(names, v.Variant)
			}
		}
	}
	from, to := math.Floor(math.Log10(max(least, 1e-3))), math.Ceil(math.Log10(max(most, 1e-2)))
	x := func(v float64) float64 {
		return labelWidth + (math.Log10(max(v, math.Pow(10, from)))-from)/max(to-from, 1)*(chartWidth-labelWidth-110)
	}
	height := chartTop + bars*(barHeight+2) + len(t.Rows)*rowGap + chartBottom
	var b strings.Builder
	text := func(x, y float64, style, s string) {
		fmt.Fprintf(&b, "<text x=\"%.0f\" y=\"%.0f\" %s>%s</text>\n", x, y, style, html.EscapeString(s))
	}
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#202124\">\n", chartWidth, height)
	fmt.Fprintf(&b, "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", chartWidth, height)
	text(10, 22, `font-size="16" font-weight="bold"`, t.Title)
	text(10, 40, `fill="#5f6368"`, fmt.Sprintf("%s, logarithmic; %s; %s", unit, r.Machine, r.At))
	text(10, 56, `fill="#5f6368"`, fmt.Sprintf("median of %d rounds, the line is the spread; made by %s", r.Rounds, r.Command))
	for e := from; e <= to; e++ {
		at := x(math.Pow(10, e))
		fmt.Fprintf(&b, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#dadce0\"/>\n", at, chartTop-8, at, height-chartBottom)
		text(at, float64(height-chartBottom+16), `text-anchor="middle" fill="#5f6368"`, short(math.Pow(10, e)))
	}
	y := float64(chartTop)
	for _, row := range t.Rows {
		text(10, y+11, `font-weight="bold"`, row.Name)
		y += 15
		for _, v := range row.Variants {
			mid, low, high := value(v)
			style := ""
			if v.Predicted {
				style = ` fill-opacity="0.35" stroke-dasharray="3 2" stroke="#5f6368"`
			}
			text(labelWidth-6, y+11, `text-anchor="end" fill="#5f6368" font-size="11"`, v.Variant)
			fmt.Fprintf(&b, "<rect x=\"%d\" y=\"%.0f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"%s/>\n",
				labelWidth, y, max(x(mid)-labelWidth, 1), barHeight, colours[slices.Index(names, v.Variant)%len(colours)], style)
			if high > low {
				fmt.Fprintf(&b, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#202124\"/>\n", x(low), y+barHeight/2.0, x(high), y+barHeight/2.0)
			}
			text(max(x(high), x(mid))+6, y+11, `font-size="11"`, short(mid))
			y += barHeight + 2
		}
		y += rowGap - 15
	}
	b.WriteString("</svg>\n")
	return b.String()
}
