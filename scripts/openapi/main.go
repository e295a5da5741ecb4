// Command openapi writes the published descriptions of the server API and of the
// device API, each beside its table. It is run from the top of the tree.
package main

import (
	"fmt"
	"os"

	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/deviceapi"
)

func main() {
	for path, made := range map[string]func() ([]byte, error){
		"shared/contract/openapi.json":  contract.OpenAPI,
		"shared/deviceapi/openapi.json": deviceapi.OpenAPI,
	} {
		document, err := made()
		if err == nil {
			err = os.WriteFile(path, document, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "openapi:", err)
			os.Exit(1)
		}
	}
}
