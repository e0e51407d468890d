"""The API: pictures in, readings out. Each route takes the upload, asks the same Reader as the command, answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from inkdigits.doubts import find_doubts
from inkdigits.reader import Reader
from inkdigits.readings import DigitReading, NumberReading, PageReading
from inkdigits.rules import Rule, parse_rules
from inkdigits.store import Store
from inkdigits.web.answers import DigitAnswer, ModelAnswer, NumberAnswer, PageAnswer, answer_of, describe_model
from inkdigits.web.observe import Metrics
from inkdigits.web.problems import describe_problems
from inkdigits.web.uploads import Upload, describe_body, receive_upload
from inkdigits.web.workers import Workers

MOST_TRAINED = 4  # networks trained here that are kept; they are small
RULES = {  # what a number may be: words of parse_rules, but for a file's name
    "length": "How many digits a number has: 5, or 3:5.",
    "range": "Its least and greatest value: 0:150.",
    "pattern": "What it looks like: dd.dd.dddd, d is any digit.",
    "check": "The check its last digits keep: luhn, mod11, ean or iban.",
}
Reading = PageReading | NumberReading | DigitReading


@dataclass(frozen=True)
class Service:
    """What all requests share."""

    readers: dict[str, Reader]  # by name; the first one reads where no other is asked for
    workers: Workers
    store: Store | None = None  # of what is doubtful; without one no picture is kept
    metrics: Metrics = field(default_factory=Metrics)
    training: threading.Lock = field(default_factory=threading.Lock)  # one at a time: it takes a whole core

    def keep(self, reader: Reader) -> str:
        """Keep the reader of a network trained here, in place of the oldest one; return its name."""
        while len(self.readers) > MOST_TRAINED:
            del self.readers[list(self.readers)[1]]
        name = f"{reader.model.metadata.name}-{reader.model.sha256[:8]}"
        self.readers[name] = reader
        return name

    def keep_doubts(self, reading: Reading, picture: bytes, reader: Reader) -> None:
        """Keep what is doubtful in a reading, where there is a store."""
        if self.store is not None:
            model = reader.model if isinstance(reading, DigitReading) else reader.line or reader.model
            self.store.add(find_doubts(reading, picture), model_sha256=model.sha256)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a picture is to be answered."""

    shown: Annotated[bool, Query(description="Send with each digit what the network saw.")] = False
    keep: Annotated[
        bool, Query(description="Keep what is doubtful for the review, where the service was started with a store.")
    ] = True


@dataclass(frozen=True, kw_only=True)
class AskedOfNumbers(Asked):
    """How numbers are to be read and answered."""

    length: Annotated[str | None, Query(description=RULES["length"])] = None
    range: Annotated[str | None, Query(description=RULES["range"])] = None
    pattern: Annotated[str | None, Query(description=RULES["pattern"])] = None
    check: Annotated[str | None, Query(description=RULES["check"])] = None

    def rule(self, fields: Mapping[str, str]) -> Rule | None:
        """Return the rule that parameters and a form's fields make, RuleError if none; an empty one does not count."""
        return parse_rules(**{word: getattr(self, word) or fields.get(word) or None for word in RULES})


class Health(BaseModel):
    """That the service is there."""

    status: str = "ok"


async def find_service(request: Request) -> Service:
    """Return what the app of a request was made with."""
    service: Service = request.app.state.service
    return service


async def find_reader(
    service: Annotated[Service, Depends(find_service)],
    model: Annotated[str, Query(description="A name that /v1/models lists.  [default: the first]")] = "",
) -> Reader:
    """Return the reader that a request asks for."""
    name = model or next(iter(service.readers))
    if name not in service.readers:
        known = ", ".join(service.readers)
        raise HTTPException(422, f"there is no model of the name given; use {known}, or leave it out")
    return service.readers[name]


TheService = Annotated[Service, Depends(find_service)]
TheReader = Annotated[Reader, Depends(find_reader)]
TheAsked = Annotated[Asked, Depends()]
TheAskedOfNumbers = Annotated[AskedOfNumbers, Depends()]
TAKES_PICTURE: dict[str, Any] = {
    "openapi_extra": {"requestBody": describe_body({})},
    "responses": describe_problems(400, 401, 403, 408, 413, 422, 503, 507),
    "response_model_exclude_unset": True,
    "tags": ["reading"],
}
TAKES_NUMBERS = TAKES_PICTURE | {"openapi_extra": {"requestBody": describe_body(RULES)}}
TELLS: dict[str, Any] = {"responses": describe_problems(401, 403), "tags": ["service"]}
router = APIRouter(prefix="/v1")


@router.post("/read", response_model=PageAnswer, **TAKES_NUMBERS)
async def read(request: Request, service: TheService, reader: TheReader, asked: TheAskedOfNumbers) -> dict[str, Any]:
    """Read all numbers on a picture."""
    return await _read(request, service, reader, reader.read, asked)


@router.post("/read-number", response_model=NumberAnswer, **TAKES_NUMBERS)
async def read_number(
    request: Request, service: TheService, reader: TheReader, asked: TheAskedOfNumbers
) -> dict[str, Any]:
    """Read a crop that holds one number, however its digits are spaced."""
    return await _read(request, service, reader, reader.read_number, asked)


@router.post("/read-digit", response_model=DigitAnswer, **TAKES_PICTURE)
async def read_digit(request: Request, service: TheService, reader: TheReader, asked: TheAsked) -> dict[str, Any]:
    """Read a crop that holds one digit."""
    return await _read(request, service, reader, reader.read_digit, asked)


@router.get("/models", **TELLS)
async def models(service: TheService) -> list[ModelAnswer]:
    """List the models that read here, the default first."""
    return [describe_model(name, reader.model) for name, reader in service.readers.items()]


@router.get("/health", tags=["service"])
async def health() -> Health:
    """Tell that the service is there; needs no token."""
    return Health()


@router.get("/metrics", response_class=PlainTextResponse, **TELLS)
async def metrics(service: TheService) -> str:
    """Tell counts of requests, their seconds and how full the service is, as Prometheus reads them."""
    return service.metrics.to_text(places_taken=service.workers.taken, places=service.workers.places)


async def _read(
    request: Request, service: Service, reader: Reader, read_picture: Callable[..., Reading], asked: Asked
) -> dict[str, Any]:
    """Take the upload once there is a place for it, read it off the event loop."""
    async with service.workers.place():
        upload = await receive_upload(request)
        return await service.workers.run(lambda: _answer(service, reader, read_picture, upload, asked))


def _answer(
    service: Service, reader: Reader, read_picture: Callable[..., Reading], upload: Upload, asked: Asked
) -> dict[str, Any]:
    options = {"rule": asked.rule(upload.fields)} if isinstance(asked, AskedOfNumbers) else {}
    reading = read_picture(upload.picture, **options)
    if asked.keep:
        service.keep_doubts(reading, upload.picture, reader)
    return answer_of(reading, shown=asked.shown)
