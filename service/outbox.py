"""Writing the outbox: what is to be told to the outside, kept with the fact that it tells of.

An event is named for the fact, `thing.happened`, and its content is thin: ids, and what orders one
telling after another. Whoever hears of it reads the rest through the API.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service.tables.operations import Outbox
from service.tenancy import TenantSession

EVENT_NAME = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")


def announce(
    session: TenantSession, event: str, content: Mapping[str, Any], *, now: datetime
) -> UUID:
    """Write an event beside the fact, in its transaction; the worker tells it once that commits.

    Args:
        event: such as `certificate.issued`.
        content: what JSON can say; ids as text.

    Raises:
        ValueError: the name is not of the form `thing.happened`.
    """
    if not EVENT_NAME.fullmatch(event):
        raise ValueError(f"an event is named thing.happened, not {event}")
    event_id = uuid7()
    row = {"id": event_id, "event": event, "content": dict(content), "due_at": now, "attempts": 0}
    session.insert(Outbox, [row])
    return event_id
