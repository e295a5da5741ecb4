// Command emulator runs the whole of Throng on one machine: Google's Firestore
// and Pub/Sub emulators, a stand-in for FCM, every function in a process of its
// own, and a gateway that routes like the production load balancer.
//
//	go run ./emulator                     everything, until Ctrl-C
//	go run ./emulator --only firestore,pubsub,fcm
//	go run ./emulator -- command args     everything, for as long as command runs
package main

import (
	"fmt"
	"os"
)

func main() {
	args := os.Args[1:]
	var err error
	switch {
	case len(args) > 1 && args[0] == "guard":
		os.Exit(guard(args[1:]))
	case len(args) == 2 && args[0] == "function":
		err = hostFunction(args[1])
	default:
		var code int
		if code, err = launch(args); err == nil {
			os.Exit(code)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "throng:", err)
		os.Exit(1)
	}
}
