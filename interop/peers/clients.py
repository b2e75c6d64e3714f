"""MTA's sides of libraries, and a test tool: each with a program of ours on it that asks a filter about one message."""

from lab.peer import Peer, debian

from .filter import HERE
from .libraries import GO_MILTER, crate

GO_CLIENT = Peer("go-milter client", GO_MILTER.group, GO_MILTER.install, GO_MILTER.version)
MILTERTEST = debian("miltertest", "miltertest")
MILTERTEST_SCRIPT = HERE / "miltertest" / "letter.lua"
MILTR_CLIENT = crate("miltr-client", "0.1.3", "miltr")
INDYMILTER_TEST = crate("indymilter-test", "0.2.0", "indymilter")
