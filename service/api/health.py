"""Whether the process lives, and whether it can do its work."""

from fastapi import APIRouter, Request, Response

from service.dcc_schemas import held_against
from service.errors import DatabaseNotReady
from service.schema import require_ready

router = APIRouter(tags=["operations"])


@router.get("/healthz")
def get_health() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {}})
def get_readiness(request: Request, response: Response) -> dict[str, str]:
    """Say whether the database is migrated and holds its guards.

    `dcc_schema` is the version of PTB's schema that every certificate is held against before it is
    sealed, or "not at hand": then nothing here knows whether its XML is valid.
    """
    try:
        require_ready(request.app.state.engine)
    except DatabaseNotReady as error:
        response.status_code = 503
        return {"status": "not ready", "detail": str(error)}
    schemas = request.app.state.settings.dcc_schema_dir
    return {"status": "ready", "dcc_schema": held_against(schemas) or "not at hand"}
