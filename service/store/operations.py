"""Reading what keeps callers in step: the answers given under a key."""

from service.tables.operations import IdempotencyKey
from service.tenancy import TenantSession


def idempotency_key(session: TenantSession, key: str) -> IdempotencyKey | None:
    """Return the answer that the book keeps under a key."""
    return session.get(IdempotencyKey, (session.organization_id, key))
