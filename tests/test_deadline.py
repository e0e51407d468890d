"""A process ends when its time is up."""

from __future__ import annotations

import subprocess
import sys

from inkdigits.deadline import PASSED

SLEEPER = """
import signal, time
if hasattr(signal, "SIGALRM"):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
from inkdigits.deadline import end_in
end_in(0.2)
time.sleep(100)
"""


def test_time_is_up_even_where_alarms_are_ignored() -> None:
    """The process ends with the status that says so, and without a word; who started it may have ignored its signal."""
    ended = subprocess.run([sys.executable, "-c", SLEEPER], capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (PASSED, b"", b"")
