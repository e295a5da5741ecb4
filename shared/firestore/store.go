// Package firestore is the commit.Store on Google's Firestore, and the only
// package that talks to it.
//
// It uses the generated client's Commit and BatchGetDocuments directly. A
// transaction would cost a second round trip and a lock, and the hand-written
// client's WriteBatch is deprecated, encodes through reflection and lets the
// transport replay a commit whose outcome is unknown; here a commit is sent
// exactly once and the loop decides what to do next.
package firestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	apiv1 "cloud.google.com/go/firestore/apiv1"
	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/throng-im/throng/shared/chaos"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/fault"
)

// MaxCommitBytes is the largest commit sent. Production takes 10 MiB; the
// emulator's transport refuses more than 4 MiB, and only after a minute of
// retries, so the bound is checked here.
const MaxCommitBytes = 4<<20 - 64<<10

// MaxDocumentBytes is the largest document sent. Firestore takes 1 MiB with the
// names of the document and its fields.
const MaxDocumentBytes = 1<<20 - 16<<10

// Store implements commit.Store. Close it at the end of the process.
type Store struct {
	client   *apiv1.Client
	database string
	prefix   string
	meter    *cost.Meter
	chaos    *chaos.Chaos
}

// Open connects to the default database of project, or to the emulator when
// FIRESTORE_EMULATOR_HOST names one. What it reads and writes is counted in
// meter. extra dial options are for tests that inject faults.
func Open(ctx context.Context, project string, meter *cost.Meter, extra ...grpc.DialOption) (*Store, error) {
	var opts []option.ClientOption
	if host := os.Getenv("FIRESTORE_EMULATOR_HOST"); host != "" {
		opts = append(opts, option.WithEndpoint(host), option.WithoutAuthentication(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
			option.WithGRPCDialOption(grpc.WithPerRPCCredentials(owner{})))
	}
	day, err := chaos.Process()
	if err != nil {
		return nil, err
	}
	for _, d := range append(day.DialOptions(), extra...) {
		opts = append(opts, option.WithGRPCDialOption(d))
	}
	client, err := apiv1.NewClient(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	client.CallOptions.Commit = nil // no replay behind the loop's back
	database := "projects/" + project + "/databases/(default)"
	return &Store{client: client, database: database, prefix: database + "/documents/", meter: meter, chaos: day}, nil
}

// Close ends the connection.
func (s *Store) Close() error { return s.client.Close() }

// owner is how the emulator is told to skip the security rules, which deny
// everything to everyone else.
type owner struct{}

func (owner) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer owner"}, nil
}
func (owner) RequireTransportSecurity() bool { return false }

// Get implements commit.Reader.
func (s *Store) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	names := make([]string, len(paths))
	index := make(map[string]int, len(paths))
	docs := make([]commit.Doc, len(paths))
	for i, p := range paths {
		names[i] = s.prefix + p
		index[names[i]] = i
		docs[i].Path = p
	}
	req := &pb.BatchGetDocumentsRequest{Database: s.database, Documents: names}
	if len(fields) > 0 {
		req.Mask = &pb.DocumentMask{FieldPaths: fields}
	}
	stream, err := s.client.BatchGetDocuments(ctx, req)
	if err != nil {
		return nil, classifyRead(err)
	}
	for {
		res, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, classifyRead(err)
		}
		if found := res.GetFound(); found != nil {
			i := index[found.Name]
			docs[i].Fields, docs[i].Version = decode(found.Fields), found.UpdateTime.AsTime()
		}
	}
	s.meter.Read(len(paths))
	return docs, nil
}

