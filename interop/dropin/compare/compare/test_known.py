"""What the rows of known.py forgive, and what they do not."""

import unittest

from .known import ROWS, explain
from .player import Case, Outcome, conversation
from .scripts import script, section
from .wire import frame, macros, offer

STREAM = offer() + macros("M", b"i", b"Q1") + frame("M", b"<a>\0")


def never(case: Case) -> tuple[Outcome, Outcome]:
    raise AssertionError("nothing has to be played")


class Forgiven(unittest.TestCase):
    def explained(self, theirs: Outcome, mine: Outcome, *sections: str) -> list[str] | None:
        """The rows that explain a difference; `None` if they do not."""
        case = Case("test", script(*sections), conversation(STREAM))
        left, names = explain(case, theirs, mine, never)
        return names if left == theirs else None

    def test_an_old_macro_that_was_sent(self):
        theirs, mine = ["close", "  i=Q1", "  j=x"], ["close", "  j=x"]
        self.assertEqual(self.explained(Outcome(theirs), Outcome(mine)), ["old-macros"])

    def test_no_macro_that_was_never_sent(self):
        self.assertIsNone(self.explained(Outcome(["close", "  i=Q2"]), Outcome(["close"])))

    def test_no_macro_that_only_ours_shows(self):
        self.assertIsNone(self.explained(Outcome(["close"]), Outcome(["close", "  i=Q1"])))

    def test_progress_in_the_abort_callback(self):
        theirs = Outcome(["abort", "  progress = 0"], [frame("c") + frame("p") + frame("c")])
        mine = Outcome(["abort", "  progress = -1"], [frame("c") + frame("c")])
        self.assertEqual(self.explained(theirs, mine), ["out-of-turn"])

    def test_no_progress_that_is_missing_while_a_reply_is_outstanding(self):
        theirs, mine = Outcome(["eom", "  progress = 0"], [frame("p")]), Outcome(["eom", "  progress = -1"], [b""])
        self.assertIsNone(self.explained(theirs, mine))

    def test_progress_where_no_reply_was_promised(self):
        theirs = Outcome(["header", "  progress = 0"], [frame("p")])
        mine = Outcome(["header", "  progress = -1"], [b""])
        promise = section("negotiate", f"put 0x1ff {0x80} 0 0")
        self.assertEqual(self.explained(theirs, mine, promise), ["out-of-turn"])
        self.assertIsNone(self.explained(theirs, mine))

    def test_no_edit_that_is_missing_at_the_end_of_a_message(self):
        theirs = Outcome(["eom", "  addrcpt = 0"], [frame("+", b"a\0")])
        self.assertIsNone(self.explained(theirs, Outcome(["eom", "  addrcpt = -1"], [b""])))

    def test_no_frame_without_its_call(self):
        theirs = Outcome(["close", "  addrcpt = 0"], [frame("+", b"a\0") + frame("-", b"a\0")])
        self.assertIsNone(self.explained(theirs, Outcome(["close", "  addrcpt = -1"], [b""])))

    def test_a_reply_without_a_last_line(self):
        theirs, mine = Outcome([], [frame("y", b"550-5.7.1\0")]), Outcome([], [frame("r")])
        self.assertEqual(self.explained(theirs, mine), ["empty-reply"])

    def test_no_reply_of_the_other_class(self):
        self.assertIsNone(self.explained(Outcome([], [frame("y", b"550-5.7.1\0")]), Outcome([], [frame("t")])))

    def test_no_reply_with_a_text(self):
        self.assertIsNone(self.explained(Outcome([], [frame("y", b"550 5.7.1 no\0")]), Outcome([], [frame("r")])))

    def test_every_row_has_a_name_of_its_own_and_one_remedy(self):
        self.assertEqual(len({row.name for row in ROWS}), len(ROWS))
        for row in ROWS:
            self.assertNotEqual(row.forgive is None, row.check is None, row.name)
            self.assertEqual(row.check is None, row.cases == "", row.name)
