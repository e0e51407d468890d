"""Guard: who may ask, from which page, how much may be sent, and what a browser is told to be careful with."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkdigits.web.problems import ProblemResponse

MAX_BYTES = 20_000_000  # of a request; the largest photos of phones have half of it
DROP_S = 5.0  # for the rest of a request that is refused
OPEN_TO_ALL = "/v1/health"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """ASGI middleware that refuses who has no token, what a page of another origin sends, and what is too large.

    Parameters
    ----------
    app
        What is guarded.
    token
        What a caller has to know, or None on a machine's own address. Programs send it as a bearer token, browsers as
        the password that they ask for.
    hosts
        The names by which the service may be called, or None for any: a foreign name that leads to this machine's own
        address is the way in of DNS rebinding.
    """

    def __init__(self, app: ASGIApp, *, token: str | None = None, hosts: frozenset[str] | None = None) -> None:
        self.app = app
        self._token = token
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        received, more = 0, scope["method"] not in SAFE_METHODS

        async def receive_within_limit() -> Message:
            nonlocal received, more
            message = await receive()
            received, more = received + len(message.get("body", b"")), message.get("more_body", False)
            if received > MAX_BYTES:
                more = False  # the rest is not waited for
                raise HTTPException(413, f"the request has more than {MAX_BYTES:,} bytes; send a smaller picture")
            return message

        async def drop_the_rest() -> None:
            """Take in what is still to come: a client that is cut off while it sends does not see the refusal."""
            with suppress(HTTPException, TimeoutError):
                async with asyncio.timeout(DROP_S):
                    while more:
                        await receive_within_limit()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                await drop_the_rest()
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await (self._refuse(Request(scope)) or self.app)(scope, receive_within_limit, send_with_headers)

    def _refuse(self, request: Request) -> ProblemResponse | None:
        host = _host_name(request.headers.get("host", ""))
        if self._hosts is not None and host not in self._hosts:
            return ProblemResponse(403, "the service is not called by its own name; open it as http://localhost")
        if request.method not in SAFE_METHODS and not _is_same_origin(request.headers):
            return ProblemResponse(403, "the request comes from a page of another origin; use the service's own page")
        if self._token is not None and request.scope["path"] != OPEN_TO_ALL and not self._knows_token(request.headers):
            detail = "the token is missing or wrong; send 'Authorization: Bearer TOKEN', or it as the password"
            challenge = 'Basic realm="inkdigits: the token is the password", charset="UTF-8"'
            return ProblemResponse(401, detail, {"WWW-Authenticate": challenge})
        return None

    def _knows_token(self, headers: Headers) -> bool:
        expected = (self._token or "").encode()
        return secrets.compare_digest(_given_token(headers.get("authorization", "")), expected)


def _given_token(authorization: str) -> bytes:
    """Return the token of a bearer, or the password of a browser."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip().encode()
    try:
        return base64.b64decode(given, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def _is_same_origin(headers: Headers) -> bool:
    """Whether a request is from our own page or from no page at all; browsers say which, programs say nothing."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _host_name(host: str) -> str:
    """Return a Host header without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
