"""A deadline: a process ends itself when its time is up, even in a library that never comes back."""

from __future__ import annotations

import signal
import sys

if sys.platform == "win32":
    import faulthandler
    import os

    PASSED = 1  # exit status of a process whose time was up
    _NOWHERE = open(os.devnull, "w")  # noqa: PTH123, SIM115 - a device; for what faulthandler would say

    def end_in(seconds: float) -> None:
        """End this process then, whatever it does; never for 0."""
        faulthandler.cancel_dump_traceback_later()
        if seconds:
            faulthandler.dump_traceback_later(seconds, exit=True, file=_NOWHERE)

else:
    PASSED = -signal.SIGALRM  # exit status of a process whose time was up, as subprocess has it

    def end_in(seconds: float) -> None:
        """End this process then, whatever it does; never for 0. A thread that watches would cost more than a digit."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # who started this process may ignore it
        signal.setitimer(signal.ITIMER_REAL, seconds)
