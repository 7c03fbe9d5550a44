"""What is read past the session of one organization is on this list, with the reason.

Everything else goes through `TenantSession`, which narrows each statement to one book.
"""

import re
from pathlib import Path

import service

ROOT = Path(service.__path__[0])
# module: why it opens a connection, a plain session or a transaction of the engine.
REVIEWED = {
    "auth.py": "a log-in's row says whose book it opens, so it is read before any book",
    "backups.py": "the operator copies and counts the whole database, as the owner of the tables",
    "bulk.py": "thousands of rows of the session whose connection it is, each stamped as its own",
    "commands/organizations.py": "the operator creates a tenant, as the owner of the tables",
    "database.py": "the engine itself: how a transaction begins",
    "demo/loader.py": "the demonstration's tenants are created by the owner of the tables",
    "schema.py": "migrations, the guards and the revision, before anything is served",
    "store/directory.py": "the public directory of certificates, and the ids of organizations",
    "store/log.py": "the public log of what was issued: digests, no text of any book",
    "store/summaries.py": "what all organizations stated, for sums of which none can be told",
    "tenancy.py": "the wall itself: it sets whose transaction it is, and locks",
    "web/accounts.py": "invitations, log-ins and proofs of identity, which belong to no book",
}
PAST = re.compile(
    r"engine\.(connect|begin)\(|(?<!Tenant)\bSession\(|(LogIn|Summing)Session\(|\.exec_driver_sql\("
)


def test_every_read_past_the_wall_is_reviewed():
    found = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if PAST.search(path.read_text("utf-8"))
    }

    assert found == REVIEWED.keys()


def test_each_has_a_reason():
    assert all(len(reason) > 20 for reason in REVIEWED.values())
