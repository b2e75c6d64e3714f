// A filter on emersion/go-milter: gomilter PATH WORKLOAD. Its replies are those of the script.
package main

import (
	"log"
	"net"
	"os"

	"github.com/emersion/go-milter"
)

type filter struct {
	milter.NoOpMilter
	isSilent bool
}

func (f filter) Header(name, value string, m *milter.Modifier) (milter.Response, error) {
	if f.isSilent {
		return nil, nil
	}
	return milter.RespContinue, nil
}

func (f filter) Body(m *milter.Modifier) (milter.Response, error) {
	if err := m.AddHeader("Authentication-Results", "mx.example.org; dkim=pass header.d=example.com"); err != nil {
		return nil, err
	}
	if err := m.AddHeader("X-Spam-Status", "No, score=-12.1 required=5.0 tests=BAYES_000,DKIM_VALID"); err != nil {
		return nil, err
	}
	subject := "[committee] Minutes of the meeting of the budget committee, November"
	if err := m.ChangeHeader(1, "Subject", subject); err != nil {
		return nil, err
	}
	return milter.RespAccept, nil
}

func main() {
	if len(os.Args) != 3 {
		log.Fatalf("usage: %s PATH WORKLOAD", os.Args[0])
	}
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	isSilent := os.Args[2] == "W3nr"
	server := milter.Server{
		NewMilter: func() milter.Milter { return filter{isSilent: isSilent} },
		Actions:   milter.OptAddHeader | milter.OptChangeHeader,
	}
	if isSilent {
		server.Protocol = milter.OptNoHeaderReply
	}
	log.Fatal(server.Serve(listener))
}
