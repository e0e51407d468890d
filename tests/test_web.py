"""The service: pictures in and readings out over HTTP, refusals in words, and nobody inside who should not be."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import Request

import inkdigits
from inkdigits import Reader, training
from inkdigits.errors import MissingExtraError
from inkdigits.pictures import encode_png
from inkdigits.readings import PageReading
from inkdigits.rules import parse_rules
from inkdigits.web.app import create_app
from inkdigits.web.guard import LOOPBACK_NAMES, MAX_BYTES
from inkdigits.web.observe import JsonFormatter
from inkdigits.web.uploads import receive_upload

PAGE = Path(inkdigits.__file__).parent / "web" / "page"
TOKEN = "correct-horse-battery-staple"  # noqa: S105 - a made-up one
NOTHING = PageReading(status="declined", reason="nothing to read")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """Ask the bundled reader."""
    with TestClient(create_app()) as client:
        yield client


@pytest.fixture
def number(draw: Callable[..., NDArray[np.uint8]]) -> bytes:
    """Return a picture of the number 305."""
    return encode_png(draw("305"))


def pretend_reader(read: Callable[[bytes], PageReading]) -> Any:
    """Return a reader whose pages are read by a function."""
    return SimpleNamespace(read=lambda picture, rule: read(picture), model=Reader().model)


@pytest.mark.parametrize("kind", ["read", "read_number", "read_digit"])
def test_a_route_answers_what_the_reader_answers(client: TestClient, number: bytes, kind: str) -> None:
    """Page, number and digit come back as Python gives them."""
    expected = json.loads(json.dumps(getattr(Reader(), kind)(number).to_dict()))
    assert client.post(f"/v1/{kind.replace('_', '-')}", content=number).json() == expected


def test_what_the_network_saw_comes_on_request(client: TestClient, number: bytes) -> None:
    """?shown=true adds to each digit the picture that the network was shown, and changes nothing else."""
    plain = client.post("/v1/read-number", content=number).json()
    rich = client.post("/v1/read-number?shown=true", content=number).json()
    pictures = [base64.b64decode(digit.pop("shown")) for digit in rich["digits"]]
    assert rich == plain
    for picture, digit in zip(pictures, Reader().read_number(number).digits, strict=True):
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture))), digit.shown_picture)


def test_rules_say_what_a_number_may_be(client: TestClient, number: bytes) -> None:
    """As parameters or as fields of a form they come to what the reader makes of them; an empty field is none."""
    expected = Reader().read_number(number, rule=parse_rules(range="0:150", length="3"))
    assert (expected.text, expected.free_text) != ("305", "")
    words = {"range": "0:150", "length": "3"}
    as_parameters = client.post("/v1/read-number", content=number, params={**words, "check": ""})
    as_form = client.post("/v1/read-number", files={"picture": number}, data={**words, "pattern": ""})
    assert as_parameters.json() == as_form.json() == json.loads(json.dumps(expected.to_dict()))
    page = client.post("/v1/read", content=number, params={"pattern": "dd5"}).json()
    assert page == json.loads(json.dumps(Reader().read(number, rule=parse_rules(pattern="dd5")).to_dict()))


@pytest.mark.parametrize(
    "words",
    [{"length": "five"}, {"range": "150:0"}, {"check": "crc"}, {"pattern": "x"}, {"length": "3", "check": "ean"}],
)
def test_rules_that_are_none_are_refused_in_words(client: TestClient, number: bytes, words: dict[str, str]) -> None:
    """What is no rule, and rules that no number keeps, are answered with what to write; a file is not one of them."""
    answer = client.post("/v1/read", content=number, params=words)
    assert (answer.status_code, len(answer.json()["detail"]) > 20) == (422, True)
    unread = client.post("/v1/read", content=number, params={"values": "/etc/passwd"})
    assert unread.json() == client.post("/v1/read", content=number).json()


def test_a_blank_is_declined_with_its_reason(client: TestClient) -> None:
    """A picture without ink is read as nothing, not as a digit."""
    blank = encode_png(np.full((100, 100), 255, np.uint8))
    answer = client.post("/v1/read", content=blank).json()
    assert (answer["status"], answer["numbers"]) == ("declined", [])
    assert answer["reason"].startswith("nothing to read")


def test_models_tell_what_reads_here(client: TestClient) -> None:
    """The bundled reader is listed with the hash of its file, and can be asked by name."""
    [model] = client.get("/v1/models").json()
    assert (model["name"], model["sha256"]) == ("reader", Reader().model.sha256)
    assert client.post("/v1/read?model=reader", content=b"").status_code == 422


def bomb() -> bytes:
    """Return a small PNG that claims 100,000 x 100,000 pixels."""
    picture = bytearray(encode_png(np.zeros((8, 8), np.uint8)))
    picture[16:24] = (100_000).to_bytes(4, "big") * 2
    picture[29:33] = zlib.crc32(picture[12:29]).to_bytes(4, "big")
    return bytes(picture)


FORM = {"Content-Type": "multipart/form-data; boundary=x"}
BAD_UPLOADS = {
    "empty": ({"content": b""}, 422),
    "no picture": ({"content": b"hello"}, 422),
    "truncated": ({"content": encode_png(np.zeros((99, 99), np.uint8))[:60]}, 422),
    "bomb": ({"content": bomb()}, 413),
    "too large": ({"content": b"x" * (MAX_BYTES + 1)}, 413),
    "too large in pieces": ({"content": (b"x" * 1_000_000 for _ in range(21))}, 413),
    "form without boundary": ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
    "form that is none": ({"content": b"nonsense", "headers": FORM}, 400),
    "form cut off": ({"content": b'--x\r\nContent-Disposition: form-data; name="picture"', "headers": FORM}, 422),
    "form without a name": (
        {"content": b"--x\r\nContent-Type: text/plain\r\n\r\n1\r\n--x--\r\n", "headers": FORM},
        400,
    ),
    "form without the file": ({"files": {"other": b"1"}}, 422),
    "form with a text": ({"data": {"picture": "1"}, "files": {"other": b"1"}}, 422),
    "two files": ({"files": [("picture", b"1"), ("picture", b"2")]}, 400),
    "unknown model": ({"content": b"1", "params": {"model": "../../etc/passwd"}}, 422),
    "parameter": ({"content": b"1", "params": {"shown": "perhaps"}}, 422),
}


@pytest.mark.parametrize("case", BAD_UPLOADS)
def test_a_bad_upload_is_refused_in_words(client: TestClient, case: str) -> None:
    """Whatever cannot be read is answered with problem details of a 4xx status."""
    upload, status = BAD_UPLOADS[case]
    answer = client.post("/v1/read", **upload)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert set(problem) == {"title", "status", "detail"}
    assert problem["status"] == status
    assert len(problem["detail"]) > 20


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/v1/read", 405), ("POST", "/", 405), ("GET", "/%2e%2e/app.py", 404)],
)
def test_a_wrong_address_is_a_problem_too(client: TestClient, method: str, path: str, status: int) -> None:
    """Paths and methods that there are not are refused in the same form; nothing leads out of the page's folder."""
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_a_fault_of_ours_tells_nothing_of_itself(number: bytes) -> None:
    """An unexpected error is a 500 without its text, with the security headers."""

    def fail(_: bytes) -> PageReading:
        raise RuntimeError("secret")

    client = TestClient(create_app(pretend_reader(fail)), raise_server_exceptions=False)
    answer = client.post("/v1/read", content=number)
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert "Content-Security-Policy" in answer.headers


