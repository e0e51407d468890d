"""The app: the API under /v1, the page beside it, and what stands around both."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from inkdigits import __version__
from inkdigits.reader import Reader
from inkdigits.store import Store
from inkdigits.web.api import Service
from inkdigits.web.api import router as api_router
from inkdigits.web.guard import SECURITY_HEADERS, Guard
from inkdigits.web.learn import router as learn_router
from inkdigits.web.observe import Observer
from inkdigits.web.problems import answer_problems
from inkdigits.web.review import router as review_router
from inkdigits.web.workers import Workers

PLACES = 40  # requests held at once; with 20 MB each that is 0.8 GB at worst
LIMIT_S = 30.0  # for a request to wait and be read; a page of 100 megapixels takes a few seconds


def create_app(
    reader: Reader | None = None,
    *,
    store: Store | None = None,
    token: str | None = None,
    hosts: frozenset[str] | None = None,
    places: int = PLACES,
    limit_s: float = LIMIT_S,
) -> FastAPI:
    """Return the service as an ASGI app.

    Parameters
    ----------
    reader
        Who reads; the bundled reader by default.
    store
        Where doubtful readings and corrections are kept; without one no picture is.
    token, hosts
        Who may ask, see `guard.Guard`.
    places, limit_s
        How many requests are held at once and for how long, see `workers.Workers`.

    Examples
    --------
    >>> from fastapi.testclient import TestClient
    >>> TestClient(create_app()).get("/v1/health").json()
    {'status': 'ok'}
    """
    reader = reader or Reader()
    workers = Workers(threads=os.cpu_count() or 1, places=places, limit_s=limit_s)
    service = Service(readers={reader.model.metadata.name: reader}, workers=workers, store=store)
    app = FastAPI(
        title="inkdigits",
        version=__version__,
        description="Reads handwritten digits and numbers off pictures, and says so when it is not sure.",
        middleware=[Middleware(Observer, metrics=service.metrics), Middleware(Guard, token=token, hosts=hosts)],
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere; ours is docs.html
        redoc_url=None,
    )
    app.state.service = service
    answer_problems(app, SECURITY_HEADERS)
    app.include_router(api_router)
    app.include_router(learn_router)
    app.include_router(review_router)
    _add_page(app)
    return app


def _add_page(app: FastAPI) -> None:
    """Add a route for each of the page's files: no other path leads to the disk."""
    folder = Path(str(resources.files("inkdigits.web") / "page"))
    files = StaticFiles(directory=folder, html=True)
    for path in ("/", *(f"/{file.name}" for file in sorted(folder.iterdir()))):
        app.router.routes.append(Route(path, files))
