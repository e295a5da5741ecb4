package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	client "cloud.google.com/go/firestore"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/debug"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/firestore"
	"github.com/throng-im/throng/shared/pubsub"
	"github.com/throng-im/throng/shared/serve"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/wire"
)

// alternatives is a server of the designs that a user would build instead. They
// stand behind the same HTTP layer as Throng's functions, use the same emulator,
// and publish one event per message before they answer, to a topic that nobody
// reads: what consuming it would cost is not held against them.
type alternatives struct {
	*cloud.Cloud
	fs *client.Client
}

// benchTopic takes the alternatives' events.
const benchTopic = "bench"

func serveAlternatives(ctx context.Context) error {
	s, err := settings.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	c, err := cloud.Open(ctx, s, cost.Process)
	if err != nil {
		return err
	}
	fs, err := client.NewClient(ctx, s.Project)
	if err != nil {
		return err
	}
	if err := c.PubSub.Ensure(ctx, []string{benchTopic, event.TopicTimeline}, nil); err != nil {
		return err
	}
	a := alternatives{c, fs}
	group := wire.Param{Name: "groupId", Kind: wire.ID, Required: true}
	text := wire.Param{Name: "content"}
	count := wire.Param{Name: "count", Kind: wire.Int, Min: 0, Max: 100000}
	route := func(path string, handle func(context.Context, *wire.Args) (wire.Reply, error), params ...wire.Param) wire.Route {
		return wire.Route{Path: path, Params: append(params, group), Handle: handle}
	}
	return serve.Run(ctx, "127.0.0.1:"+os.Getenv("PORT"), debug.Handler(serve.Function("alternatives", func(context.Context) (http.Handler, error) {
		return wire.Handler(wire.Options{Settings: s, Now: time.Now}, []wire.Route{
			route("/counter/send.json", a.countedSend, text),
			route("/counter/last.json", a.countedLast, count),
			route("/counter/fill.json", a.countedFill, text, count),
			route("/bare/send.json", a.bareSend, text, count, wire.Param{Name: "size", Kind: wire.Int, Max: len(bareTail)}),
			route("/inbox/send.json", a.inboxSend, text, count),
			route("/members/create.json", a.create, count),
			route("/members/join.json", a.join, count),
			route("/throng/last.json", a.timeline, count),
		}), nil
	})))
}

// countedSend is a transaction per message: read the group's counter, write the
// message under the next number, write the counter.
func (a alternatives) countedSend(ctx context.Context, args *wire.Args) (wire.Reply, error) {
	group := a.fs.Doc("counted/" + args.Text("groupId"))
	seq := int64(0)
	err := a.fs.RunTransaction(ctx, func(ctx context.Context, tx *client.Transaction) error {
		cost.Process.Read(1)
		snap, err := tx.Get(group)
		if err != nil && (snap == nil || snap.Exists()) {
			return err
		}
		if n, err := snap.DataAt("seq"); err == nil {
			seq = n.(int64)
		}
		seq++
		if err := tx.Set(group.Collection("messages").Doc(fmt.Sprintf("%012d", seq)), map[string]any{
			"seq": seq, "from": "ann", "content": args.Text("content"), "at": time.Now(),
		}); err != nil {
			return err
		}
		return tx.Set(group, map[string]any{"seq": seq, "activeAt": time.Now()})
	}, client.MaxAttempts(50))
	if err != nil {
		return nil, err
	}
	cost.Process.Commit(2, 0)
	return wire.Reply{"seq": seq}, a.PubSub.Publish(ctx, benchTopic, []byte(args.Text("content")))
}

// countedLast reads the newest messages, a document each.
func (a alternatives) countedLast(ctx context.Context, args *wire.Args) (wire.Reply, error) {
	limit := args.Int("count", 50)
	docs, err := a.fs.Collection("counted/"+args.Text("groupId")+"/messages").OrderBy("seq", client.Desc).Limit(limit).Documents(ctx).GetAll()
	if err != nil {
		return nil, err
	}
	cost.Process.Read(max(len(docs), 1))
	list := make([]map[string]any, len(docs))
	for i, d := range docs {
		list[i] = d.Data()
	}
	return wire.Reply{"list": list}, enough(len(list), limit)
}

// countedFill stores messages in bulk, to be read.
func (a alternatives) countedFill(ctx context.Context, args *wire.Args) (wire.Reply, error) {
	return nil, a.inBatches(ctx, args.Int("count", 1), func(i int) commit.Write {
		return commit.Write{Path: fmt.Sprintf("counted/%s/messages/%012d", args.Text("groupId"), i+1), Fields: commit.Fields{
			"seq": int64(i + 1), "from": "ann", "content": args.Text("content"), "at": time.Now()}}
	})
}

