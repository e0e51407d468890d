"""The review: what was doubtful comes out of the store, what a person says of it goes in."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from inkdigits.store import SAID, Item, Store
from inkdigits.web.api import TheService
from inkdigits.web.problems import describe_problems

MOST_ITEMS = 100  # that are asked for or answered at once: a screen full
LARGEST_ID = 2**63 - 1  # that SQLite knows

router = APIRouter(prefix="/v1/review", tags=["reviewing"])


class ItemAnswer(BaseModel):
    """A doubtful reading."""

    id: int
    text: str = Field(description="what was read; empty: no digit")
    confidence: float = Field(ge=0, le=1)
    reason: str = Field(description="why it is doubtful")
    model_sha256: str = Field(description="the hash of the model file that read it")
    source: str = Field(description="the file it comes from, of a batch; else empty")
    read_at: str = Field(description="when, UTC")
    picture: str = Field(description="a PNG in base64")


class ReviewAnswer(BaseModel):
    """What is to be looked at next."""

    on: bool = Field(description="whether doubtful readings are kept here")
    waiting: int = Field(description="how many nobody has looked at")
    items: list[ItemAnswer] = Field(description="of the same digit, or no digits, or numbers; the least sure first")


class Said(BaseModel):
    """What a person says of a picture."""

    id: int = Field(ge=1, le=LARGEST_ID)
    text: str = Field(pattern=f"^{SAID.pattern}$", description="the digits on it; empty where there is no number")


class Answers(BaseModel):
    """What a person says of some pictures: all is kept, or nothing."""

    answers: list[Said] = Field(min_length=1, max_length=MOST_ITEMS)


class Waiting(BaseModel):
    """How much is left."""

    waiting: int


async def find_store(service: TheService) -> Store:
    """Return the store, HTTPException if there is none."""
    if service.store is None:
        raise HTTPException(404, "nothing is kept here to be reviewed; start the service with --store FILE")
    return service.store


TheStore = Annotated[Store, Depends(find_store)]


@router.get("", responses=describe_problems(401, 403, 422, 503, 507))
async def next_items(
    service: TheService,
    limit: Annotated[int, Query(ge=1, le=MOST_ITEMS, description="How many at most.")] = 24,
) -> ReviewAnswer:
    """Tell what is to be looked at next: doubtful readings of the same digit, of the one with the most first."""
    store = service.store
    if store is None:
        return ReviewAnswer(on=False, waiting=0, items=[])
    items, waiting = await service.workers.run(lambda: (store.next_items(limit), store.count_waiting()))
    return ReviewAnswer(on=True, waiting=waiting, items=[ItemAnswer(**_describe(item)) for item in items])


@router.post("/answers", responses=describe_problems(400, 401, 403, 404, 413, 422, 503, 507))
async def answer(asked: Answers, service: TheService, store: TheStore) -> Waiting:
    """Keep what a person says of some pictures; said again, the last word counts."""
    said = {one.id: one.text for one in asked.answers}
    await service.workers.run(lambda: store.answer(said))
    return Waiting(waiting=await service.workers.run(store.count_waiting))


@router.delete("/items/{number}", status_code=204, responses=describe_problems(401, 403, 404, 422, 503, 507))
async def delete(number: Annotated[int, Path(ge=1, le=LARGEST_ID)], service: TheService, store: TheStore) -> None:
    """Delete a picture and everything about it."""
    await service.workers.run(lambda: store.delete(number))


def _describe(item: Item) -> dict[str, Any]:
    values = {name: getattr(item, name) for name in ItemAnswer.model_fields}
    return values | {"picture": b64encode(item.picture).decode()}
