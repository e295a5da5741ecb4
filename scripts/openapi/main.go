// Command openapi writes the published description of the server API,
// shared/contract/openapi.json. It is run from the top of the tree.
package main

import (
	"fmt"
	"os"

	"github.com/throng-im/throng/shared/contract"
)

func main() {
	document, err := contract.OpenAPI()
	if err == nil {
		err = os.WriteFile("shared/contract/openapi.json", document, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}
