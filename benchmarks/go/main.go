// The two ends of a measurement, in one program: a provider that answers as the prompt asks, and a load generator.
//
//	measure provider CERTIFICATE_FILE    listens on two free ports of this machine: plain, and TLS
//	measure load                         reads a job from its input, and says what it saw
//
// Both are written so that neither is the limit of a measurement: one goroutine for each connection, prepared bytes,
// no net/http. Each runs on one processor, so that its scheduler does not spin on the processor of the proxy.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

func main() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "provider":
		err = provide(os.Args[2])
	case len(os.Args) == 2 && os.Args[1] == "load":
		err = runJob(os.Stdin, os.Stdout)
	default:
		err = fmt.Errorf("usage: measure provider CERTIFICATE_FILE | measure load")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
