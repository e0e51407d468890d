"""The service does what its OpenAPI document says, whatever it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from inkdigits.doubts import Doubt
from inkdigits.store import Store
from inkdigits.web.app import create_app

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
app = create_app()
schema = schemathesis.openapi.from_asgi("/openapi.json", app)
review = schema.include(path_regex="^/v1/review")


@schema.exclude(path_regex="^/v1/(train|review)").parametrize()  # a training takes seconds
@settings(max_examples=20, deadline=None)
def test_answers_are_as_described(case: Any) -> None:
    """Statuses, media types and JSON are those of the document, and nothing is a server error."""
    accepts_all = schemathesis.checks.positive_data_acceptance  # no schema can say which bytes are a picture
    case.call_and_validate(excluded_checks=[accepts_all])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give the service a store with a picture in it."""
    without = app.state.service
    with Store(tmp_path / "store.db") as store:
        store.add([Doubt(picture=b"a PNG", text="7", confidence=0.5, reason="")], model_sha256="")
        app.state.service = replace(without, store=store)
        yield store
    app.state.service = without


@pytest.mark.usefixtures("store")
@review.parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_review_is_as_described(case: Any) -> None:
    """The same of a service with a store."""
    accepts_all = schemathesis.checks.positive_data_acceptance  # no schema can say which pictures there are
    case.call_and_validate(excluded_checks=[accepts_all])
