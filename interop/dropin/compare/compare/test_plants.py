"""The comparison finds the faults of plant.c, and nothing where there is none."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "target"
# A fault, and cases that have to show it.
PLANTS = (
    ("reply-class", "replies/1/0"),
    ("reply-text", "replies/4/"),
    ("macro", "conversation/1"),
    ("index", "calls/eom/action-0x10"),
    ("progress", "timing/progress"),
    ("list", "negotiate/returns/0"),
    ("crash", "setup/everything-first"),
    ("stop", "stops/before-main"),
    ("byte", "calls/eom/action-0x4"),
)


def compare(only: str, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "compare", "--program", TARGET / "filter", "--only", only, "--conversations", "20"]
    environment = {**os.environ, "PYTHONPATH": str(TARGET.parent)}
    return subprocess.run(
        [*command, "--limit", "3", *options], env=environment, capture_output=True, text=True, check=False
    )


class Planted(unittest.TestCase):
    def test_faults_are_found(self):
        for plant, only in PLANTS:
            with self.subTest(plant):
                result = compare(only, "--plant", plant)
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertIn("DIFFERENT: ", result.stdout)

    def test_nothing_is_found_without_a_fault(self):
        for only in sorted({only for _, only in PLANTS}):
            with self.subTest(only):
                result = compare(only)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
