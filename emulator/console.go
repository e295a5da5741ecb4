package main

import (
	"crypto/sha1"
	"encoding/hex"
	"html/template"
	"net/http"
	"strconv"
	"time"
)

// welcome tells a person what runs where, and how to make the first request.
func (l *launcher) welcome(took time.Duration) {
	if len(l.only) > 0 {
		for name, addr := range map[string]string{"FIRESTORE_EMULATOR_HOST": l.firestore, "PUBSUB_EMULATOR_HOST": l.pubsub} {
			if addr != "" {
				l.say("export %s=%s", name, addr)
			}
		}
		if l.starts("fcm") {
			l.say("FCM stand-in: %s", l.address(portFCM)+"/")
		}
		return
	}
	nonce, timestamp := strconv.Itoa(int(time.Now().UnixNano()%1e9)), strconv.FormatInt(time.Now().UnixMilli(), 10)
	sum := sha1.Sum([]byte(l.secret + nonce + timestamp))
	l.say(`
Throng runs, started in %.1f s.

  server and device API   %s
  console                 %s
  what phones show        %s
  app key, app secret     %s, %s

A first request:

  curl %s/user/getToken.json -H 'App-Key: %s' -H 'Nonce: %s' -H 'Timestamp: %s' -H 'Signature: %s' -d userId=ann -d name=Ann

Ctrl-C stops it.`, took.Seconds(), l.address(portGateway), l.address(portConsole), l.address(portFCM), l.key, l.secret,
		l.address(portGateway), l.key, nonce, timestamp, hex.EncodeToString(sum[:]))
}

var page = template.Must(template.New("console").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Throng console</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}td,th{text-align:left;padding:.2rem 1rem .2rem 0}.no{color:#b00}</style>
<h1>Throng</h1>
<p>Project <b>{{.Project}}</b>, app key <b>{{.Key}}</b>, gateway <a href="{{.Gateway}}/healthz">{{.Gateway}}</a>.</p>
<h2>Parts</h2><table>{{range .Parts}}<tr><td>{{.Name}}<td>{{if .OK}}answers{{else}}<b class="no">does not answer</b>{{end}}{{end}}</table>
<h2>Look further</h2><ul>
<li><a href="{{.FCM}}/">what phones show</a>, live, and <a href="{{.FCM}}/emulator/pushes">the pushes that they received</a>
<li><a href="{{.Gateway}}/debug/cost">documents read and written</a></ul>
`))

// console is the page at the console's port: what runs and where to look.
func (l *launcher) console() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		missing := map[string]bool{}
		for _, name := range l.gateway.missing(r.Context()) {
			missing[name] = true
		}
		type row struct {
			Name string
			OK   bool
		}
		var rows []row
		for _, p := range l.gateway.parts {
			rows = append(rows, row{p.name, !missing[p.name]})
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(w, map[string]any{
			"Project": l.project, "Key": l.key, "Parts": rows,
			"Gateway": l.address(portGateway), "FCM": l.address(portFCM),
		})
	})
}
