"""The demonstration's application on a test's database, and what is looked for in its pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from fastapi.testclient import TestClient

from service.app import create_app
from service.auth import ACTING_COOKIE
from service.demo.story import Story, live
from service.demo.world import World, identifier, moment
from service.lookup import LookupKeys
from service.settings import Settings
from tests.seals import SEALS

EVENING = 18  # after the story, and before midnight wherever the tests run


@contextmanager
def demonstration_client(
    world: World, database: Any, keys: LookupKeys, folder: Path, *, accept: str
) -> Iterator[TestClient]:
    """Yield a client of the demonstration, looked at as the power plant's first metrologist."""
    settings = Settings(
        database_url=database.application,
        lookup_key_file=folder / "lookup-key",
        demonstration_person=identifier("person:TPP:1"),
        demonstration_organization=identifier("TPP"),
        demonstration_today=world.as_of,
    )
    app = create_app(settings)
    app.state.keys, app.state.seals = keys, SEALS
    app.state.clock = lambda: moment(world.as_of, EVENING)
    yield TestClient(app, headers={"accept": accept}, follow_redirects=False)
    app.state.engine.dispose()


def live_story(world: World, client: TestClient) -> Story:
    """Let the story happen in the client's database."""
    state = client.app.state  # type: ignore[attr-defined]  # TestClient calls it an ASGI function
    url = "http://testserver/c/{number}"
    return live(world, state.engine, keys=state.keys, seals=state.seals, today=world.as_of, url=url)


def live_recalls(client: TestClient) -> tuple[str, str]:
    """Let two standards be found wrong; return the plant's recall and the notice that it gets.

    The plant finds its pressure module wrong, the province its piston gauge.
    """
    wrong = {"last_good_on": "2026-06-30", "found_on": "2026-11-21", "unit": "MPa",
             "assumption": "step_at_start"}  # fmt: skip
    opened = client.post(
        f"/calibrations/{identifier('ev:TPP.PRES.M25:2026-03-17')}/recall",
        data=wrong | {"last_good_on": "2026-03-18", "as_found": "0=0.01 2.5=0.01"},
    )
    client.cookies.set(ACTING_COOKIE, f"{identifier('PROV')}.{identifier('person:PROV:1')}")
    provinces = client.post(
        f"/calibrations/{identifier('ev:P.PRES.P:2025-06-27')}/recall",
        data=wrong | {"as_found": "0=0.001 60=0.001"},
    )
    client.post(f"{provinces.headers['location']}/letters")
    client.cookies.clear()
    notices = client.get("/v1/notices", headers={"accept": "application/json"}).json()
    return opened.headers["location"].rpartition("/")[2], notices[0]["id"]


def links_of(page: str, at: str) -> list[str]:
    """Return the addresses of ours that a page leads to, without their fragments."""
    hrefs = (piece.split('"', 1)[0] for piece in page.split('href="')[1:])
    found = (urlsplit(urljoin(at, href.replace("&amp;", "&"))) for href in hrefs)
    return [link._replace(fragment="").geturl() for link in found if not link.netloc]