// Query implements commit.Reader.
func (s *Store) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	root, collection := strings.TrimSuffix(s.prefix, "/"), q.Collection
	parent := root
	if cut := strings.LastIndexByte(collection, '/'); cut >= 0 {
		parent, collection = s.prefix+collection[:cut], collection[cut+1:]
	}
	stream, err := s.client.RunQuery(ctx, &pb.RunQueryRequest{Parent: parent, QueryType: &pb.RunQueryRequest_StructuredQuery{StructuredQuery: structured(q, root, parent, collection)}})
	if err != nil {
		return nil, classifyRead(err)
	}
	var docs []commit.Doc
	for {
		res, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, classifyRead(err)
		}
		if d := res.GetDocument(); d != nil {
			docs = append(docs, commit.Doc{Path: strings.TrimPrefix(d.Name, s.prefix), Fields: decode(d.Fields), Version: d.UpdateTime.AsTime()})
		}
	}
	s.meter.Read(max(len(docs)+q.Offset, 1))
	return docs, nil
}

func structured(q commit.Query, root, parent, collection string) *pb.StructuredQuery {
	name := &pb.StructuredQuery_FieldReference{FieldPath: "__name__"}
	out := &pb.StructuredQuery{
		From:    []*pb.StructuredQuery_CollectionSelector{{CollectionId: collection, AllDescendants: q.AllGroups}},
		OrderBy: []*pb.StructuredQuery_Order{{Field: name, Direction: pb.StructuredQuery_ASCENDING}},
		Offset:  int32(q.Offset),
	}
	var filters []*pb.StructuredQuery_Filter
	where := func(field *pb.StructuredQuery_FieldReference, op pb.StructuredQuery_FieldFilter_Operator, v *pb.Value) {
		filters = append(filters, &pb.StructuredQuery_Filter{FilterType: &pb.StructuredQuery_Filter_FieldFilter{
			FieldFilter: &pb.StructuredQuery_FieldFilter{Field: field, Op: op, Value: v}}})
	}
	field := &pb.StructuredQuery_FieldReference{FieldPath: q.Field}
	switch {
	case q.Field == "":
	case q.Contains != nil:
		where(field, pb.StructuredQuery_FieldFilter_ARRAY_CONTAINS, value(q.Contains))
	case q.AtLeast != nil || q.AtMost != nil:
		if q.AtLeast != nil {
			where(field, pb.StructuredQuery_FieldFilter_GREATER_THAN_OR_EQUAL, value(q.AtLeast))
		}
		if q.AtMost != nil {
			where(field, pb.StructuredQuery_FieldFilter_LESS_THAN_OR_EQUAL, value(q.AtMost))
		}
		out.OrderBy = []*pb.StructuredQuery_Order{{Field: field, Direction: pb.StructuredQuery_ASCENDING}}
		if q.Falling() {
			out.OrderBy[0].Direction = pb.StructuredQuery_DESCENDING
		}
	default:
		where(field, pb.StructuredQuery_FieldFilter_EQUAL, value(q.Equals))
	}
	if q.InField != "" {
		where(&pb.StructuredQuery_FieldReference{FieldPath: q.InField}, pb.StructuredQuery_FieldFilter_IN, value(q.In))
	}
	if q.After.Path != "" {
		out.StartAt = &pb.Cursor{}
		if by := out.OrderBy[0]; by.Field != name {
			out.OrderBy = append(out.OrderBy, &pb.StructuredQuery_Order{Field: name, Direction: by.Direction})
			out.StartAt.Values = append(out.StartAt.Values, value(q.After.Fields[q.Field]))
		}
		out.StartAt.Values = append(out.StartAt.Values, &pb.Value{ValueType: &pb.Value_ReferenceValue{ReferenceValue: root + "/" + q.After.Path}})
	}
	if q.IDAtLeast != "" {
		ref := parent + "/" + collection + "/" + q.IDAtLeast
		where(name, pb.StructuredQuery_FieldFilter_GREATER_THAN_OR_EQUAL, &pb.Value{ValueType: &pb.Value_ReferenceValue{ReferenceValue: ref}})
	}
	switch len(filters) {
	case 0:
	case 1:
		out.Where = filters[0]
	default:
		out.Where = &pb.StructuredQuery_Filter{FilterType: &pb.StructuredQuery_Filter_CompositeFilter{
			CompositeFilter: &pb.StructuredQuery_CompositeFilter{Op: pb.StructuredQuery_CompositeFilter_AND, Filters: filters}}}
	}
	if q.Limit > 0 {
		out.Limit = wrapperspb.Int32(int32(q.Limit))
	}
	if len(q.Select) > 0 {
		out.Select = &pb.StructuredQuery_Projection{}
		for _, f := range q.Select {
			out.Select.Fields = append(out.Select.Fields, &pb.StructuredQuery_FieldReference{FieldPath: f})
		}
	}
	return out
}