// bareTail has the size of a group's head in the middle of its tail. Where there
// are more writers than fewWriters a tenth of it is written: the emulator keeps
// every version in memory, and takes no longer for a commit of 18 KB than of 2.
var bareTail = bytes.Repeat([]byte("x"), 18<<10)

const fewWriters = 16

func tailFor(writers int) []byte {
	if writers > fewWriters {
		return bareTail[:len(bareTail)/10]
	}
	return bareTail
}

// bareTimeout is for an emulator that loses requests when it runs out of memory.
const bareTimeout = 20 * time.Second

// bareSend is the least that a server can do: rewrite a document, which nobody
// else changes, and publish.
func (a alternatives) bareSend(ctx context.Context, args *wire.Args) (wire.Reply, error) {
	return nil, bare(ctx, a.Store, a.PubSub, fmt.Sprintf("bare/%s-%d", args.Text("groupId"), args.Int("count", 0)), bareTail[:args.Int("size", 0)])
}

func bare(ctx context.Context, store *firestore.Store, ps *pubsub.Client, path string, tail []byte) error {
	ctx, cancel := context.WithTimeout(ctx, bareTimeout)
	defer cancel()
	_, err := store.Commit(ctx, []commit.Write{{Path: path, Fields: commit.Fields{"at": time.Now(), "tail": tail}}})
	if err == nil && ps != nil {
		err = ps.Publish(ctx, benchTopic, []byte(content))
	}
	return err
}

// inboxAtOnce is how many documents one batch takes; it was the platform's
// limit for most of its life, and most code still keeps to it.
const inboxAtOnce = 500

// inboxSend writes the message into a document of every member.
func (a alternatives) inboxSend(ctx context.Context, args *wire.Args) (wire.Reply, error) {
	fields := commit.Fields{"from": "ann", "content": args.Text("content"), "at": time.Now()}
	id := fmt.Sprintf("%d", time.Now().UnixNano())
	if err := a.inBatches(ctx, args.Int("count", 1), func(i int) commit.Write {
		return commit.Write{Path: fmt.Sprintf("inbox/user%d/messages/%s-%s", i, args.Text("groupId"), id), Fields: fields}
	}); err != nil {
		return nil, err
	}
	return nil, a.PubSub.Publish(ctx, benchTopic, []byte(args.Text("content")))
}

// create makes a group with a document per member.
func (a alternatives) create(ctx context.Context, args *wire.Args) (wire.Reply, error) {
	group := "flat/" + args.Text("groupId")
	if _, err := a.Store.Commit(ctx, []commit.Write{{Path: group, Fields: commit.Fields{"name": "Big"}}}); err != nil {
		return nil, err
	}
	return nil, a.inBatches(ctx, args.Int("count", 1), func(i int) commit.Write {
		return commit.Write{Path: fmt.Sprintf("%s/members/user%d", group, i), Fields: commit.Fields{"joinedAt": time.Now()}}
	})
}

// join adds one member's document.
func (a alternatives) join(ctx context.Context, args *wire.Args) (wire.Reply, error) {
	path := fmt.Sprintf("flat/%s/members/joined%d", args.Text("groupId"), args.Int("count", 0))
	if _, err := a.Store.Commit(ctx, []commit.Write{{Path: path, Fields: commit.Fields{"joinedAt": time.Now()}}}); err != nil {
		return nil, err
	}
	return nil, a.PubSub.Publish(ctx, benchTopic, []byte("joined"))
}

func (a alternatives) inBatches(ctx context.Context, n int, write func(i int) commit.Write) error {
	for from := 0; from < n; from += inboxAtOnce {
		var writes []commit.Write
		for i := from; i < min(from+inboxAtOnce, n); i++ {
			writes = append(writes, write(i))
		}
		if _, err := a.Store.Commit(ctx, writes); err != nil {
			return err
		}
	}
	return nil
}

// timeline reads Throng's newest messages through the package that the
// functions of history and synchronisation call.
func (a alternatives) timeline(ctx context.Context, args *wire.Args) (wire.Reply, error) {
	limit := args.Int("count", 50)
	entries, err := a.Groups.Newest(ctx, args.Group("groupId"), limit)
	if err != nil {
		return nil, err
	}
	return wire.Reply{"list": entries}, enough(len(entries), limit)
}

func enough(found, wanted int) error {
	if found < wanted {
		return fault.New(fault.NotFound, "%d messages are there, %d were asked for", found, wanted)
	}
	return nil
}
