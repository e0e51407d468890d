"""The service under load and under bad uploads: `python benchmarks/service.py [SECONDS]`, on loopback.

Starts `inkdigits serve` and prints: seconds to its first answer; readings per second and the 99th percentile with 20
clients posting single digits; statuses with 200 clients at once; memory after 50 photos at once; statuses of 10,000
malformed uploads.
"""

from __future__ import annotations

import asyncio
import io
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from inkdigits.datasets import load_digits
from inkdigits.pictures import encode_png

PHOTO = Path(__file__).parent.parent / "examples" / "page.jpg"
MALFORMED = 10_000


def main(seconds: float) -> None:
    """Print a line per measurement."""
    with serving() as (pid, host, port):
        ask = Asker(host, port)
        digit = encode_png(255 - np.kron(load_digits().images[0], np.ones((8, 8), np.uint8)) * 15)
        load(ask, pid, digit, seconds)
        crowd(ask, pid, "200 clients at once", [post("/v1/read-digit", digit)] * 2000, clients=200)
        photo = enlarge(PHOTO, 4000)
        crowd(ask, pid, "50 photos of 12 megapixels at once", [post("/v1/read", photo)] * 50, clients=50)
        bad = [malformed(seed, digit) for seed in range(MALFORMED)]
        crowd(ask, pid, f"{MALFORMED} malformed uploads", bad, clients=20)


@contextmanager
def serving() -> Iterator[tuple[int, str, int]]:
    """Start the service; yield its process id and its address. Its log goes nowhere."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        address = urlsplit(process.stderr.readline().split()[2])
        threading.Thread(target=process.stderr.read, daemon=True).start()  # or the pipe would fill up
        host, port = str(address.hostname), int(address.port or 0)
        asyncio.run(Asker(host, port)(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        print(f"first answer after {time.perf_counter() - started:.2f} s")
        yield process.pid, host, port
        process.terminate()


class Asker:
    """Sends one request on a connection of its own and returns the status; 0 where there is none."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    async def __call__(self, request: bytes) -> int:
        """Send, and read to the end."""
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            writer.write(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            answer = await asyncio.wait_for(reader.read(), 60)
            writer.close()
            return int(answer.split(b" ", 2)[1]) if answer else 0
        except (OSError, TimeoutError, IndexError):
            return 0


def load(ask: Asker, pid: int, digit: bytes, seconds: float) -> None:
    """Let 20 clients post single digits for some seconds."""
    statuses: Counter[int] = Counter()
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def client() -> None:
        while time.perf_counter() < end:
            started = time.perf_counter()
            statuses[await ask(post("/v1/read-digit", digit))] += 1
            times.append(time.perf_counter() - started)

    async def clients() -> None:
        await asyncio.gather(*(client() for _ in range(20)))

    asyncio.run(clients())
    p50, p99 = np.percentile(times, [50, 99]) * 1000
    rate = len(times) / seconds
    print(f"20 clients: {rate:.0f}/s, p50 {p50:.0f} ms, p99 {p99:.0f} ms, {dict(statuses)}, {memory(pid)} MB")


def crowd(ask: Asker, pid: int, name: str, requests: list[bytes], *, clients: int) -> None:
    """Let clients share out requests."""
    before, statuses = memory(pid), Counter[int]()
    left = iter(requests)

    async def client() -> None:
        for request in left:
            statuses[await ask(request)] += 1

    async def all_clients() -> None:
        await asyncio.gather(*(client() for _ in range(clients)))

    started = time.perf_counter()
    asyncio.run(all_clients())
    took = time.perf_counter() - started
    held = f"memory {before} -> {memory(pid)} MB, peak {memory(pid, 'VmHWM')} MB"
    print(f"{name}: {dict(sorted(statuses.items()))} in {took:.1f} s; {held}")


def post(path: str, body: bytes, headers: bytes = b"") -> bytes:
    """Return a request."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n".encode()
    return head + headers + b"\r\n" + body


def malformed(seed: int, picture: bytes) -> bytes:
    """Return a request that holds no readable picture."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    kinds: list[Callable[[random.Random, bytes], bytes]] = [truncated, flipped, noise, odd_form, bomb]
    return kinds[seed % len(kinds)](rng, picture)


def truncated(rng: random.Random, picture: bytes) -> bytes:
    """Cut a picture off."""
    return post("/v1/read", picture[: rng.randrange(60)])


def flipped(rng: random.Random, picture: bytes) -> bytes:
    """Overwrite a picture's header."""
    broken = bytearray(picture)
    for _ in range(8):
        broken[rng.randrange(33)] = rng.randrange(256)
    broken[rng.randrange(8)] ^= 0xFF
    return post("/v1/read-number", bytes(broken))


def noise(rng: random.Random, _: bytes) -> bytes:
    """Send random bytes."""
    return post("/v1/read-digit", rng.randbytes(rng.randrange(5000)))


def odd_form(rng: random.Random, picture: bytes) -> bytes:
    """Change bytes of a multipart form."""
    form = (
        b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n' + picture[:50] + b"\r\n--x--\r\n"
    )
    broken = bytearray(form)
    for _ in range(rng.randrange(1, 20)):
        broken[rng.randrange(len(broken))] = rng.randrange(256)
    return post("/v1/read", bytes(broken), b"Content-Type: multipart/form-data; boundary=x\r\n")


def bomb(rng: random.Random, _: bytes) -> bytes:
    """Let a picture claim to be huge."""
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "BMP")
    broken = bytearray(buffer.getvalue())
    broken[18:26] = rng.randrange(20_000, 2**30).to_bytes(4, "little") * 2
    return post("/v1/read", bytes(broken))


def enlarge(path: Path, width: int) -> bytes:
    """Return a picture as a JPEG of some width."""
    with Image.open(path) as image:
        buffer = io.BytesIO()
        image.resize((width, width * image.height // image.width)).save(buffer, "JPEG", quality=92)
        return buffer.getvalue()


def memory(pid: int, field: str = "VmRSS") -> int:
    """Return how much memory a process holds, in MB."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
