"""`inkdigits serve` as a process: it says where it listens, and ends when told to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command on a free port; yield the process and the address that it says."""
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stderr.readline().split()[2]  # type: ignore[union-attr]  # it is a pipe
        finally:
            process.kill()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(end: signal.Signals) -> None:
    """The address it says answers; SIGTERM and Ctrl-C end it with status 0 and no traceback."""
    with serving() as (process, address):
        with urllib.request.urlopen(f"{address}v1/health") as answer:  # noqa: S310 - our own address
            assert answer.status == 200
        process.send_signal(end)
        _, log = process.communicate(timeout=30)
        assert (process.returncode, "Traceback" in log) == (0, False)


def test_a_taken_port_is_said_in_words() -> None:
    """A port that another program has is refused with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "inkdigits", "serve", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "choose another --host or --port" in done.stderr.splitlines()[-1]


def test_a_refusal_reaches_who_is_still_sending() -> None:
    """A client whose large upload is refused at once gets the answer, not a broken connection."""
    with serving() as (_, address):
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{address}v1/read", data=bytes(15_000_000), headers={"Origin": "http://evil.example"}
        )
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request)  # noqa: S310
        assert refusal.value.code == 403
        refusal.value.close()