// Commit implements commit.Store.
func (s *Store) Commit(ctx context.Context, writes []commit.Write) (time.Time, error) {
	req := &pb.CommitRequest{Database: s.database, Writes: make([]*pb.Write, len(writes))}
	deletes := 0
	for i, w := range writes {
		req.Writes[i] = s.write(w)
		if w.Delete {
			deletes++
		}
	}
	if err := checkSize(writes, req); err != nil {
		return time.Time{}, err
	}
	if s.chaos.Queues() {
		paths := make([]string, len(writes))
		for i, w := range writes {
			paths[i] = w.Path
		}
		if err := s.chaos.Queue(ctx, paths); err != nil {
			return time.Time{}, classifyCommit(err)
		}
	}
	res, err := s.client.Commit(ctx, req)
	if err != nil {
		return time.Time{}, classifyCommit(err)
	}
	s.meter.Commit(len(writes)-deletes, deletes)
	return res.WriteResults[0].UpdateTime.AsTime(), nil
}

// checkSize refuses what Firestore would refuse, before it is sent: the emulator
// does so only after a minute of retries.
func checkSize(writes []commit.Write, req *pb.CommitRequest) error {
	total := 0
	for i, w := range writes {
		n := roughly(w)
		// Encoding sizes every field anew; what is surely small is not asked.
		if n > MaxDocumentBytes/2 {
			if n = proto.Size(req.Writes[i]); n > MaxDocumentBytes {
				return fault.New(fault.TooLarge, "a document of %d bytes is larger than one may be", n)
			}
		}
		total += n
	}
	if total > MaxCommitBytes/2 {
		if n := proto.Size(req); n > MaxCommitBytes {
			return fault.New(fault.TooLarge, "a change of %d bytes is larger than one commit may be", n)
		}
	}
	return nil
}

// roughly is the size of what takes most of a document's bytes.
func roughly(w commit.Write) int {
	n := 1024
	for _, v := range w.Fields {
		switch v := v.(type) {
		case []byte:
			n += len(v)
		case string:
			n += len(v)
		case []string:
			for _, text := range v {
				n += len(text) + 8
			}
		case []int64:
			n += 16 * len(v)
		}
	}
	return n
}

func (s *Store) write(w commit.Write) *pb.Write {
	out := &pb.Write{}
	switch {
	case w.If.Absent:
		out.CurrentDocument = &pb.Precondition{ConditionType: &pb.Precondition_Exists{Exists: false}}
	case !w.If.Version.IsZero():
		out.CurrentDocument = &pb.Precondition{ConditionType: &pb.Precondition_UpdateTime{UpdateTime: timestamppb.New(w.If.Version)}}
	}
	if w.Delete {
		out.Operation = &pb.Write_Delete{Delete: s.prefix + w.Path}
		return out
	}
	fields := make(map[string]*pb.Value, len(w.Fields))
	for k, v := range w.Fields {
		fields[k] = value(v)
	}
	out.Operation = &pb.Write_Update{Update: &pb.Document{Name: s.prefix + w.Path, Fields: fields}}
	if w.Merge {
		out.UpdateMask = &pb.DocumentMask{}
		for k := range w.Fields {
			out.UpdateMask.FieldPaths = append(out.UpdateMask.FieldPaths, k)
		}
	}
	return out
}
