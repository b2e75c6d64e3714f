"""Messages of many shapes. They are short, because the corpus holds each of them many times."""

FROM = b"From: Alice <alice@sender.example>\r\n"
TO = b"To: bob@rcpt.example\r\n"
DATE = b"Date: Wed, 25 Nov 2026 12:00:00 +0000\r\n"
ID = b"Message-Id: <1@sender.example>\r\n"
USUAL = FROM + TO + DATE + ID

# Neither MTA adds a header to it but Received.
PLAIN = USUAL + b"Subject: a question\r\nX-Two: first\r\nX-Two: second\r\n\r\nHi\r\n.\r\n"
BODY = b"\r\nHi\r\n"

# Messages for DATA.
SHAPES: dict[str, bytes] = {
    "plain": PLAIN,
    "usual": USUAL + BODY,
    "no body": USUAL + b"\r\n",
    "no blank line": USUAL,
    "no blank line, body": USUAL + b"This is no header\r\nand this neither\r\n",
    "no header": b"\r\nonly a body\r\n",
    "nothing": b"",
    "only a blank line": b"\r\n",
    "subject only": b"Subject: alone\r\n\r\nHi\r\n",
    "no date": FROM + TO + ID + BODY,
    "no from": TO + DATE + ID + BODY,
    "no message-id": FROM + TO + DATE + BODY,
    "no to": FROM + DATE + ID + BODY,
    "resent": b"Resent-From: <re@sender.example>\r\nResent-To: bob@rcpt.example\r\n" + USUAL + BODY,
    "folded": USUAL + b"Subject: a\r\n b\r\n\tc\r\nX-Two: first\r\n  more\r\nX-Two:\r\n second\r\n" + BODY,
    "blanks": USUAL
    + b"Subject:none\r\nX-Two:  two\r\nX-Two:\ttab\r\nX-Empty:\r\nX-Blank: \r\nX-Wide : before\r\n"
    + BODY,
    "8-bit": USUAL + b"Subject: Gr\xfc\xdfe\r\nX-Utf: \xc3\xa4\r\n\r\n\xe4\xf6\xfc\r\n",
    "many of one name": USUAL + b"X-Two: 1\r\nX-two: 2\r\nX-TWO: 3\r\nx-Two: 4\r\n" + BODY,
    "received": (
        b"Received: from a.example by other.example; Wed, 25 Nov 2026 11:00:00 +0000\r\n"
        b"Received: from b.example\r\n\tby a.example; Wed, 25 Nov 2026 10:00:00 +0000\r\n" + USUAL + BODY
    ),
    "received below": USUAL + b"Received: from a.example by other.example; Wed, 25 Nov 2026 11:00:00 +0000\r\n" + BODY,
    "mbox line": b"From alice Wed Nov 25 12:00:00 2026\r\n" + USUAL + BODY,
    "no colon": FROM + TO + b"this line has none\r\n" + DATE + ID + BODY,
    "dropped names": b"Return-Path: <old@sender.example>\r\nBcc: eve@rcpt.example\r\nContent-Length: 4\r\n"
    + USUAL
    + BODY,
    "addresses": FROM
    + b"To: bob@rcpt.example,carol@rcpt.example,\r\n  Dave <dave@rcpt.example>\r\nCc:x@y.example\r\n"
    + DATE
    + ID
    + BODY,
    "dots": USUAL + b"\r\n.\r\n..\r\n. .\r\n.a\r\n",
    "body of blank lines": USUAL + b"\r\n\r\n\r\n",
    "bare cr": USUAL + b"\r\na\rb\r\n",
    "long line": USUAL + b"\r\n" + b"x" * 300 + b"\r\n",
}

# Messages for BDAT: DATA cannot carry some of them.
CHUNKED: dict[str, bytes] = {
    "no final line end": USUAL + b"\r\nHi",
    "no final line end in a header": USUAL + b"Subject: cut",
    "bare lf": USUAL + b"Subject: a\nX-Two: b\n\nHi\nBob\r\n",
    "cr at the end": USUAL + b"\r\nHi\r",
    "lone dot": USUAL + b"\r\n.\r\nafter\r\n",
    "empty": b"",
    "nul": USUAL + b"X-Two: a\0b\r\n\r\nc\0d\r\n",
}
