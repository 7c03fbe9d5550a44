"""Who may do what: eight roles, and what each may change. Everybody may read the own book.

Doors derive what they need from their resource: the first tag of an API route, the first segment
of a page's address. Commands act as the operator of the machine, who needs no role.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

READ = "book:read"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

WORK = frozenset({
    "calibrations", "certificates", "deliveries", "procedures", "recalls", "work-orders",
})  # fmt: skip
LEDGER = frozenset({"items", "ledger", "deliveries", "work-orders", "webhooks"})
# role: the resources that it may change
ROLES: Mapping[str, frozenset[str]] = MappingProxyType({
    "metrologist": WORK | {"items", "ledger", "keys"},
    "checker": WORK | {"keys"},
    "approver": WORK | {"capabilities", "keys"},
    "ledger_keeper": LEDGER | {"keys"},
    "inspector": frozenset({"keys", "regulated-books"}),
    "supervisor": frozenset({"keys", "regulated-books", "grants", "summaries"}),
    "administrator": LEDGER | {"capabilities", "people", "keys", "grants", "summaries"},
    "viewer": frozenset(),
})  # fmt: skip
RESOURCES = tuple(sorted(frozenset().union(*ROLES.values())))
# What is changed with these, under another name.
KINDRED: Mapping[str, str] = MappingProxyType({
    "connections": "webhooks", "due": "items", "due-dates": "items", "imports": "ledger",
    "intake": "deliveries", "notices": "deliveries", "plans": "work-orders",
    "received-documents": "deliveries",
    "revisions": "certificates", "sites": "items",
})  # fmt: skip
# What changes no book, though it is posted: the own account, and questions with a body.
ASKED = frozenset({"account", "covariances", "uncertainty"})
# What not everybody of an organization may even read: it is another's, and each look is told.
READ_BY_FEW = frozenset({"regulated-books"})
NEEDS_SECOND_FACTOR = frozenset({"approver"})


def _permission(resource: str) -> str:
    return f"{resource}:{'read' if resource in READ_BY_FEW else 'write'}"


SCOPES = (READ, *(_permission(resource) for resource in RESOURCES if resource != "keys"))


def needed(method: str, resource: str) -> str:
    """Return what one must be allowed for a request.

    >>> needed("GET", "items"), needed("POST", "items")
    ('book:read', 'items:write')
    """
    if resource not in READ_BY_FEW and (method in SAFE_METHODS or resource in ASKED):
        return READ
    return _permission(KINDRED.get(resource, resource))


def of_role(role: str) -> frozenset[str]:
    """Return what a role may do; a role we do not know only reads."""
    return frozenset({READ, *(_permission(resource) for resource in ROLES.get(role, ()))})


def of_key(role: str, scopes: Collection[str]) -> frozenset[str]:
    """Return what a key may do: what it was made for, and its person still may.

    No key makes keys, whatever its person may.
    """
    return (of_role(role) & frozenset(scopes)) - {"keys:write"}
