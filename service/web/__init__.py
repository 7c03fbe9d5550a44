"""Pages for people: look-up, certificate, chain, item, due list, findings.

`add_pages` gives an application the frame; `render_page` turns a view into an answer.
"""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import fastapi_offline
from fastapi import APIRouter, FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

from certificates.html import stylesheet
from service.web import addresses
from service.web.failures import add_error_pages
from service.web.frame import (
    A_YEAR,
    THEME_COOKIE,
    THEMES,
    SecurityHeaders,
    page_before,
    render_api_page,
    render_drawing,
    render_page,
)
from service.web.i18n import language_of
from service.web.views import Frame

__all__ = ["add_pages", "language_of", "render_drawing", "render_page"]

WORTH_COMPRESSING = 800  # octets
COMPRESSED = (
    "application/zip",
    "image/jpeg",
    "image/png",
    "image/webp",
)  # already

router = APIRouter(include_in_schema=False)


@router.post(addresses.PREFERENCES_ROUTE)
def choose_theme(request: Request, theme: Annotated[str, Form()]) -> RedirectResponse:
    """Remember the theme and go back to the page before."""
    response = RedirectResponse(page_before(request), 303)
    chosen = theme if theme in THEMES else "auto"
    response.set_cookie(THEME_COOKIE, chosen, max_age=A_YEAR, samesite="lax", httponly=True)
    return response


@router.get(addresses.API_PAGE_ROUTE)
def show_api(request: Request) -> HTMLResponse:
    """Return the page of the API."""
    return render_api_page(request)


@router.get(addresses.CERTIFICATE_STYLE_ROUTE)
def show_certificate_style() -> Response:
    """Return the stylesheet of a certificate's own text."""
    return Response(stylesheet(), media_type="text/css")


def add_pages(app: FastAPI, *, frame_of: Callable[[Request], Frame]) -> None:
    """Give an application its page frame; call it after the handlers of errors are there.

    `frame_of` says for a request who looks, on which day, at what kind of data. The application
    is to be made with `docs_url=None, redoc_url=None`.
    """
    app.state.frame_of = frame_of
    static = Path(str(files("service.web") / "static"))
    vendor = Path(fastapi_offline.__file__).parent / "static"
    app.include_router(router)  # before the mount that its stylesheet stands in
    app.mount("/static", StaticFiles(directory=static), name="static")
    app.mount("/vendor/docs", StaticFiles(directory=vendor), name="vendor-docs")
    add_error_pages(app)
    app.add_middleware(
        GZipMiddleware, minimum_size=WORTH_COMPRESSING, exclude_content_types=COMPRESSED
    )
    app.add_middleware(SecurityHeaders)
