"""What the generator makes, and how a conversation is made small."""

import collections
import unittest

from . import conversations
from .shrink import shrink
from .wire import CALLBACKS, split


class Generated(unittest.TestCase):
    def test_the_same_seed_makes_the_same_conversation(self):
        self.assertEqual(conversations.case(7, 11).script, conversations.case(7, 11).script)
        self.assertNotEqual(conversations.case(7, 11).script, conversations.case(8, 11).script)

    def test_everything_happens(self):
        codes, returned, called, ends = (collections.Counter() for _ in range(4))
        for number in range(600):
            parts = conversations.case(1, number).parts
            sent = [code for code, _ in split(b"".join(parts.frames))[0]]
            codes.update(sent)
            ends["second message"] += sent.count("E") > 1
            ends["every list"] += parts.has_every_list
            for callback, lines in parts.sections:
                called[callback] += 1
                returned.update(line.split(" ")[1] for line in lines if line.startswith("return "))
        for code in "OCHMRTLNBEAKQUD":
            self.assertGreater(codes[code], 40, code)
        self.assertEqual(set(called), set(CALLBACKS))
        self.assertLessEqual({"0", "1", "2", "3", "4", "7", "8", "10"}, set(returned))
        self.assertGreater(ends["second message"], 80)
        self.assertGreater(ends["every list"], 150)

    def test_a_conversation_is_shrunk_to_what_makes_the_difference(self):
        number = next(n for n in range(99) if sum(f[4:5] == b"R" for f in conversations.case(1, n).parts.frames) > 2)

        def differs(parts: conversations.Conversation) -> bool:
            return sum(frame[4:5] == b"R" for frame in parts.frames) > 1

        small = shrink(conversations.case(1, number).parts, differs)
        self.assertEqual([frame[4:5] for frame in small.frames], [b"R", b"R"])
        self.assertEqual(small.sections, [])
