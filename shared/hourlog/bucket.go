package hourlog

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"time"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/gcsblob" // gs:// addresses
	"gocloud.dev/gcerrors"
)

// open opens the bucket at an address: gs://bucket, or file:///folder where no
// object storage is. A folder's address names with base_url where Download is
// served, and its download addresses are signed with the secret.
func open(ctx context.Context, address, secret string) (*blob.Bucket, error) {
	at, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the bucket of the logs: %w", err)
	}
	if at.Scheme != fileblob.Scheme {
		return blob.OpenBucket(ctx, address)
	}
	signer, err := signerOf(at, secret)
	if err != nil {
		return nil, err
	}
	return fileblob.OpenBucket(at.Path, &fileblob.Options{CreateDir: true, NoTempDir: true, Metadata: fileblob.MetadataDontWrite, URLSigner: signer})
}

func signerOf(at *url.URL, secret string) (*fileblob.URLSignerHMAC, error) {
	base, err := url.Parse(at.Query().Get("base_url"))
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("the bucket of the logs, %s, does not say with base_url where files are downloaded", at)
	}
	// Not the secret itself: what signs addresses must sign nothing else.
	key := hmac.New(sha256.New, []byte(secret))
	key.Write([]byte("addresses of hourly logs"))
	return fileblob.NewURLSignerHMAC(base, key.Sum(nil)), nil
}

// sign returns an address at which anybody may download an object for a time.
func sign(ctx context.Context, b *blob.Bucket, key string, expiry time.Duration) (string, error) {
	return b.SignedURL(ctx, key, &blob.SignedURLOptions{Expiry: expiry, Method: http.MethodGet, BeforeSign: func(as func(any) bool) error {
		// The client would sign in its older way, which is for keys of users.
		var o *storage.SignedURLOptions
		if as(&o) {
			o.Scheme = storage.SigningSchemeV4
		}
		return nil
	}})
}

// Download serves the signed addresses of a folder. Cloud Storage serves its own.
func Download(address, secret string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, err := url.Parse(address)
		if err != nil || at.Scheme != fileblob.Scheme {
			http.NotFound(w, r)
			return
		}
		signer, err := signerOf(at, secret)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		key, err := signer.KeyFromURL(r.Context(), r.URL)
		if err != nil {
			http.Error(w, "the address is not signed, or its time is over", http.StatusForbidden)
			return
		}
		b, err := open(r.Context(), address, secret)
		if err != nil {
			http.Error(w, "the files cannot be reached", http.StatusServiceUnavailable)
			return
		}
		defer func() { _ = b.Close() }()
		file, err := b.NewReader(r.Context(), key, nil)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer func() { _ = file.Close() }()
		w.Header().Set("Content-Type", zipType)
		w.Header().Set("Content-Disposition", `attachment; filename="`+path.Base(key)+`"`)
		_, _ = io.Copy(w, file)
	})
}

// gone says that an object is not there.
func gone(err error) bool { return gcerrors.Code(err) == gcerrors.NotFound }

// taken says that an object that should have been new was there already.
func taken(err error) bool { return gcerrors.Code(err) == gcerrors.FailedPrecondition }
