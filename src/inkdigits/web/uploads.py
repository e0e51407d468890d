"""A request -> the bytes of the picture in it. They stay in memory; no name from a request is used as a path."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from inkdigits.errors import one_line
from inkdigits.web.guard import MAX_BYTES

FIELD = "picture"
LIMIT_S = 30.0  # for the upload; 20 MB come through at 5 Mbit/s
MAX_FIELDS = 8  # besides the file; nobody needs one
HOW = f"send the picture as the body of the request, or as the file '{FIELD}' of a multipart form"
REQUEST_BODY = {  # what OpenAPI has to know
    "required": True,
    "description": "PNG, JPEG, WebP, TIFF, BMP, GIF or PDF: as the body, of any content type, or as a form's file.",
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "string", "format": "binary"}},
            }
        },
    },
}


async def receive_picture(request: Request, *, limit_s: float = LIMIT_S) -> bytes:
    """Return the picture that a request brings; HTTPException if there is none or it comes too slowly."""
    try:
        async with asyncio.timeout(limit_s):
            is_form = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
            picture = await _receive_file(request) if is_form else await request.body()
    except ClientDisconnect:
        raise HTTPException(400, "the upload was cut off; send it again") from None
    except TimeoutError:
        raise HTTPException(408, f"the upload took more than {limit_s:g} s; send a smaller picture") from None
    if not picture:
        raise HTTPException(422, f"there is no picture in the request; {HOW}")
    return picture


async def _receive_file(request: Request) -> bytes:
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=MAX_FIELDS)
    parser.spool_max_size = MAX_BYTES  # or it would put larger files on disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, f"cannot take the form apart: {one_line(error.message)}; {HOW}") from None
    try:
        file = form.get(FIELD)
        return await file.read() if isinstance(file, UploadFile) else b""
    finally:
        await form.close()
