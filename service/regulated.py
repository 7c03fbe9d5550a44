"""How a regulator's person reads a book that was opened to it: asked, told in both books, narrow.

Nothing is read before both audit logs hold who looks at what, and when.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine

from service import audit
from service.auth import Actor
from service.errors import NotFound
from service.store import grants as store
from service.store import organizations as organization_store
from service.store import people as people_store
from service.tenancy import GrantedSession, TenantSession


@contextmanager
def granted(
    engine: Engine, actor: Actor, grantor_id: UUID, part: str, *, what: str, now: datetime
) -> Iterator[GrantedSession]:
    """Yield a session that reads one part of another's book, where a grant in force covers it.

    Args:
        what: what is asked for of the book, as both audit logs tell it.

    Raises:
        NotFound: no grant in force covers the part; whether there is such a book is not told.
    """
    with TenantSession(engine, actor.organization_id) as own, own.begin():
        grants = store.in_force(own, grantor_id, at=now, part=part)
        if not grants:
            raise NotFound("granted book", grantor_id)
        grant_id, grantor = grants[0].row.id, grants[0].other.code
        reader = people_store.acting(own, actor.person_id)
        told = {
            "grantee": organization_store.own(own).code,
            "reader_zh": reader.name_zh,
            "reader_en": reader.name_en,
            "what": what,
        }
        audit.record(
            own, "regulated_book.read", grantor_id, actor_id=actor.person_id, now=now,
            said={"grantor": grantor, "what": what},
        )  # fmt: skip
    with TenantSession(engine, grantor_id) as book, book.begin():
        audit.record(book, "grant.used", grant_id, actor_id=actor.person_id, now=now, said=told)
    with GrantedSession(engine, grantor_id, part) as session:
        yield session
