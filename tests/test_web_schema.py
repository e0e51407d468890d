"""The service does what its OpenAPI document says, whatever it is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

from inkdigits.web.app import create_app

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
schema = schemathesis.openapi.from_asgi("/openapi.json", create_app()).exclude(path="/v1/train")  # seconds each


@schema.parametrize()
@settings(max_examples=20, deadline=None)
def test_answers_are_as_described(case: Any) -> None:
    """Statuses, media types and JSON are those of the document, and nothing is a server error."""
    accepts_all = schemathesis.checks.positive_data_acceptance  # no schema can say which bytes are a picture
    case.call_and_validate(excluded_checks=[accepts_all])
