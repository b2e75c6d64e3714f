"""The peer of these scenarios: a few sockets of this laboratory."""

import platform

from lab.peer import Peer, peer

FAULTS = peer(Peer("faults", "faults", lambda: None, platform.python_version))
