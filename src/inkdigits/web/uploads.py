"""A request -> the picture in it, and the fields of its form. They stay in memory; no name in it is used as a path."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from inkdigits.errors import one_line
from inkdigits.web.guard import MAX_BYTES

FIELD = "picture"
LIMIT_S = 30.0  # for the upload; 20 MB come through at 5 Mbit/s
MAX_FIELDS = 8  # besides the file; twice as many as there are
HOW = f"send the picture as the body of the request, or as the file '{FIELD}' of a multipart form"


@dataclass(frozen=True)
class Upload:
    """What a request brings."""

    picture: bytes
    fields: Mapping[str, str] = field(default_factory=dict)  # of a form, besides the file


def describe_body(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return what OpenAPI has to know of an upload whose form may have fields, given with their descriptions."""
    texts = {name: {"type": "string", "description": description} for name, description in fields.items()}
    return {
        "required": True,
        "description": "PNG, JPEG, WebP, TIFF, BMP, GIF or PDF: as the body, of any content type, or as a form's file.",
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}, **texts},
                }
            },
        },
    }


async def receive_upload(request: Request, *, limit_s: float = LIMIT_S) -> Upload:
    """Return what a request brings; HTTPException if there is no picture or it comes too slowly."""
    try:
        async with asyncio.timeout(limit_s):
            is_form = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
            upload = await _receive_form(request) if is_form else Upload(await request.body())
    except ClientDisconnect:
        raise HTTPException(400, "the upload was cut off; send it again") from None
    except TimeoutError:
        raise HTTPException(408, f"the upload took more than {limit_s:g} s; send a smaller picture") from None
    if not upload.picture:
        raise HTTPException(422, f"there is no picture in the request; {HOW}")
    return upload


async def _receive_form(request: Request) -> Upload:
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=MAX_FIELDS)
    parser.spool_max_size = MAX_BYTES  # or it would put larger files on disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, f"cannot take the form apart: {one_line(error.message)}; {HOW}") from None
    try:
        file = form.get(FIELD)
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        return Upload(await file.read() if isinstance(file, UploadFile) else b"", fields)
    finally:
        await form.close()