def test_without_the_token_there_is_only_health() -> None:
    """Each route but /v1/health, and the page, is closed to who has no token or a wrong one."""
    client = TestClient(create_app(token=TOKEN))
    paths = ["/", "/app.js", "/openapi.json", "/v1/models", "/v1/metrics", "/nothing"]
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic Og=="},
    ):
        assert [client.get(path, headers=headers).status_code for path in paths] == [401] * len(paths)
        assert client.post("/v1/read", content=b"1", headers=headers).status_code == 401
    assert client.get("/v1/health").status_code == 200


def test_the_token_opens_the_service() -> None:
    """Programs send it as a bearer token, browsers as the password."""
    client = TestClient(create_app(token=TOKEN))
    assert client.get("/v1/models", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/", auth=("anybody", TOKEN)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://testserver"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"}, 403),
    ],
)
def test_a_page_of_another_origin_changes_nothing(
    client: TestClient, number: bytes, headers: dict[str, str], status: int
) -> None:
    """Only our own page, or what is no page, may send anything."""
    assert client.post("/v1/read-number", content=number, headers=headers).status_code == status


@pytest.mark.parametrize(("host", "status"), [("localhost:8020", 200), ("[::1]:8020", 200), ("evil.example", 403)])
def test_a_foreign_name_for_this_machine_is_refused(host: str, status: int) -> None:
    """A page cannot reach a local service by a name of its own that leads here (DNS rebinding)."""
    client = TestClient(create_app(hosts=LOOPBACK_NAMES))
    assert client.get("/v1/models", headers={"Host": host}).status_code == status


