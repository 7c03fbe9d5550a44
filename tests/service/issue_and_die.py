"""A process that dies while it issues a certificate: before its files, or with its last word.

python -m tests.service.issue_and_die DATABASE_URL ORGANIZATION_ID CALIBRATION_ID WHERE
"""

import os
import sys
from typing import Any, Never
from uuid import UUID

from service import outbox
from service.database import open_engine
from service.store import people
from service.tenancy import TenantSession
from tests.service import books

MEANINGS = {"metrologist": "calibrated", "checker": "checked", "approver": "approved"}


def die(*_: Any, **__: Any) -> Never:
    """End at once: no rollback, no goodbye."""
    os._exit(9)


def compose(number: str) -> Any:
    """Tell the number that was given, and return the content."""
    sys.stdout.write(number)
    sys.stdout.flush()
    return books.content_of(number, signatories)


if __name__ == "__main__":
    url, organization_id, calibration_id, where = sys.argv[1:]
    outbox.announce = die
    with TenantSession(open_engine(url), UUID(organization_id)) as session, session.begin():
        signatories = {MEANINGS[person.role]: person for person in people.of_organization(session)}
        said = {"render": die} if where == "the files" else {}
        books.issue(session, UUID(calibration_id), signatories, compose=compose, **said)
