"""Workers: a few threads that read, and a bounded number of places for those who wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from starlette.exceptions import HTTPException

Answer = TypeVar("Answer")


class Workers:
    """Runs jobs off the event loop, some at once; who finds all places taken is asked to come again.

    Parameters
    ----------
    threads
        Jobs that run at once.
    places
        Requests that are held at once, those that run among them. It bounds the memory: a request without a place
        has sent no picture yet.
    limit_s
        Seconds that a request may wait and run for.
    """

    def __init__(self, *, threads: int, places: int, limit_s: float) -> None:
        self.places = places
        self.taken = 0
        self._limit_s = limit_s
        self._free = asyncio.Semaphore(threads)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place for as long as the block runs; HTTPException 503 if there is none."""
        if self.taken >= self.places:
            raise HTTPException(503, "the service is busy; come again in a second", {"Retry-After": "1"})
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run(self, job: Callable[[], Answer]) -> Answer:
        """Return what a job returns; HTTPException 503 if it is not done in time.

        A thread cannot be stopped: a late job keeps its thread until it is done, its answer is dropped.
        """
        try:
            async with asyncio.timeout(self._limit_s):
                await self._free.acquire()
                running = asyncio.ensure_future(asyncio.to_thread(job))
                running.add_done_callback(lambda _: self._free.release())
                return await asyncio.shield(running)
        except TimeoutError:
            detail = f"not done within {self._limit_s:g} s; try a smaller picture, or come again when less is going on"
            raise HTTPException(503, detail, {"Retry-After": "5"}) from None
