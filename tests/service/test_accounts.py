"""LAB's administrator is invited at the terminal and lets the laboratory's people in.

Nobody has a default password; what a person may do follows from the role, at every door.
"""

from datetime import date, timedelta
from uuid import UUID

import pyotp
import pytest
from sqlmodel import SQLModel, col, select

from service.actions import accounts, organizations
from service.store import people as people_store
from service.tables.accounts import Account
from service.tables.people import Person
from service.tenancy import CrossesTenants, LogInSession, TenantSession
from tests.service.entering import PASSWORD

TABLES = SQLModel.metadata.sorted_tables


def log_in(client, name, password=PASSWORD, **said):
    return client.post("/log-in", data={"name": name, "password": password, **said})


def test_an_invitation_is_taken_once(browser, invite, clock):
    path = invite("metrologist")
    client = browser()
    assert "Fang Wang" in client.get(path, headers={"accept": "text/html"}).text

    client.post(path, data={"name": "wang", "password": PASSWORD})

    assert client.get("/v1/people").json()[0]["role"] == "metrologist"
    assert client.post(path, data={"name": "li", "password": PASSWORD}).status_code == 404
    late = invite("viewer")
    clock.now += timedelta(days=7)
    assert client.get(late).status_code == 404


IMPOSSIBLE = {
    "short name": ("wu", PASSWORD, ""),
    "blank": ("two words", PASSWORD, ""),
    "short": ("wang", "fourteen chars", ""),
    "everybody's": ("wang", "Passw0rd12345678!", ""),
    "the own name": ("wang", "fangwangfangwang", ""),
    "wrong code": ("wang", PASSWORD, "000000x"),
}


def test_what_cannot_be_is_told_and_the_invitation_stays(browser, invite):
    client, path = browser(), invite("viewer")

    for name, password, code in IMPOSSIBLE.values():
        answer = client.post(path, data={"name": name, "password": password, "code": code})
        assert answer.status_code == 422
        assert "set-cookie" not in answer.headers

    answer = client.post(path, data={"name": "right", "password": PASSWORD})
    assert answer.status_code == 303


def test_a_log_in_is_a_cookie_of_this_host_and_ends_by_logging_out(browser, enter):
    enter("metrologist", "wang")
    client = browser()

    answer = log_in(client, " WANG ", back="/due")

    assert answer.headers["location"] == "/due"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-suyuan=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= {*cookie.split("; ")}
    assert client.get("/v1/people").status_code == 200
    kept = client.cookies["__Host-suyuan"]
    client.post("/log-out")
    client.cookies.set("__Host-suyuan", kept)
    assert client.get("/v1/people").status_code == 401


def test_it_leads_nowhere_else(browser, enter):
    enter("metrologist", "wang")

    for back in ("https://evil.example", "//evil.example", "/\\evil.example"):
        assert log_in(browser(), "wang", back=back).headers["location"] == "/"


def test_the_tokens_are_kept_nowhere(owner, invite, enter):
    path = invite("viewer")
    token = enter("viewer", "wang").cookies["__Host-suyuan"]

    with owner.connect() as connection:
        kept = str([connection.execute(table.select()).all() for table in TABLES])

    assert token not in kept
    assert path.rsplit("/", maxsplit=1)[-1] not in kept
    assert PASSWORD not in kept
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in kept


