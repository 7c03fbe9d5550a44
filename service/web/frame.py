"""The frame around every page: one environment of templates, its headers, its preferences."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.web import addresses, fmt, i18n, viz, words
from service.web.views import (
    ActAsPage,
    AuthenticationPage,
    CertificatePage,
    ChainPage,
    ErrorPage,
    FindingsPage,
    Frame,
    HomePage,
    ItemPage,
    LookupPage,
    UnknownCertificatePage,
)

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
DRAWING_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # a picture's own style
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
THEMES = ("auto", "dark", "light")
THEME_COOKIE = "theme"
A_YEAR = 365 * 24 * 3600  # seconds
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

TEMPLATES: dict[type[Any], str] = {  # pages elsewhere add theirs
    HomePage: "home.html",
    LookupPage: "lookup.html",
    CertificatePage: "certificate.html",
    UnknownCertificatePage: "certificate_unknown.html",
    AuthenticationPage: "authenticate.html",
    ChainPage: "chain.html",
    ItemPage: "item.html",
    FindingsPage: "findings.html",
    ActAsPage: "act_as.html",
    ErrorPage: "error.html",
}


def build_environment() -> Environment:
    """Return the environment of the templates; there is one, whatever the language."""
    environment = Environment(
        loader=PackageLoader("service.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    i18n.install(environment)
    environment.globals.update(address=addresses, fmt=fmt, viz=viz)
    environment.globals.update(
        terminal_reason=words.terminal_reason,
        say=i18n.say,
        word=words.word,
        look=words.look,
        sentence=words.sentence,
        title=words.title,
    )
    return environment


ENVIRONMENT = build_environment()


def render_page(request: Request, view: Any, *, status: int = 200) -> HTMLResponse:
    """Return a page in the language and theme of the request."""
    frame = _frame(request, status)
    html = _render(request, TEMPLATES[type(view)], view=view, frame=frame)
    return _page(request, html, status)


def render_api_page(request: Request) -> HTMLResponse:
    """Return the page that lists the API and lets one try it."""
    specification = request.app.openapi_url
    html = _render(request, "api.html", frame=_frame(request, 200), specification=specification)
    return _page(request, html, 200)


def render_fragment(request: Request, view: object) -> HTMLResponse:
    """Return a part of a page alone, for a script of ours that puts it in its place."""
    return _page(request, _render(request, TEMPLATES[type(view)], view=view), 200)


def render_drawing(request: Request, view: ChainPage) -> Response:
    """Return a chain's drawing as a picture that stands alone."""
    svg = _render(request, "chain.svg", view=view)
    return Response(
        svg,
        media_type="image/svg+xml",
        headers={
            "Content-Security-Policy": DRAWING_SECURITY_POLICY,
            "Content-Language": i18n.HTML_LANGUAGE[i18n.language_of(request)],
            "Vary": "Accept-Language, Cookie",
        },
    )


def _frame(request: Request, status: int) -> Frame:
    """Return who looks; when something broke, nobody is asked."""
    if status >= 500:
        return Frame()
    frame_of: Callable[[Request], Frame] = request.app.state.frame_of
    return frame_of(request)


def _render(request: Request, template: str, **values: Any) -> str:
    language = i18n.language_of(request)
    with i18n.speaking(language):
        return ENVIRONMENT.get_template(template).render(
            language=language,
            html_language=i18n.HTML_LANGUAGE[language],
            theme=theme_of(request),
            path=request.url.path,
            other_language=_in_other_language(request, language),
            **values,
        )


def _page(request: Request, html: str, status: int) -> HTMLResponse:
    language = i18n.language_of(request)
    response = HTMLResponse(
        html,
        status,
        headers=SECURITY_HEADERS
        | {
            "Content-Language": i18n.HTML_LANGUAGE[language],
            "Vary": "Accept-Language, Cookie",
            "Cache-Control": "no-cache",
        },
    )
    if request.query_params.get(i18n.LANGUAGE_COOKIE) in i18n.LANGUAGES:
        response.set_cookie(i18n.LANGUAGE_COOKIE, language, max_age=A_YEAR, samesite="lax")
    return response


def _in_other_language(request: Request, language: str) -> str:
    """Return the same address asking for the other language."""
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != i18n.LANGUAGE_COOKIE]
    other = "en" if language == "zh" else "zh"
    return "?" + urlencode([*kept, (i18n.LANGUAGE_COOKIE, other)])


def theme_of(request: Request) -> str:
    """Return the theme the reader chose: auto, dark or light."""
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else "auto"


def page_before(request: Request) -> str:
    """Return the page of ours that the request came from, as a path; home if it came from none."""
    referer = urlsplit(request.headers.get("referer", ""))
    if referer.netloc != request.headers.get("host") or referer.path.startswith("//"):
        return addresses.HOME_ROUTE
    query = f"?{referer.query}" if referer.query else ""
    return (referer.path or addresses.HOME_ROUTE) + query


def comes_from_another_site(method: str, headers: Headers) -> bool:
    """Return whether a browser sends a writing request here on behalf of another site.

    A browser says so in Sec-Fetch-Site, an older one in Origin; other clients say neither and
    carry no cookies of a person.
    """
    if method in SAFE_METHODS:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


class SecurityHeaders:
    """Middleware: puts the security headers on every answer, and refuses what other sites write."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                said = {name for name, _ in headers}
                headers.extend(pair for pair in RAW_HEADERS if pair[0] not in said)
                if scope["path"].startswith(("/static/", "/vendor/")):
                    MutableHeaders(scope=message).setdefault("Cache-Control", "no-cache")
            await send(message)

        if scope["method"] not in SAFE_METHODS and comes_from_another_site(
            scope["method"], Headers(scope=scope)
        ):
            refusal = PlainTextResponse("This request came from another site.", 403)
            await refusal(scope, receive, send_with_headers)
            return
        await self.app(scope, receive, send_with_headers)
