package notify

// Class is what the contract says of a type of message: whether it notifies.
type Class int

// The classes. A type that is not built in is Custom, the app's own.
const (
	Custom       Class = iota // notifies when the sender says what to show
	Content                   // always notifies, with a default text
	Notification              // like Custom
	Signalling                // like Custom
	// Status is a message that is for who is online; it never notifies.
	Status
	// Change is what happens that is no message: an edit, an extension, somebody
	// joins. It never notifies.
	Change
)

// builtin are the built-in types.
var builtin = map[string]Class{
	"RC:TxtMsg": Content, "RC:ReferenceMsg": Content, "RC:ImgMsg": Content, "RC:GIFMsg": Content, "RC:VcMsg": Content,
	"RC:HQVCMsg": Content, "RC:SightMsg": Content, "RC:FileMsg": Content, "RC:LBSMsg": Content, "RC:ImgTextMsg": Content,
	"RC:CombineMsg": Content,

	"RC:CmdMsg": Notification, "RC:CmdNtf": Notification, "RC:ContactNtf": Notification, "RC:ProfileNtf": Notification,
	"RC:InfoNtf": Notification, "RC:GrpNtf": Notification, "RC:chrmKVNotiMsg": Notification,

	"RC:TypSts": Signalling, "RC:ReadNtf": Signalling, "RC:RRReqMsg": Signalling, "RC:RRRspMsg": Signalling,
	"RC:SRSMsg": Signalling, "RC:RcCmd": Signalling, "RC:RcNtf": Signalling, "RC:MsgExMsg": Signalling,
}

// ClassOf returns the class of a type by its objectName, and whether it is built in.
func ClassOf(objectName string) (class Class, known bool) {
	class, known = builtin[objectName]
	return class, known
}