@pytest.mark.parametrize("minutes", [30, 12 * 60], ids=["idle", "absolute"])
def test_a_log_in_ends_by_itself(enter, clock, minutes):
    client = enter("viewer", "wang")

    for _ in range(minutes // 29 - 1):
        clock.now += timedelta(minutes=29)
        assert client.get("/v1/people").status_code == 200
    clock.now += timedelta(minutes=minutes - 29 * (minutes // 29 - 1))

    assert client.get("/v1/people").status_code == 401


def test_logging_out_everywhere_ends_them_all(browser, enter):
    first = enter("viewer", "wang")
    second = browser()
    log_in(second, "wang")

    second.post("/log-out", data={"everywhere": "true"})

    assert first.get("/v1/people").status_code == 401


def test_ten_guesses_of_a_password_then_no_more_even_the_right_one(browser, enter):
    enter("viewer", "wang")
    client = browser()

    guesses = [log_in(client, "wang", "wrong").status_code for _ in range(11)]

    assert guesses == [401] * 10 + [429]
    assert log_in(client, "wang").status_code == 429
    elsewhere = [log_in(client, f"someone-{n}", "wrong").status_code for n in range(2)]
    assert elsewhere == [429, 429]


def test_an_unknown_name_is_told_as_a_wrong_password_is(browser, enter):
    enter("viewer", "wang")

    known, unknown = (log_in(browser(), name, "wrong").text for name in ("wang", "nobody"))

    assert known == unknown.replace("nobody", "wang")


def test_another_site_sends_nothing_in_a_persons_name(enter):
    client = enter("administrator", "chen")
    headers = {"sec-fetch-site": "cross-site"}

    answer = client.post("/people", headers=headers, data={"name_zh": "x", "name_en": "x",
                                                           "role": "viewer"})  # fmt: skip

    assert answer.status_code == 403
    assert len(client.get("/v1/people").json()) == 1


def test_a_proof_of_identity_is_given_again_under_another_token(enter, clock):
    client = enter("viewer", "wang")
    before = client.cookies["__Host-suyuan"]
    clock.now += timedelta(seconds=301)
    other = "seven brass kettles sing at noon"
    refused = client.post("/account/password", data={"password": other})

    client.post("/reauthenticate", data={"password": PASSWORD})

    assert refused.json()["type"] == "/problems/reauthentication-required"
    assert client.cookies["__Host-suyuan"] != before
    assert client.post("/account/password", data={"password": other}).status_code == 303
    assert log_in(client, "wang").status_code == 401
    assert log_in(client, "wang", other).status_code == 303


def test_an_approver_needs_a_second_factor_whose_codes_work_once(browser, invite, clock):
    client, path = browser(), invite("approver")
    key = client.get(path).text.split('class="code">')[-1].split("<", 1)[0]
    code = pyotp.TOTP(key).at(clock.now)
    said = {"name": "zhao", "password": "8 lamps", "code": code}
    assert client.post(path, data={**said, "password": PASSWORD, "code": ""}).status_code == 422
    assert client.post(path, data=said).status_code == 422  # 7 characters

    assert client.post(path, data={**said, "password": "9 lamps, lit"}).status_code == 303

    assert log_in(browser(), "zhao", "9 lamps, lit").status_code == 401
    assert log_in(browser(), "zhao", "9 lamps, lit", code=code).status_code == 401
    clock.now += timedelta(seconds=30)
    fresh = pyotp.TOTP(key).at(clock.now)
    assert log_in(browser(), "zhao", "9 lamps, lit", code=fresh).status_code == 303


def test_who_becomes_an_approver_changes_nothing_without_a_second_factor(enter, open_as, clock):
    client = enter("metrologist", "wang")
    with open_as("LAB") as session, session.begin():
        me = people_store.of_organization(session)[0].id
        accounts.change_role(session, me, "approver", actor_id=me, now=clock.now)

    refused = client.post("/v1/api-keys", json={"name": "x", "scopes": ["book:read"],
                                                "expires_at": "2026-04-01T00:00:00Z"})  # fmt: skip

    assert client.get("/v1/people").status_code == 200
    assert refused.status_code == 403
    assert "second factor" in refused.json()["detail"]


def test_one_human_in_two_organizations_changes_over(enter, browser, app, names, open_as, clock):
    client = enter("viewer", "wang")
    with open_as("LAB") as session:
        identity_id = people_store.of_organization(session)[0].identity_id
    with TenantSession(app.state.engine, names.ENT) as session, session.begin():
        person = organizations.add_person(
            session, identity_id, actor_id=names.ENT, now=clock.now, authorised={},
            name_zh="王芳", name_en="Fang Wang of ENT", role="ledger_keeper",
        )  # fmt: skip
        accounts.invite_again(session, person.id, actor_id=None, now=clock.now)

    client.post("/account/organization", data={"organization_id": str(names.ENT)})

    assert client.get("/v1/people").json()[0]["name_en"] == "Fang Wang of ENT"
    strange = client.post("/account/organization", data={"organization_id": str(names.OTH)})
    assert strange.status_code == 404


def test_the_administrator_manages_people_and_who_leaves_is_out_at_once(enter):
    client, colleague = enter("administrator", "chen"), enter("metrologist", "wang")
    person = client.get("/v1/people").json()[1]["id"]

    authorised = client.post(
        f"/v1/people/{person}/authorisations",
        json={"procedure_code": "JJG 52", "valid_until": "2027-01-31"},
    )
    left = client.post(f"/v1/people/{person}/roles", json={"role": None})

    assert authorised.json()["authorisations"] == [
        {"procedure_code": "JJG 52", "valid_until": "2027-01-31"}
    ]
    assert left.json()["role"] is None
    assert colleague.get("/v1/people").status_code == 401
    assert log_in(colleague, "wang").status_code == 303  # the account is the human's own
    assert colleague.get("/v1/people").status_code == 401


def test_the_last_administrator_stays_one(enter):
    client = enter("administrator", "chen")
    me = client.get("/v1/people").json()[0]["id"]

    answer = client.post(f"/v1/people/{me}/roles", json={"role": "viewer"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/role"


@pytest.mark.parametrize("role", ["metrologist", "viewer", "inspector"])
def test_nobody_else_invites(enter, role):
    said = {"name_zh": "赵", "name_en": "Zhao", "role": "administrator"}

    answer = enter(role, "wang").post("/v1/people", json=said)

    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-permitted")


def test_the_log_in_reaches_no_book_and_no_book_the_log_in(engine, names, open_as):
    with LogInSession(engine) as logins, pytest.raises(CrossesTenants):
        logins.exec(select(Person)).all()
    with LogInSession(engine) as logins, pytest.raises(CrossesTenants):
        logins.exec(
            select(Account).where(col(Account.identity_id).in_(select(Person.identity_id)))
        ).all()
    with open_as("LAB") as session, pytest.raises(CrossesTenants):
        session.exec(select(Account)).all()


def test_authorisations_end_on_their_day(enter, open_as, clock):
    client = enter("administrator", "chen")
    me = client.get("/v1/people").json()[0]["id"]
    client.post(f"/v1/people/{me}/authorisations",
                json={"procedure_code": "JJG 52", "valid_until": "2026-12-31"})  # fmt: skip

    with open_as("LAB") as session:
        until = people_store.authorised_until(session, UUID(me), "JJG 52")

    assert until == date(2026, 12, 31)
