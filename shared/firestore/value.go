package firestore

import (
	"fmt"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/throng-im/throng/shared/commit"
)

// value encodes the kinds that commit.Fields allows. Another kind is a mistake
// in the program, not in its input.
func value(v any) *pb.Value {
	switch v := v.(type) {
	case string:
		return &pb.Value{ValueType: &pb.Value_StringValue{StringValue: v}}
	case int64:
		return &pb.Value{ValueType: &pb.Value_IntegerValue{IntegerValue: v}}
	case bool:
		return &pb.Value{ValueType: &pb.Value_BooleanValue{BooleanValue: v}}
	case []byte:
		return &pb.Value{ValueType: &pb.Value_BytesValue{BytesValue: v}}
	case time.Time:
		return &pb.Value{ValueType: &pb.Value_TimestampValue{TimestampValue: timestamppb.New(v)}}
	case []string:
		return list(v, func(s string) *pb.Value { return value(s) })
	case []int64:
		return list(v, func(n int64) *pb.Value { return value(n) })
	default:
		panic(fmt.Sprintf("a field cannot hold %T", v))
	}
}

func list[T any](items []T, one func(T) *pb.Value) *pb.Value {
	out := &pb.ArrayValue{Values: make([]*pb.Value, len(items))}
	for i, item := range items {
		out.Values[i] = one(item)
	}
	return &pb.Value{ValueType: &pb.Value_ArrayValue{ArrayValue: out}}
}

func decode(fields map[string]*pb.Value) commit.Fields {
	out := make(commit.Fields, len(fields))
	for k, v := range fields {
		switch v := v.ValueType.(type) {
		case *pb.Value_StringValue:
			out[k] = v.StringValue
		case *pb.Value_IntegerValue:
			out[k] = v.IntegerValue
		case *pb.Value_BooleanValue:
			out[k] = v.BooleanValue
		case *pb.Value_BytesValue:
			out[k] = v.BytesValue
		case *pb.Value_TimestampValue:
			out[k] = v.TimestampValue.AsTime()
		case *pb.Value_ArrayValue:
			out[k] = decodeList(v.ArrayValue.Values)
		}
	}
	return out
}

func decodeList(values []*pb.Value) any {
	if len(values) > 0 {
		if _, ok := values[0].ValueType.(*pb.Value_IntegerValue); ok {
			out := make([]int64, len(values))
			for i, v := range values {
				out[i] = v.GetIntegerValue()
			}
			return out
		}
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.GetStringValue()
	}
	return out
}
