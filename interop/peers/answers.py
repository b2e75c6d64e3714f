"""What each filter answers to the offer of everything, and whether our MTA may reuse its connection.

`QUIT_NC` is a command of version 6, and libmilter takes it only behind a message that its filter let run to the end.
"""

ANSWERS = {
    "libmilter": "6 0x1ff 0x0",
    "pymilter": "6 0x1ff 0x400",
    "Sendmail::PMilter": "2 0x3f 0x0",
    "go-milter": "2 0x7f 0x0",
    "python-libmilter": "6 0x1ff 0x400",
    "purepythonmilter": '6 0x1ff 0x400 CONNECT "" HELO "" MAIL "" RCPT "" DATA "" EOH "" BODYEOB ""',
    "kilter.protocol": "6 0x1ff 0x400",
    "indymilter": "6 0x1ff 0x400",
    "miltr-server": "6 0xff 0x0",
    "OpenDKIM": "6 0x111 0x100702",
    "OpenDMARC": "6 0x21 0x710",
    "rspamd": "6 0x1ff 0xff080",
    "clamav-milter": "6 0x21 0x342",
    "spamass-milter": "6 0x13 0x300",
    "amavisd-milter": "6 0x1d 0x300",
    "dkimpy-milter": "6 0x1ff 0xc578a",
}
ACCEPTING = {"OpenDKIM", "OpenDMARC", "rspamd", "clamav-milter"}
