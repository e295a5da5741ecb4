package notify_test

import (
	"testing"

	"github.com/throng-im/throng/shared/notify"
)

// TestBuiltInTypes is the contract's table of types, class by class.
func TestBuiltInTypes(t *testing.T) {
	for class, types := range map[notify.Class][]string{
		notify.Content: {
			"RC:TxtMsg", "RC:ReferenceMsg", "RC:ImgMsg", "RC:GIFMsg", "RC:VcMsg", "RC:HQVCMsg", "RC:SightMsg", "RC:FileMsg", "RC:LBSMsg", "RC:ImgTextMsg", "RC:CombineMsg",
		},
		notify.Notification: {"RC:CmdMsg", "RC:CmdNtf", "RC:ContactNtf", "RC:ProfileNtf", "RC:InfoNtf", "RC:GrpNtf", "RC:chrmKVNotiMsg"},
		notify.Signalling:   {"RC:TypSts", "RC:ReadNtf", "RC:RRReqMsg", "RC:RRRspMsg", "RC:SRSMsg", "RC:RcCmd", "RC:RcNtf", "RC:MsgExMsg"},
	} {
		for _, objectName := range types {
			if got, known := notify.ClassOf(objectName); got != class || !known {
				t.Errorf("%s is of class %d, known %v, want %d", objectName, got, known, class)
			}
		}
	}
	if class, known := notify.ClassOf("app:order"); class != notify.Custom || known {
		t.Errorf("a type of the app's own is of class %d, known %v", class, known)
	}
}
