"""A process that dies while it issues a certificate, after everything but the files is written.

python -m tests.service.issue_and_die DATABASE_URL ORGANIZATION_ID CALIBRATION_ID
"""

import os
import sys
from typing import Never
from uuid import UUID

from certificates.content import CertificateContent
from service.database import open_engine
from service.store import people
from service.tenancy import TenantSession
from tests.service import books


def die(content: CertificateContent) -> Never:
    """Tell the number that was given, and end at once: no rollback, no goodbye."""
    sys.stdout.write(content.number)
    sys.stdout.flush()
    os._exit(9)


if __name__ == "__main__":
    url, organization_id, calibration_id = sys.argv[1:]
    with TenantSession(open_engine(url), UUID(organization_id)) as session, session.begin():
        signatories = {person.role: person for person in people.of_organization(session)}
        books.issue(session, UUID(calibration_id), signatories, render=die)
