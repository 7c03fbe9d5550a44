"""The drawing of a chain for whoever asks for it without a page."""

from datetime import date, datetime
from uuid import UUID

from fastapi import Request, Response

from service.clock import day_of
from service.tenancy import TenantSession
from service.web.frame import render_drawing
from service.web.i18n import language_of
from service.web.loading import chain_of


def draw_chain(
    request: Request,
    session: TenantSession,
    calibration_id: UUID,
    *,
    on: date | None,
    known_at: datetime,
) -> Response:
    """Return the block diagram (量值溯源框图) of a chain in the language of the request.

    Raises:
        NotFound: the book has no such calibration.
    """
    page = chain_of(
        session,
        calibration_id,
        on=on or day_of(request.app.state.clock()),
        known_at=known_at,
        language=language_of(request),
    )
    return render_drawing(request, page)
