"""Refusals over HTTP: problem details (RFC 9457) that say what was given, what is wrong and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from inkdigits.errors import InkdigitsError, PictureTooLargeError, StoreError, UnknownItemError, one_line

MEDIA_TYPE = "application/problem+json"
UNREADABLE = "There was an error parsing the body"  # FastAPI's words
STATUSES: dict[type[InkdigitsError], int] = {PictureTooLargeError: 413, UnknownItemError: 404, StoreError: 507}


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    title: str = Field(description="the status in words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what was given, what is wrong and what to do next")


class ProblemResponse(JSONResponse):
    """A refusal as the body of an answer."""

    media_type = MEDIA_TYPE

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        title = HTTPStatus(status).phrase
        super().__init__({"title": title, "status": status, "detail": detail}, status, headers)


def describe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI has to know of the refusals with some statuses."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def answer_problems(app: FastAPI, headers: Mapping[str, str]) -> None:
    """Let an app answer whatever goes wrong with problem details; `headers` go with what no middleware sees."""

    async def refuse(_: Request, error: Exception) -> ProblemResponse:
        return ProblemResponse(STATUSES.get(type(error), 422), str(error))  # type: ignore[arg-type]  # as registered

    async def refuse_parameters(_: Request, error: Exception) -> ProblemResponse:
        return ProblemResponse(422, _describe_parameters(error))

    async def refuse_request(request: Request, error: Exception) -> ProblemResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's types know no more
        return ProblemResponse(error.status_code, _describe(request, error), error.headers)

    async def fail(_: Request, __: Exception) -> ProblemResponse:
        detail = "the service failed on this request; the fault is its own, and its log has the trace: please report it"
        return ProblemResponse(500, detail, headers)

    app.add_exception_handler(InkdigitsError, refuse)
    app.add_exception_handler(RequestValidationError, refuse_parameters)
    app.add_exception_handler(HTTPException, refuse_request)
    app.add_exception_handler(Exception, fail)


def _describe(request: Request, error: HTTPException) -> str:
    """Return what Starlette refuses in words that help."""
    path = one_line(request.scope["path"])
    if error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase:
        return f"there is nothing at '{path}'; /openapi.json lists what there is"
    if error.status_code == 405 and error.detail == HTTPStatus.METHOD_NOT_ALLOWED.phrase:
        allowed = (error.headers or {}).get("Allow", "another method")
        return f"'{path}' does not take {one_line(request.method)}; use {allowed}"
    if error.detail == UNREADABLE:
        return "the body is no JSON in UTF-8; /openapi.json says what is expected"
    return error.detail


def _describe_parameters(error: Exception) -> str:
    """Return what FastAPI says of parameters, one sentence each."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - Starlette's types know no more
    faults = [f"{'.'.join(map(str, fault['loc']))}: {one_line(fault['msg'])}" for fault in error.errors()]
    return "; ".join(faults)
