"""What milter-check is told about each program: which message makes it do what."""

from pathlib import Path

Profile = str

# A filter of this folder on a library, with the rules of subjects.py: every message is edited.
LIBRARY = """\
[messages.edit]
[messages.replace-body]
[messages.reject]
recipients = ["<refused@example.net>"]
"""

# It shows the value of the macro i.
SHOWS_MACRO = "[messages.macro]\n"

# A filter that does something with mail, but not on demand.
APPLICATION = ""

OF_APPLICATION = {
    "OpenDKIM": """\
[messages.edit]
headers = ["From: <sender@example.com>", "To: recipient@example.net", "Subject: to be signed"]
""",
    "OpenDMARC": "[messages.edit]\n",
    "rspamd": """\
[messages.edit]
[messages.reject]
body = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\\r\\n"
""",
    "clamav-milter": "[messages.edit]\n",
    "spamass-milter": """\
[messages.edit]
[messages.reject]
body = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\\r\\n"
""",
    "amavisd-milter": """\
[messages.edit]
add-headers = ["X-Stub: pass"]
[messages.reject]
add-headers = ["X-Stub: reject"]
""",
}


# The laboratory's mail servers refuse one address themselves.
MTA = """\
helo = "client.example"
sender = "sender@example.org"
recipients = ["recipient@example.net", "other@example.net"]
refused = "nobody@rcpt.example"
failure = "tempfail"

[timeouts]
"""
POSTFIX_PROFILE = MTA + "command = 3\ncontent = 5\nend-of-message = 5\n"
SENDMAIL_PROFILE = MTA + "command = 3\ncontent = 3\nend-of-message = 3\n"

# What the simulators' scripts send.
CLIENT_PROFILE = """\
helo = "client.example.org"
sender = "sender@example.org"
recipients = ["recipient@example.org", "other@example.org"]
failure = "tempfail"
"""


def written(home: Path, profile: Profile) -> Path:
    """The profile as a file."""
    file = home / "profile.toml"
    file.write_text(profile)
    return file
