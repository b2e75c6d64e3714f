// The MTA's side of emersion/go-milter: shows a filter one message, prints what it says and what it wants changed.
//
//	goclient PATH BYTES RECIPIENT...
//
// PATH is a unix socket, BYTES the length of the body. One line for each answer: the stage, then the code of the
// action and its text; for each edit: "edit", its code and its fields.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/emersion/go-message/textproto"
	"github.com/emersion/go-milter"
)

// done says whether an answer ends the message, after it was printed.
func done(stage string, action *milter.Action, err error) bool {
	if err != nil {
		log.Fatalf("%s: %v", stage, err)
	}
	fmt.Printf("%s %c", stage, action.Code)
	if action.Code == milter.ActReplyCode {
		fmt.Printf(" %d %s", action.SMTPCode, action.SMTPText)
	}
	fmt.Println()
	return action.Code != milter.ActContinue
}

func main() {
	size, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	client := milter.NewClientWithOptions("unix", os.Args[1], milter.ClientOptions{
		// Shorter than what a test waits for.
		ReadTimeout: 3 * time.Second,
		ActionMask:  milter.OptAddHeader | milter.OptAddRcpt | milter.OptChangeBody | milter.OptChangeFrom | milter.OptChangeHeader,
	})
	session, err := client.Session()
	if err != nil {
		log.Fatal(err)
	}
	converse(session, size, os.Args[3:])
	if err := session.Close(); err != nil {
		log.Fatal(err)
	}
}

func converse(session *milter.ClientSession, size int, recipients []string) {
	action, err := session.Conn("client.example.org", milter.FamilyInet, 40000, "192.0.2.7")
	if done("connect", action, err) {
		return
	}
	action, err = session.Helo("client.example.org")
	if done("helo", action, err) {
		return
	}
	if err := session.Macros(milter.CodeMail, "i", "QUEUEID", "{auth_type}", "PLAIN"); err != nil {
		log.Fatal(err)
	}
	action, err = session.Mail("sender@example.org", []string{"SIZE=1000", "BODY=8BITMIME"})
	if done("mail", action, err) {
		return
	}
	taken := 0
	for _, recipient := range recipients {
		action, err = session.Rcpt(recipient, nil)
		if !done("rcpt", action, err) {
			taken++
		}
		// These end the message; a refusal concerns this recipient alone.
		if action.Code == milter.ActAccept || action.Code == milter.ActDiscard {
			return
		}
	}
	if taken == 0 {
		return
	}
	var header textproto.Header
	header.Add("Subject", "from go-milter")
	header.Add("From", "<sender@example.org>")
	action, err = session.Header(header)
	if done("header", action, err) {
		return
	}
	edits, action, err := session.BodyReadFrom(bytes.NewReader(bytes.Repeat([]byte("0123456789abcd\r\n"), size/16)))
	for _, edit := range edits {
		fmt.Printf("edit %c %d %q %q %q %q %q\n", edit.Code, edit.HeaderIndex, edit.HeaderName, edit.HeaderValue,
			edit.Rcpt, edit.From, edit.Body)
	}
	done("end", action, err)
}
