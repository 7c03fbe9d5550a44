"""The chain behind a calibration, in the form that the client accepts."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse

from service import answers
from service.api.given import Day, Moment
from service.auth import Reading
from service.clock import Now
from traceability.exports import to_dot, to_graphml

router = APIRouter(prefix="/calibrations", tags=["calibrations"])

JSON, GRAPHML, DOT, SVG = (
    "application/json",
    "application/graphml+xml",
    "text/vnd.graphviz",
    "image/svg+xml",
)
FORMS = (JSON, GRAPHML, DOT, SVG)  # the one liked as well as another stands first
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {"content": {form: {} for form in FORMS}},
    406: {"description": f"none of {', '.join(FORMS)} is accepted"},
}


@router.get("/{calibration_id}/traceability-chain", response_model=None, responses=DOCUMENTED)
def get_traceability_chain(
    request: Request,
    session: Reading,
    calibration_id: UUID,
    now: Now,
    on: Annotated[Day | None, Query(description="every link valid on this day as well")] = None,
    known_at: Annotated[Moment | None, Query(description="as known at this moment")] = None,
) -> Response:
    """Return the chain from a calibration to its references, with U and the breaks at each step.

    Without `on` a link counts as valid when it was used, which is the metrological meaning; with
    it, every link must also be valid on that day. `Accept` chooses JSON, GraphML, DOT or the
    block diagram (量值溯源框图) as SVG.
    """
    form = form_accepted(request.headers.get("accept", "*/*"))
    headers = {"Vary": "Accept"}
    if form is None:
        raise HTTPException(406, f"a chain is written as {', '.join(FORMS)}", headers)
    if form == SVG:
        draw: Callable[..., Response] = request.app.state.draw_chain
        drawn = draw(request, session, calibration_id, on=on, known_at=known_at or now)
        drawn.headers.append("Vary", "Accept")
        return drawn
    chain = answers.chain(session, calibration_id, on=on, known_at=known_at or now)
    if form == GRAPHML:
        return Response(to_graphml(chain), media_type=GRAPHML, headers=headers)
    if form == DOT:
        return Response(to_dot(chain), media_type=DOT, headers=headers)
    return JSONResponse(chain.as_mapping(), headers=headers)


def form_accepted(accept: str) -> str | None:
    """Return the form that an Accept header likes best, None if it accepts none of ours.

    Source: RFC 9110, 12.5.1: the most specific range that names a form gives its weight.

    >>> form_accepted("text/html, application/graphml+xml;q=0.9, */*;q=0.1")
    'application/graphml+xml'
    """
    ranges = dict(_weighted(entry) for entry in accept.split(","))
    weights = {form: _weight(form, ranges) for form in FORMS}
    best = max(FORMS, key=lambda form: weights[form])
    return best if weights[best] > 0 else None


def _weighted(entry: str) -> tuple[str, float]:
    """Return one media range with its weight; unreadable weighs 0."""
    media_range, *parameters = (part.strip().lower() for part in entry.split(";"))
    weights = [value for name, _, value in (p.partition("=") for p in parameters) if name == "q"]
    try:
        return media_range, float(weights[0]) if weights else 1.0
    except ValueError:
        return media_range, 0.0


def _weight(form: str, ranges: dict[str, float]) -> float:
    family = f"{form.partition('/')[0]}/*"
    return next((ranges[r] for r in (form, family, "*/*") if r in ranges), 0.0)
