"""The routes of the pages: each loads, calls one function, and shows what it returns."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from service import public
from service.auth import ACTING_COOKIE, Acting, Reading, actor_of
from service.clock import Now, Today, day_of
from service.errors import InvalidField, NotFound, TooLarge
from service.store import directory
from service.store import items as item_store
from service.tenancy import TenantSession
from service.throttle import LOOK_UPS, UPLOADS, throttled
from service.uploads import LARGEST_FILE, read_upload
from service.web import addresses, loading
from service.web.frame import A_YEAR, page_before, render_drawing, render_page
from service.web.i18n import language_of
from service.web.views import (
    AuthenticationPage,
    Frame,
    HomePage,
    UnknownCertificatePage,
)

router = APIRouter(include_in_schema=False)

MEDIA_TYPES = {
    "pdf": "application/pdf",
    "xml": "application/xml",
    "json": "application/json",
    "proof": "text/plain",
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a spreadsheet recognizes one
OF_ONE_BOOK = ("/i/", "/calibrations/")  # pages that nobody but its organization can open


def _book_if_any(request: Request) -> Iterator[TenantSession | None]:
    actor = actor_of(request)
    if actor is None:
        yield None
        return
    with TenantSession(request.app.state.engine, actor.organization_id, read_only=True) as session:
        yield session


BookIfAny = Annotated[TenantSession | None, Depends(_book_if_any, scope="function")]


def is_demonstration(request: Request) -> bool:
    """Return whether the service shows a demonstration."""
    return request.app.state.settings.demonstration_person is not None


def _only_in_demonstration(request: Request) -> None:
    if not is_demonstration(request):
        raise NotFound("page", request.url.path)


def frame_of(request: Request) -> Frame:
    """Return who looks, on which day, at what kind of data."""
    today = day_of(request.app.state.clock())
    actor = actor_of(request)
    if actor is None:
        return Frame(today=today)
    with TenantSession(request.app.state.engine, actor.organization_id, read_only=True) as session:
        return loading.frame(session, actor, today=today, demonstration=is_demonstration(request))


# --- For everybody -----------------------------------------------------------------------------


@router.get(addresses.HOME_ROUTE)
def show_home(request: Request, session: BookIfAny, today: Today) -> HTMLResponse:
    """Show the look-up, and in a demonstration what is worth opening."""
    if session is None or not is_demonstration(request):
        is_empty = session is not None and not item_store.page(session, after=None, limit=1)
        return render_page(request, HomePage(on=today, is_empty_book=is_empty))
    engine = request.app.state.engine
    return render_page(request, loading.home_of_demonstration(engine, session, on=today))


@router.get(addresses.LOOKUP_ROUTE, dependencies=[throttled("look-up", LOOK_UPS)])
def look_up(
    request: Request,
    session: BookIfAny,
    today: Today,
    q: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Show what carries a serial or certificate number: nothing, one thing or many."""
    query = q.strip()
    if not query:
        return RedirectResponse(addresses.HOME_ROUTE, 303)
    state = request.app.state
    return render_page(
        request, loading.lookup_page(state.engine, state.keys, session, query, on=today)
    )


@router.get(addresses.CERTIFICATE_FILE_ROUTE)
def download_certificate(session: Reading, number: str, format: str) -> Response:  # noqa: A002
    """Send a certificate of the own book as a file: pdf, xml, json or proof."""
    file = loading.certificate_file(session, number, format)
    return Response(
        file.content,
        media_type=MEDIA_TYPES[format],
        headers={
            "ETag": f'"{file.sha256}"',
            "Content-Disposition": f'attachment; filename="{_ascii(number)}.{format}"',
        },
    )


