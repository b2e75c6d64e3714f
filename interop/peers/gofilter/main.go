// A filter on emersion/go-milter that does what its rules say: scripts/rules.py has their form.
package main

import (
	"log"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"

	"github.com/emersion/go-milter"
)

var rules []string

var verdicts = map[string]milter.Response{
	"continue": milter.RespContinue, "accept": milter.RespAccept, "reject": milter.RespReject,
	"tempfail": milter.RespTempFail, "discard": milter.RespDiscard,
}

type filter struct{}

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	rules = os.Args[2:]
	server := milter.Server{
		NewMilter: func() milter.Milter { return filter{} },
		Actions: milter.OptAddHeader | milter.OptChangeBody | milter.OptAddRcpt | milter.OptRemoveRcpt |
			milter.OptChangeHeader | milter.OptQuarantine | milter.OptChangeFrom,
		Protocol: steps(),
	}
	log.Fatal(server.Serve(listener))
}

// steps returns those that the rules ask for and version 2 has.
func steps() (asked milter.OptProtocol) {
	for _, rule := range rules {
		if where, what := cut(rule, "|"); where == "negotiate:steps" {
			number, err := strconv.ParseUint(strings.TrimPrefix(what, "0x"), 16, 32)
			if err != nil {
				log.Fatal(err)
			}
			asked |= milter.OptProtocol(number) & 0x7f
		}
	}
	return asked
}

// judge does what the rules say for a stage and returns the last verdict.
func judge(stage, text string, m *milter.Modifier) (milter.Response, error) {
	var verdict milter.Response = milter.RespContinue
	for _, rule := range rules {
		where, what := cut(rule, ":")
		at, pattern := cut(where, "/")
		if at != stage || !strings.Contains(text, pattern) {
			continue
		}
		words := strings.Split(what, "|")
		if found, ok := verdicts[words[0]]; ok {
			verdict = found
		} else if words[0] == "setreply" {
			verdict = milter.NewResponseStr('y', strings.Join(words[1:], " "))
		} else if err := edit(words, m); err != nil {
			return nil, err
		}
	}
	return verdict, nil
}

func edit(words []string, m *milter.Modifier) error {
	call, words := words[0], append(words[1:], "", "")
	switch call {
	case "addheader":
		return m.AddHeader(words[0], words[1])
	case "insheader":
		return m.InsertHeader(number(words[0]), words[1], words[2])
	case "chgheader":
		return m.ChangeHeader(number(words[1]), words[0], words[2])
	case "chgfrom":
		return m.ChangeFrom(words[0])
	case "addrcpt": // it adds the angle brackets itself
		return m.AddRecipient(strings.Trim(words[0], "<>"))
	case "delrcpt":
		return m.DeleteRecipient(strings.Trim(words[0], "<>"))
	case "replacebody":
		return m.ReplaceBody([]byte(words[0]))
	case "quarantine":
		return m.Quarantine(words[0])
	case "symval":
		value, ok := m.Macros[words[1]]
		if !ok {
			value = "(none)"
		}
		return m.AddHeader(words[0], value)
	}
	log.Fatalf("no call %s", call)
	return nil
}

func cut(text, separator string) (string, string) {
	if at := strings.Index(text, separator); at >= 0 {
		return text[:at], text[at+len(separator):]
	}
	return text, ""
}

func number(word string) int {
	value, err := strconv.Atoi(word)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func (filter) Connect(host, family string, port uint16, addr net.IP, m *milter.Modifier) (milter.Response, error) {
	return judge("connect", host, m)
}

func (filter) Helo(name string, m *milter.Modifier) (milter.Response, error) {
	return judge("helo", name, m)
}

func (filter) MailFrom(from string, m *milter.Modifier) (milter.Response, error) {
	return judge("mail", from, m)
}

func (filter) RcptTo(to string, m *milter.Modifier) (milter.Response, error) {
	return judge("rcpt", to, m)
}

func (filter) Header(name, value string, m *milter.Modifier) (milter.Response, error) {
	return judge("header", name, m)
}

func (filter) Headers(h textproto.MIMEHeader, m *milter.Modifier) (milter.Response, error) {
	return judge("eoh", "", m)
}

func (filter) BodyChunk(chunk []byte, m *milter.Modifier) (milter.Response, error) {
	return judge("body", "", m)
}

func (filter) Body(m *milter.Modifier) (milter.Response, error) {
	return judge("eom", "", m)
}
