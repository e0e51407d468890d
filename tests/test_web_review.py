"""The review over HTTP: what is doubtful is kept where there is a store, comes in groups, is answered or deleted."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from inkdigits import Reader
from inkdigits.doubts import Doubt
from inkdigits.errors import StoreError
from inkdigits.pictures import encode_png
from inkdigits.store import Store
from inkdigits.web.app import create_app

TOKEN = "correct-horse-battery-staple"  # noqa: S105 - a made-up one
HALF = np.pad(np.zeros((60, 8), np.uint8), ((40, 0), (40, 40)), constant_values=255)  # a 1 that the border cuts off


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store with nothing in it."""
    with Store(tmp_path / "store.db") as store:
        yield store


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    """Ask a service with that store."""
    with TestClient(create_app(store=store)) as client:
        yield client


@pytest.fixture
def page(draw: Callable[..., NDArray[np.uint8]]) -> bytes:
    """Return a page with the number 30 and a doubtful 1."""
    page = draw("30")
    return encode_png(np.vstack([page, np.pad(HALF, ((0, 0), (0, page.shape[1] - 88)), constant_values=255)]))


def keep(store: Store, *texts: str) -> None:
    """Put doubtful readings into a store."""
    doubts = [
        Doubt(picture=f"{n} {text}".encode(), text=text, confidence=0.5, reason="") for n, text in enumerate(texts)
    ]
    store.add(doubts, model_sha256="b1946ac9")


def test_what_is_doubtful_is_kept(client: TestClient, page: bytes) -> None:
    """The doubtful digit of a page comes with its picture and its model; the sure ones are not kept."""
    assert [number["accepted"] for number in client.post("/v1/read", content=page).json()["numbers"]] == [True, False]
    review = client.get("/v1/review").json()
    [item] = review.pop("items")
    assert review == {"on": True, "waiting": 1}
    line = Reader().line
    assert line is not None
    assert (item["text"], item["model_sha256"], item["source"]) == ("1", line.sha256, "")
    assert item["reason"].startswith("touches the border")
    assert Reader().read_digit(base64.b64decode(item["picture"])).text == "1"


@pytest.mark.parametrize("path", ["/v1/read?keep=false", "/v1/read-number?keep=false", "/v1/read-digit?keep=false"])
def test_what_shall_not_be_kept_is_not(client: TestClient, page: bytes, path: str) -> None:
    """A caller may ask for a reading alone."""
    assert client.post(path, content=page).status_code == 200
    assert client.get("/v1/review").json()["waiting"] == 0


def test_a_store_changes_no_answer(client: TestClient, page: bytes) -> None:
    """With a store the reading is the one that the service gives without."""
    assert (
        client.post("/v1/read", content=page).json() == TestClient(create_app()).post("/v1/read", content=page).json()
    )


def test_doubtful_ones_are_answered_group_by_group(client: TestClient, store: Store) -> None:
    """All that wait and were read as the same digit come at once; what is said of them is in the store."""
    keep(store, "7", "12", "7")
    first = client.get("/v1/review").json()["items"]
    answer = {"answers": [{"id": first[0]["id"], "text": "1"}, {"id": first[1]["id"], "text": "7"}]}
    assert client.post("/v1/review/answers", json=answer).json() == {"waiting": 1}
    assert [(item.id, item.text, item.said) for item in store.corrections()] == [(1, "7", "1"), (3, "7", "7")]
    assert [item["text"] for item in client.get("/v1/review").json()["items"]] == ["12"]


def test_a_screen_takes_no_more_than_asked_for(client: TestClient, store: Store) -> None:
    """?limit= says how many come; how many wait is said besides."""
    keep(store, *"7777")
    review = client.get("/v1/review?limit=3").json()
    assert (len(review["items"]), review["waiting"]) == (3, 4)


def test_a_deleted_picture_is_gone(client: TestClient, store: Store) -> None:
    """It neither waits nor can be answered or deleted again."""
    keep(store, "7")
    assert client.delete("/v1/review/items/1").status_code == 204
    assert client.get("/v1/review").json() == {"on": True, "waiting": 0, "items": []}
    assert client.delete("/v1/review/items/1").status_code == 404
    refused = client.post("/v1/review/answers", json={"answers": [{"id": 1, "text": "7"}]})
    assert (refused.status_code, refused.json()["detail"]) == (
        404,
        "there is no picture 1, it may have been deleted; nothing was kept",
    )


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [{"id": 1, "text": "seven"}],
        [{"id": 1, "text": "7\n"}],
        [{"id": 1, "text": "\u0667"}],
        [{"id": 2**63, "text": "7"}],
        [{"id": 1}],
    ],
)
def test_a_wrong_answer_is_refused(client: TestClient, store: Store, answers: object) -> None:
    """Anything but digits is refused in words, and nothing is kept."""
    keep(store, "7")
    refused = client.post("/v1/review/answers", json={"answers": answers})
    assert (refused.status_code, "answers" in refused.json()["detail"]) == (422, True)
    assert store.count_waiting() == 1


def test_without_a_store_nothing_is_kept(page: bytes) -> None:
    """The review says that it is off, and how to switch it on; reading goes on as ever."""
    client = TestClient(create_app())
    assert client.post("/v1/read", content=page).status_code == 200
    assert client.get("/v1/review").json() == {"on": False, "waiting": 0, "items": []}
    for refused in (
        client.post("/v1/review/answers", json={"answers": [{"id": 1, "text": "7"}]}),
        client.delete("/v1/review/items/1"),
    ):
        assert (refused.status_code, "start the service with --store FILE" in refused.json()["detail"]) == (404, True)


def test_a_full_disk_is_said_to_who_asks(client: TestClient, store: Store, page: bytes) -> None:
    """What cannot be kept is answered with 507 and what to do, not as if it were kept."""
    store._db.execute("PRAGMA max_page_count = 8")
    with suppress(StoreError):
        for n in range(1000):
            keep(store, "7" * n)
    waiting = store.count_waiting()
    refused = client.post("/v1/read", content=page)
    assert (refused.status_code, "the space left" in refused.json()["detail"]) == (507, True)
    assert (store.count_waiting(), client.post("/v1/read?keep=false", content=page).status_code) == (waiting, 200)


def test_the_review_is_closed_to_strangers(store: Store) -> None:
    """Who has no token sees and changes nothing; a page of another origin changes nothing."""
    keep(store, "7")
    answer = {"answers": [{"id": 1, "text": "1"}]}
    locked = TestClient(create_app(store=store, token=TOKEN))
    elsewhere = {"Origin": "http://evil.example"}
    open_to_all = TestClient(create_app(store=store))
    statuses = [
        locked.get("/v1/review").status_code,
        locked.post("/v1/review/answers", json=answer).status_code,
        locked.delete("/v1/review/items/1").status_code,
        open_to_all.post("/v1/review/answers", json=answer, headers=elsewhere).status_code,
        open_to_all.delete("/v1/review/items/1", headers=elsewhere).status_code,
    ]
    assert statuses == [401, 401, 401, 403, 403]
    assert store.count_waiting() == 1


def test_a_body_that_is_no_text_is_refused_in_words(client: TestClient) -> None:
    """Bytes that are not UTF-8 are a bad request, and the answer says what is expected."""
    headers = {"content-type": "application/json"}
    answer = client.post("/v1/review/answers", content=b"\xff\x18E", headers=headers)
    assert answer.json() == {
        "title": "Bad Request",
        "status": 400,
        "detail": "the body is no JSON in UTF-8; /openapi.json says what is expected",
    }
