"""Errors, told to a person as a page where the API would send a problem document."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from service.errors import InvalidField
from service.web.frame import render_page
from service.web.reasons import told_problem
from service.web.views import ErrorPage

Handler = Callable[[Request, Any], Response | Awaitable[Response]]


def wants_page(request: Request) -> bool:
    """Return whether a browser asks: it accepts HTML and the address is not the API's."""
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and not request.url.path.startswith("/v1/")


def add_error_pages(app: FastAPI) -> None:
    """Put a page in front of every handler of errors that the application has so far.

    The status stays the handler's, so a page and a problem document never disagree.
    """
    app.exception_handlers.setdefault(Exception, _answer_500)
    for key, handler in list(app.exception_handlers.items()):
        app.exception_handlers[key] = _with_page(handler)


def _with_page(handler: Handler) -> Handler:
    async def answer(request: Request, error: Any) -> Response:
        answered = handler(request, error)
        response = await answered if isawaitable(answered) else answered
        if response.status_code < 400 or not wants_page(request):
            return response
        page = ErrorPage(status=response.status_code, details=_details(error))
        return render_page(request, page, status=response.status_code)

    return answer


def _details(error: Exception) -> tuple[tuple[str, object], ...]:
    """Return what was wrong with which field of the request."""
    if isinstance(error, InvalidField):
        return tuple((pointer.lstrip("/"), told_problem(why)) for pointer, why in error.problems)
    if not isinstance(error, RequestValidationError):
        return ()
    return tuple(
        (".".join(str(part) for part in problem["loc"][1:]), str(problem["msg"]))
        for problem in error.errors()
    )


def _answer_500(_request: Request, _error: Exception) -> Response:
    return Response(status_code=500)
