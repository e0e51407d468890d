"""Progress of long work, on stderr: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

LINE_EVERY = 5.0  # seconds between progress lines where there is no terminal

Show = Callable[[str, float, float], None]  # what is being done, how much of it is done, of how much


@contextmanager
def show_progress(*, bar: bool = True, at_once: bool = False, left: str = "about") -> Iterator[Show]:
    """Show how far long work is and how long it will take: a bar on a terminal, lines elsewhere or beside results."""
    if bar and sys.stderr.isatty():
        from rich import progress
        from rich.console import Console

        columns = (
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as shown:
            task = shown.add_task("", total=None, visible=False)
            yield lambda what, done, total: shown.update(
                task, description=what, completed=done, total=total, visible=True
            )
    else:
        yield _line_progress(at_once, left)


@contextmanager
def show_waiting(what: str) -> Iterator[None]:
    """Say what takes long, with a sign of life on a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        click.echo(f"{what} ...", err=True)
    with console.status(what):
        yield


def _line_progress(at_once: bool, left: str) -> Show:
    started = time.monotonic()
    said = started - LINE_EVERY if at_once else started

    def say(what: str, done: float, total: float) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= LINE_EVERY and done:
            said = now
            click.echo(f"{what}  {left} {(now - started) / done * (total - done):.0f} s left", err=True)

    return say
