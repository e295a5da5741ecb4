package push

import "golang.org/x/text/feature/plural"

// words are all that is said in one language. {who} stands for a name and {n} for
// a number. What the types of messages are called is in brackets, as the contract
// has it.
type words struct {
	language                                                         string
	image, gif, voice, video, file, location, link, history, message string
	// recalled says that somebody took a message back, by that {who} did, byAdmin
	// that an administrator did. They are worded so that nobody's gender matters.
	recalled, by, byAdmin string
	// new says that there is a message and nothing of it.
	new string
	// several says that {n} messages came, in the forms that the language has for
	// whole numbers. What has no form of its own takes the other one.
	several map[plural.Form]string
}

// table is every language that there are phrases in. English comes first: it is
// for whoever speaks none of them, unless the app says otherwise.
var table = []words{
	{
		language: "en",
		image:    "[Image]", gif: "[GIF]", voice: "[Voice]", video: "[Video]", file: "[File]",
		location: "[Location]", link: "[Link]", history: "[Chat history]", message: "[Message]",
		recalled: "A message was recalled", by: "{who} recalled a message", byAdmin: "An administrator recalled a message",
		new:     "You have a new message",
		several: map[plural.Form]string{plural.One: "{n} new message", plural.Other: "{n} new messages"},
	},
	{
		language: "zh-Hans",
		image:    "[图片]", gif: "[动图]", voice: "[语音]", video: "[视频]", file: "[文件]",
		location: "[位置]", link: "[链接]", history: "[聊天记录]", message: "[消息]",
		recalled: "一条消息已被撤回", by: "{who}撤回了一条消息", byAdmin: "管理员撤回了一条消息",
		new:     "您有一条新消息",
		several: map[plural.Form]string{plural.Other: "{n}条新消息"},
	},
	{
		language: "zh-Hant",
		image:    "[圖片]", gif: "[動圖]", voice: "[語音]", video: "[影片]", file: "[檔案]",
		location: "[位置]", link: "[連結]", history: "[聊天記錄]", message: "[訊息]",
		recalled: "一則訊息已被收回", by: "{who}收回了一則訊息", byAdmin: "管理員收回了一則訊息",
		new:     "您有一則新訊息",
		several: map[plural.Form]string{plural.Other: "{n}則新訊息"},
	},
	{
		language: "ja",
		image:    "[画像]", gif: "[GIF]", voice: "[音声]", video: "[動画]", file: "[ファイル]",
		location: "[位置情報]", link: "[リンク]", history: "[トーク履歴]", message: "[メッセージ]",
		recalled: "メッセージの送信が取り消されました", by: "{who}さんがメッセージの送信を取り消しました", byAdmin: "管理者がメッセージの送信を取り消しました",
		new:     "新着メッセージがあります",
		several: map[plural.Form]string{plural.Other: "新着メッセージ{n}件"},
	},
	{
		language: "ko",
		image:    "[사진]", gif: "[GIF]", voice: "[음성]", video: "[동영상]", file: "[파일]",
		location: "[위치]", link: "[링크]", history: "[대화 기록]", message: "[메시지]",
		recalled: "메시지가 회수되었습니다", by: "{who}님이 메시지를 회수했습니다", byAdmin: "관리자가 메시지를 회수했습니다",
		new:     "새 메시지가 있습니다",
		several: map[plural.Form]string{plural.Other: "새 메시지 {n}개"},
	},
	{
		language: "de",
		image:    "[Bild]", gif: "[GIF]", voice: "[Sprachnachricht]", video: "[Video]", file: "[Datei]",
		location: "[Standort]", link: "[Link]", history: "[Chatverlauf]", message: "[Nachricht]",
		recalled: "Eine Nachricht wurde zurückgenommen", by: "{who} hat eine Nachricht zurückgenommen", byAdmin: "Die Verwaltung hat eine Nachricht zurückgenommen",
		new:     "Sie haben eine neue Nachricht",
		several: map[plural.Form]string{plural.One: "{n} neue Nachricht", plural.Other: "{n} neue Nachrichten"},
	},
	{
		language: "fr",
		image:    "[Image]", gif: "[GIF]", voice: "[Message vocal]", video: "[Vidéo]", file: "[Fichier]",
		location: "[Position]", link: "[Lien]", history: "[Historique]", message: "[Message]",
		recalled: "Un message a été retiré", by: "{who} a retiré un message", byAdmin: "L’administration a retiré un message",
		new:     "Vous avez un nouveau message",
		several: map[plural.Form]string{plural.One: "{n} nouveau message", plural.Other: "{n} nouveaux messages"},
	},
	{
		language: "es",
		image:    "[Imagen]", gif: "[GIF]", voice: "[Mensaje de voz]", video: "[Vídeo]", file: "[Archivo]",
		location: "[Ubicación]", link: "[Enlace]", history: "[Historial]", message: "[Mensaje]",
		recalled: "Se ha retirado un mensaje", by: "{who} ha retirado un mensaje", byAdmin: "La administración ha retirado un mensaje",
		new:     "Tienes un mensaje nuevo",
		several: map[plural.Form]string{plural.One: "{n} mensaje nuevo", plural.Other: "{n} mensajes nuevos"},
	},
	{
		language: "pt",
		image:    "[Imagem]", gif: "[GIF]", voice: "[Mensagem de voz]", video: "[Vídeo]", file: "[Arquivo]",
		location: "[Localização]", link: "[Link]", history: "[Histórico]", message: "[Mensagem]",
		recalled: "Uma mensagem foi retirada", by: "{who} retirou uma mensagem", byAdmin: "A administração retirou uma mensagem",
		new:     "Você tem uma nova mensagem",
		several: map[plural.Form]string{plural.One: "{n} nova mensagem", plural.Other: "{n} novas mensagens"},
	},
	{
		language: "ru",
		image:    "[Изображение]", gif: "[GIF]", voice: "[Голосовое сообщение]", video: "[Видео]", file: "[Файл]",
		location: "[Геопозиция]", link: "[Ссылка]", history: "[История чата]", message: "[Сообщение]",
		recalled: "Сообщение отозвано", by: "{who}: сообщение отозвано", byAdmin: "Администратор отозвал сообщение",
		new: "У вас новое сообщение",
		several: map[plural.Form]string{plural.One: "{n} новое сообщение", plural.Few: "{n} новых сообщения",
			plural.Many: "{n} новых сообщений", plural.Other: "{n} нового сообщения"},
	},
	{
		language: "ar",
		image:    "[صورة]", gif: "[GIF]", voice: "[رسالة صوتية]", video: "[فيديو]", file: "[ملف]",
		location: "[موقع]", link: "[رابط]", history: "[سجل المحادثة]", message: "[رسالة]",
		recalled: "تم سحب رسالة", by: "{who}: تم سحب رسالة", byAdmin: "سحبت الإدارة رسالة",
		new: "لديك رسالة جديدة",
		several: map[plural.Form]string{plural.Zero: "لا رسائل جديدة", plural.One: "رسالة جديدة واحدة", plural.Two: "رسالتان جديدتان",
			plural.Few: "{n} رسائل جديدة", plural.Many: "{n} رسالة جديدة", plural.Other: "{n} رسالة جديدة"},
	},
	{
		language: "hi",
		image:    "[फ़ोटो]", gif: "[GIF]", voice: "[वॉइस संदेश]", video: "[वीडियो]", file: "[फ़ाइल]",
		location: "[स्थान]", link: "[लिंक]", history: "[चैट इतिहास]", message: "[संदेश]",
		recalled: "एक संदेश वापस लिया गया", by: "{who} ने एक संदेश वापस लिया", byAdmin: "व्यवस्थापक ने एक संदेश वापस लिया",
		new:     "आपके लिए एक नया संदेश है",
		several: map[plural.Form]string{plural.One: "{n} नया संदेश", plural.Other: "{n} नए संदेश"},
	},
	{
		language: "id",
		image:    "[Gambar]", gif: "[GIF]", voice: "[Pesan suara]", video: "[Video]", file: "[Berkas]",
		location: "[Lokasi]", link: "[Tautan]", history: "[Riwayat obrolan]", message: "[Pesan]",
		recalled: "Sebuah pesan ditarik", by: "{who} menarik sebuah pesan", byAdmin: "Administrator menarik sebuah pesan",
		new:     "Anda menerima pesan baru",
		several: map[plural.Form]string{plural.Other: "{n} pesan baru"},
	},
}

// ofType is the phrase for a message of a type that came without words.
func (w *words) ofType(objectName string) string {
	switch objectName {
	case "RC:ImgMsg":
		return w.image
	case "RC:GIFMsg":
		return w.gif
	case "RC:VcMsg", "RC:HQVCMsg":
		return w.voice
	case "RC:SightMsg":
		return w.video
	case "RC:FileMsg":
		return w.file
	case "RC:LBSMsg":
		return w.location
	case "RC:ImgTextMsg":
		return w.link
	case "RC:CombineMsg":
		return w.history
	}
	return w.message
}
