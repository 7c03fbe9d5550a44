"""What the tests of the network ask of the demonstration world's own data, by brute force.

And a client of the doors of the network, which acts for any organization of the world.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from service.api import covariances, dependents, fitness
from service.auth import ACTING_COOKIE
from service.demo.world import identifier
from tests.service.demonstration import demonstration_client

PISTON = "ev:P.PRES.P:2025-06-27"  # the province's piston gauge, calibrated by the institute


@contextmanager
def doors_of_the_network(world: Any, database: Any, keys: Any, folder: Any) -> Iterator[TestClient]:
    """Yield a client of the demonstration that speaks JSON."""
    with demonstration_client(world, database, keys, folder, accept="application/json") as client:
        app: Any = client.app
        known = {context.path for context in iter_route_contexts(app.routes)}
        for module in (dependents, covariances, fitness):
            paths = {f"/v1{context.path}" for context in iter_route_contexts(module.router.routes)}
            if not paths & known:
                app.include_router(module.router, prefix="/v1")
        yield client


def act_for(client: TestClient, code: str) -> None:
    """Let the client act for an organization, as the first of its people."""
    client.cookies.set(ACTING_COOKIE, f"{identifier(code)}.{identifier(f'person:{code}:1')}")


def resting_on(world: Any, event_id: str, *, after: str = "", until: str = "9999") -> set[str]:
    """Return all events that rest on a use of one made in a window of days."""
    events = {row["id"]: row for row in world.data["events"]}
    users = defaultdict(set)
    for event in events.values():
        for reference in event["references"]:
            users[reference["event"]].add(event["id"])
    found: set[str] = set()
    open_ = {id_ for id_ in users[event_id] if after < events[id_]["performed_on"] <= until}
    while open_:
        id_ = open_.pop()
        found.add(id_)
        open_ |= users[id_] - found
    return found


def in_book_of(world: Any, code: str, event_ids: set[str]) -> set[str]:
    """Return which events an organization made or received."""
    events = {row["id"]: row for row in world.data["events"]}
    return {id_ for id_ in event_ids if code in (events[id_]["maker"], events[id_]["receiver"])}


def names_of(world: Any) -> dict[str, str]:
    """Return the name of each event by its id as JSON writes it."""
    return {str(identifier(row["id"])): row["id"] for row in world.data["events"]}