@router.get(addresses.CERTIFICATE_ROUTE, dependencies=[throttled("look-up", LOOK_UPS)])
def show_certificate(
    request: Request,
    session: BookIfAny,
    today: Today,
    now: Now,
    number: str,
    on: date | None = None,
    code: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """Show a certificate: its status to all, its text to those whose book holds it."""
    state = request.app.state
    page = loading.certificate_page(
        state.engine,
        state.keys,
        session,
        number,
        on=on or today,
        today=today,
        known_at=now,
        code=code.strip(),
    )
    return render_page(
        request, page, status=404 if isinstance(page, UnknownCertificatePage) else 200
    )


@router.get(addresses.AUTHENTICATE_ROUTE)
def ask_for_file(request: Request, today: Today) -> HTMLResponse:
    """Show where a certificate's file is sent to be compared with the issued one."""
    return render_page(request, AuthenticationPage(on=today, largest=LARGEST_FILE))


@router.post(addresses.AUTHENTICATE_ROUTE, dependencies=[throttled("upload", UPLOADS)])
async def authenticate_file(request: Request, today: Today) -> HTMLResponse:
    """Show what a file, or the file of a digest, turns out to be."""
    state = request.app.state
    try:
        upload = await read_upload(request)
        digest = upload.fields.get("sha256", "")
        verdict = await run_in_threadpool(
            public.judge, state.engine, state.keys, upload.content, digest, on=today
        )
    except (InvalidField, TooLarge) as error:
        page = AuthenticationPage(on=today, largest=LARGEST_FILE, error=type(error).__name__)
        status = 413 if isinstance(error, TooLarge) else 422
    else:
        page, status = loading.authentication_page(verdict, on=today), 200
    return await run_in_threadpool(render_page, request, page, status=status)


# --- Of the own book ---------------------------------------------------------------------------


@router.get(addresses.CHAIN_DRAWING_ROUTE)
def draw_chain(
    request: Request,
    session: Reading,
    today: Today,
    now: Now,
    calibration_id: UUID,
    on: date | None = None,
) -> Response:
    """Send the drawing of a chain alone."""
    language = language_of(request)
    page = loading.chain_of(
        session, calibration_id, on=on or today, known_at=now, language=language
    )
    return render_drawing(request, page)


@router.get(addresses.CHAIN_ROUTE)
def show_chain(
    request: Request,
    session: Reading,
    today: Today,
    now: Now,
    calibration_id: UUID,
    on: date | None = None,
) -> HTMLResponse:
    """Show the chain behind a calibration, drawn and told, in both readings of validity."""
    language = language_of(request)
    page = loading.chain_of(
        session, calibration_id, on=on or today, known_at=now, language=language
    )
    return render_page(request, page)


@router.get(addresses.FINDINGS_ROUTE)
def show_findings(request: Request, session: Reading, today: Today, now: Now) -> HTMLResponse:
    """Show what the audit finds: in the own book; in a demonstration, in every book."""
    engine = request.app.state.engine
    books = [session.organization_id]
    if is_demonstration(request):
        books = list(directory.organization_ids(engine))
    page = loading.findings_of(engine, session, books, on=today, known_at=now)
    return render_page(request, page)


# --- As whom the demonstration is looked at ----------------------------------------------------


@router.get(addresses.ACT_AS_ROUTE, dependencies=[Depends(_only_in_demonstration)])
def choose_person(request: Request, session: Reading, actor: Acting) -> HTMLResponse:
    """Show every person as whom the demonstration can be looked at."""
    engine, back = request.app.state.engine, page_before(request)
    return render_page(request, loading.act_as_page(engine, session, actor, back=back))


@router.post(addresses.ACT_AS_ROUTE, dependencies=[Depends(_only_in_demonstration)])
def act_as(
    request: Request,
    person_id: Annotated[UUID, Form()],
    back: Annotated[str, Form(max_length=500)] = addresses.HOME_ROUTE,
) -> RedirectResponse:
    """Remember as whom to look, and go back; home where the new book does not hold that page."""
    actor = loading.actor_named(request.app.state.engine, person_id)
    response = RedirectResponse(_within(back), 303)
    response.set_cookie(
        ACTING_COOKIE,
        f"{actor.organization_id}.{actor.person_id}",
        max_age=A_YEAR,
        samesite="lax",
        httponly=True,
    )
    return response


def _within(back: str) -> str:
    """Return an address of ours that anybody may open, whatever was sent."""
    elsewhere = not back.startswith("/") or back.startswith(("//", "/\\"))
    closed = back.startswith((*OF_ONE_BOOK, addresses.ACT_AS_ROUTE))
    return addresses.HOME_ROUTE if elsewhere or closed else back


def _cell(text: str | None) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text and text.startswith(FORMULA) else text or ""


def _ascii(number: str) -> str:
    """Return a number as it may stand in a header."""
    return "".join(
        letter if letter.isascii() and letter not in '"\\/' else "_" for letter in number
    )