def test_a_host_that_is_none_is_no_fault_of_ours() -> None:
    """Where any name is allowed, one that cannot be taken apart does no harm."""
    client = TestClient(create_app(token=TOKEN))
    assert client.get("/nothing", headers={"Host": "[", "Authorization": f"Bearer {TOKEN}"}).status_code == 404


@pytest.mark.parametrize("path", ["/", "/app.js", "/v1/health", "/nothing"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    """Browsers are told to load nothing from elsewhere, to guess no types and to be framed by nobody."""
    headers = client.get(path).headers
    assert "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")


def test_who_finds_no_place_is_asked_to_come_again(number: bytes) -> None:
    """With all places taken the answer is 503 with Retry-After, and a freed place is given again."""
    begun, finish = threading.Event(), threading.Event()

    def wait(_: bytes) -> PageReading:
        begun.set()
        finish.wait(30)
        return NOTHING

    with TestClient(create_app(pretend_reader(wait), places=1)) as client, ThreadPoolExecutor(1) as elsewhere:
        first = elsewhere.submit(client.post, "/v1/read", content=number)
        begun.wait(30)
        second = client.post("/v1/read", content=number)
        finish.set()
        assert (second.status_code, second.headers["Retry-After"]) == (503, "1")
        assert first.result().status_code == 200
        assert client.post("/v1/read", content=number).status_code == 200


def test_a_request_has_a_time_limit(number: bytes) -> None:
    """What is not read in time is given up with 503."""
    finish = threading.Event()

    def wait(_: bytes) -> PageReading:
        finish.wait(30)
        return NOTHING

    with TestClient(create_app(pretend_reader(wait), limit_s=0.05)) as client:
        answer = client.post("/v1/read", content=number)
        finish.set()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_an_upload_has_a_time_limit() -> None:
    """A request whose picture does not come is given up with 408."""

    async def receive_nothing() -> Any:
        await asyncio.Event().wait()

    request = Request({"type": "http", "headers": [], "method": "POST"}, receive_nothing)
    with pytest.raises(HTTPException, match="took more than") as refusal:
        asyncio.run(receive_upload(request, limit_s=0.01))
    assert refusal.value.status_code == 408


def test_a_cut_off_upload_is_no_fault_of_ours() -> None:
    """A client that goes away while it sends is refused, not a server error."""

    async def disconnect() -> Any:
        return {"type": "http.disconnect"}

    with pytest.raises(HTTPException, match="cut off"):
        asyncio.run(receive_upload(Request({"type": "http", "headers": [], "method": "POST"}, disconnect)))


def test_a_request_is_one_line_in_the_log(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """The line is JSON with method, path, status and milliseconds; neither the query nor any header is in it."""
    with caplog.at_level(logging.INFO, logger="inkdigits.web"):
        client.get("/nothing%0A?token=secret", headers={"Authorization": "Bearer secret"})
    [line] = [JsonFormatter().format(record) for record in caplog.records if record.name == "inkdigits.web"]
    values = json.loads(line)
    assert (values["method"], values["status"], "\n" in line, "secret" in line) == ("GET", 404, False, False)
    assert values["ms"] > 0


def test_metrics_count_requests() -> None:
    """Prometheus gets requests by route and status; what was asked for in vain does not become a name."""
    client = TestClient(create_app())
    for path in ("/v1/health", "/v1/health", "/nothing", "/v1/nothing"):
        client.get(path)
    lines = client.get("/v1/metrics").text.splitlines()
    assert 'inkdigits_requests_total{route="/v1/health",status="200"} 2' in lines
    assert 'inkdigits_requests_total{route="page",status="404"} 2' in lines
    assert 'inkdigits_request_seconds_count{route="/v1/health"} 2' in lines
    assert "inkdigits_places_taken 0" in lines


def test_the_page_is_light_and_loads_nothing_from_elsewhere() -> None:
    """All of it is at most 150 KB, and no file names another address but SVG's namespace."""
    files = list(PAGE.iterdir())
    assert sum(path.stat().st_size for path in files) <= 150_000
    for path in files:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "//" not in [word[:2] for word in text.split('"')]
        assert "http:" not in text
        assert "https:" not in text


def told(answer: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the events of a training: name and values."""
    fields = [dict(line.split(": ", 1) for line in event.splitlines()) for event in answer.text.strip().split("\n\n")]
    return [(field["event"], json.loads(field["data"])) for field in fields if "event" in field]


def test_the_tutorial_is_told_epoch_by_epoch() -> None:
    """Its 189 epochs come with loss, accuracy and weights, then its published figures; the network can be asked."""
    client = TestClient(create_app())
    *epochs, (last, result) = told(client.post("/v1/train", json={}))
    assert [values["epoch"] for _, values in epochs] == list(range(1, 190))
    assert epochs[-1][1]["loss"] == pytest.approx(0.01128869, abs=1e-8)
    assert len(base64.b64decode(epochs[-1][1]["weights"])) == 15 * 64
    assert (last, result["errors"], epochs[-1][1]["accuracy"]) == ("result", 68, result["accuracy"])
    assert len(result["mistakes"]) == 68
    names = [model["name"] for model in client.get("/v1/models").json()]
    assert names == ["reader", result["model"]]


def test_a_trained_network_reads_what_its_file_would_read(number: bytes) -> None:
    """Asked by its name it answers as the network that the command trains."""
    client = TestClient(create_app())
    _, result = told(client.post("/v1/train", json={}))[-1]
    answer = client.post("/v1/read-number", params={"model": result["model"]}, content=number).json()
    same = Reader(inkdigits.train("tutorial", "digits").model).read_number(number)
    assert answer == json.loads(json.dumps(same.to_dict()))


def test_few_trained_networks_are_kept() -> None:
    """The oldest gives way, never the service's own reader."""
    client = TestClient(create_app())
    for seed in range(1, 7):
        client.post("/v1/train", json={"seed": seed, "learning_rate": 10})
    names = [model["name"] for model in client.get("/v1/models").json()]
    assert (len(names), names[0]) == (5, "reader")


def test_one_training_runs_at_a_time() -> None:
    """Who asks for another one meanwhile is asked to come again."""
    app = create_app()
    client = TestClient(app)
    with app.state.service.training:
        answer = client.post("/v1/train", json={})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert told(client.post("/v1/train", json={}))[-1][0] == "result"


@pytest.mark.parametrize("settings", [{"neurons": 0}, {"seed": -1}, {"learning_rate": "fast"}, {"network": "best"}])
def test_wrong_settings_of_a_training_are_refused(client: TestClient, settings: dict[str, Any]) -> None:
    """They are named, and nothing is trained."""
    answer = client.post("/v1/train", json=settings)
    assert (answer.status_code, next(iter(settings)) in answer.json()["detail"]) == (422, True)


def test_a_training_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyTorch is missing, the last event says what to install."""

    def refuse(*_: Any, **__: Any) -> None:
        raise MissingExtraError("PyTorch is not installed; run pip install 'inkdigits[train]'")

    monkeypatch.setattr(training, "train", refuse)
    assert told(TestClient(create_app()).post("/v1/train", json={"network": "convnet"})) == [
        ("problem", {"detail": "PyTorch is not installed; run pip install 'inkdigits[train]'"})
    ]


def test_openapi_lists_the_routes(client: TestClient) -> None:
    """The document names every route and, for a picture, its limits and refusals."""
    document = client.get("/openapi.json").json()
    assert {
        "/v1/train",
        "/v1/read",
        "/v1/read-number",
        "/v1/read-digit",
        "/v1/models",
        "/v1/health",
        "/v1/metrics",
        "/v1/review",
        "/v1/review/answers",
        "/v1/review/items/{number}",
    } <= set(document["paths"])
    assert {"200", "400", "401", "403", "408", "413", "422", "503", "507"} == set(
        document["paths"]["/v1/read"]["post"]["responses"]
    )
