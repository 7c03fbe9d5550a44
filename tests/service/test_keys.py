"""A ledger system comes by night with a key that a metrologist made."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.actions import keys
from tests.service.entering import key_of

STOLEN = "suyuan_" + "0" * 44 + "_" + "a" * 49


@pytest.fixture
def machine(browser):
    """Open a client that sends a key."""

    def machine_(key):
        client = browser()
        client.headers["authorization"] = f"Bearer {key}"
        return client

    return machine_


def test_a_key_does_what_it_was_made_for_and_no_more(enter, machine):
    key = key_of(enter("metrologist", "wang"), "book:read", "items:write")

    client = machine(key)

    assert client.get("/v1/people").status_code == 200
    for path in ("/v1/calibrations", "/v1/people", "/v1/api-keys"):
        assert client.post(path, json={}).json()["type"] == "/problems/not-permitted", path


def test_it_never_may_more_than_its_person_may(enter, machine):
    administrator, wang = enter("administrator", "chen"), enter("metrologist", "wang")
    key = key_of(wang, "book:read", "people:write", "calibrations:write")
    client = machine(key)
    assert client.post("/v1/calibrations", json={}).status_code == 422
    assert client.post("/v1/people", json={}).status_code == 403

    person = administrator.get("/v1/people").json()[1]["id"]
    administrator.post(f"/v1/people/{person}/roles", json={"role": "viewer"})

    assert client.post("/v1/calibrations", json={}).status_code == 403
    administrator.post(f"/v1/people/{person}/roles", json={"role": None})
    assert client.get("/v1/people").status_code == 401


def test_a_revoked_or_expired_key_is_nobodys(enter, machine, clock):
    wang = enter("metrologist", "wang")
    revoked, expired = key_of(wang, "book:read"), key_of(wang, "book:read")
    id_ = wang.get("/v1/api-keys").json()[1]["id"]
    wang.post(f"/v1/api-keys/{id_}/revocation")

    assert machine(revoked).get("/v1/people").status_code == 401
    assert machine(expired).get("/v1/people").status_code == 200
    clock.now += timedelta(days=91)
    assert machine(expired).get("/v1/people").status_code == 401


def test_what_is_no_key_is_refused_even_with_a_log_in(enter):
    client = enter("metrologist", "wang")

    for header in ("", "Basic d2FuZzp3YW5n", "Bearer", "Bearer x", f"Bearer {STOLEN}"):
        answer = client.get("/v1/people", headers={"authorization": header})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_mistyped_key_is_seen_without_asking_anybody(enter):
    key = key_of(enter("metrologist", "wang"), "book:read")

    for position in range(len(key)):
        letter = "a" if key[position] != "a" else "b"
        assert keys.read(key[:position] + letter + key[position + 1 :]) is None
    assert keys.read(key) is not None


@given(st.text())
def test_no_text_breaks_the_reader_of_keys(text):
    assert keys.read(text) is None
    assert keys.read("suyuan_" + text) is None


def test_a_key_is_shown_once_and_kept_as_a_seal_alone(enter):
    wang = enter("metrologist", "wang")

    key = key_of(wang, "book:read")

    secret = key.rsplit("_", maxsplit=1)[1][:43]
    told = wang.get("/v1/api-keys").text
    assert secret not in told
    assert "secret" not in told


def test_nobody_ends_a_colleagues_key_but_who_manages_people(enter):
    administrator, wang, chen = (
        enter(role, name)
        for role, name in (("administrator", "zhao"), ("metrologist", "wang"), ("checker", "chen"))
    )
    key_of(wang, "book:read")
    path = f"/v1/api-keys/{wang.get('/v1/api-keys').json()[0]['id']}/revocation"

    assert chen.post(path).status_code == 403
    assert administrator.post(path).json()["revoked_at"] is not None


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"scopes": ["book:write"]}, "/scopes"),
    ({"scopes": ["keys:write"]}, "/scopes"),
    ({"expires_at": "2026-03-01T00:00:00Z"}, "/expires_at"),
    ({"expires_at": "2027-06-01T00:00:00Z"}, "/expires_at"),
    ({"expires_at": "2026-06-01T00:00:00"}, "/expires_at"),
    ({"name": "  "}, "/name"),
]


def test_a_key_that_cannot_be_is_refused_with_the_field(enter):
    right = {"name": "x", "scopes": ["book:read"], "expires_at": "2026-04-01T00:00:00Z"}
    client = enter("metrologist", "wang")

    for said, pointer in WRONG:
        answer = client.post("/v1/api-keys", json=right | said)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert client.get("/v1/api-keys").json() == []
