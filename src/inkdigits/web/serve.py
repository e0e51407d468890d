"""Serving: an address, a token where others can reach it, and a clean end."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from inkdigits.errors import ServiceError, reason_of
from inkdigits.reader import Reader
from inkdigits.store import Store
from inkdigits.web.app import create_app
from inkdigits.web.guard import LOOPBACK_NAMES
from inkdigits.web.observe import JsonFormatter

MIN_TOKEN = 16  # characters; a shorter one can be guessed
MOST_CONNECTIONS = 1000  # more are answered with 503 at once
FINISH_S = 30  # seconds that open requests have to end in when the service is stopped
HOW_TO_TOKEN = "python -c 'import secrets; print(secrets.token_urlsafe())' > token"  # noqa: S105 - a command


def serve(
    reader: Reader,
    *,
    host: str = "127.0.0.1",
    port: int = 8020,
    token_file: Path | None = None,
    store: Store | None = None,
    open_page: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the API and the page until Ctrl-C or SIGTERM; what is held by then is finished.

    Parameters
    ----------
    reader
        Who reads.
    host, port
        Where to listen; port 0 is any free one. On an address that others can reach a token is demanded.
    token_file
        A file with the token that callers have to know.
    store
        Where doubtful readings and corrections are kept; without one no picture is.
    open_page
        Open the page in the browser.
    say
        Told where the service listens.

    Raises
    ------
    ServiceError
        If the address cannot be had, or the token is missing, too short or cannot be read.
    """
    token = None if token_file is None else _read_token(token_file)
    loopback = _is_loopback(host)
    if token is None and not loopback:
        raise ServiceError(
            f"cannot serve on {host} without a token: others can reach it; make one with {HOW_TO_TOKEN} and give "
            "--token-file token"
        )
    app = create_app(reader, store=store, token=token, hosts=LOOPBACK_NAMES | {host} if loopback else None)
    with _listen(host, port) as listening:
        url = _url(listening)
        say(f"listening on {url} (Ctrl-C stops it)")
        _log_as_json()
        if open_page:
            webbrowser.open(url)
        _run(app, listening)


def _run(app: FastAPI, listening: socket.socket) -> None:
    """Run until a signal comes; uvicorn passes it on when all is finished, and then there is nothing left to stop."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=FINISH_S,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        sys.exit(0)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise ServiceError(
            f"cannot listen on {host}, port {port}: {reason_of(error)}; choose another --host or --port"
        ) from error


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ServiceError(f"cannot read the token file '{path}': {reason_of(error)}; {HOW_TO_TOKEN}") from error
    if len(token) < MIN_TOKEN:
        raise ServiceError(
            f"the token in '{path}' has {len(token)} characters, at least {MIN_TOKEN} are needed; {HOW_TO_TOKEN}"
        )
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _log_as_json() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("inkdigits").setLevel(logging.INFO)
