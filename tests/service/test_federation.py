"""LAB's people log in at their organization's own identity provider, a small one on loopback.

Source: OpenID Connect Core 1.0, 3.1.3.7; RFC 7636.
"""

import base64
import hashlib
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from service import federation
from service.tables.certificates import PROOF_LASTS
from tests.service import entering

KEY, FOREIGN_KEY = (RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}) for _ in range(2))


class FakeProvider(ThreadingHTTPServer):
    """Says of everybody who comes with the code and the verifier what `claims` say."""

    def __init__(self, clock):
        super().__init__(("127.0.0.1", 0), Answering)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.clock, self.key, self.asked, self.claims = clock, KEY, {}, {}
        self.proven_at = None  # the moment at which they typed their password; never said, if None

    def id_token(self):
        now = int(self.clock.now.timestamp())
        told = {"iss": self.issuer, "aud": "suyuan", "sub": "u-1", "iat": now, "exp": now + 60,
                "nonce": self.asked["nonce"], "amr": ["pwd", "otp"]}  # fmt: skip
        if self.proven_at is not None:
            told["auth_time"] = int(self.proven_at.timestamp())
        return jwt.encode({"alg": "RS256", "kid": "1"}, told | self.claims, self.key)


class Answering(BaseHTTPRequestHandler):
    server: FakeProvider

    def do_GET(self):
        issuer = self.server.issuer
        self.tell(
            {"keys": [KEY.as_dict(private=False)]}
            if self.path == "/keys"
            else {"issuer": issuer, "authorization_endpoint": f"{issuer}/authorize",
                  "token_endpoint": f"{issuer}/token", "jwks_uri": f"{issuer}/keys"}
        )  # fmt: skip

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        said = {name: values[0] for name, values in parse_qs(body).items()}
        sha256 = hashlib.sha256(said.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(sha256).decode().rstrip("=")
        if said["code"] == "c" and challenge == self.server.asked["code_challenge"]:
            self.tell({"access_token": "a", "token_type": "Bearer",
                       "id_token": self.server.id_token()})  # fmt: skip
        else:
            self.tell({"error": "invalid_grant"}, status=400)

    def tell(self, document, *, status=200):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_args):
        """Say nothing."""


@pytest.fixture
def provider(clock):
    server = FakeProvider(clock)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def app(database, tmp_path, clock, names, provider):
    with entering.application(
        database.application, tmp_path, clock, oidc_issuer=provider.issuer,
        oidc_client_id="suyuan", oidc_client_secret="s",  # noqa: S106
    ) as app:  # fmt: skip
        yield app


def go(client, provider, path="/log-in/oidc", **said):
    """Go to the provider and come back with its code; return the answer then."""
    there = urlsplit(client.get(path).headers["location"])
    provider.asked = {name: values[0] for name, values in parse_qs(there.query).items()}
    back = {"code": "c", "state": provider.asked["state"]} | said
    return client.get("/log-in/oidc/callback", params=back)


@pytest.fixture
def linked(enter, provider):
    """Fang Wang, who has linked her account at the provider."""
    client = enter("metrologist", "wang")
    assert go(client, provider, "/log-in/oidc?link=true").headers["location"] == "/account"
    return client


def test_who_linked_an_account_logs_in_there(browser, provider, linked):
    client = browser()

    answer = go(client, provider)

    assert answer.headers["location"] == "/"
    assert client.get("/v1/people").json()[0]["name_en"] == "Fang Wang"
    assert provider.asked["code_challenge_method"] == "S256"
    assert provider.asked["prompt"] == "login"


def test_whom_nobody_knows_stays_outside(browser, provider, linked):
    provider.claims = {"sub": "u-2"}

    assert go(browser(), provider).status_code == 401


def test_an_answer_that_does_not_hold_logs_nobody_in(browser, provider, linked, clock):
    past = int(clock.now.timestamp()) - 120
    wrong = (
        {"iss": "https://evil.example"}, {"aud": "another"}, {"nonce": "of another log-in"},
        {"exp": past},
    )  # fmt: skip

    for claims in wrong:
        provider.claims = claims
        assert go(browser(), provider).status_code == 401, claims
    provider.claims = {}
    assert go(browser(), provider, state="x").status_code == 401
    assert go(browser(), provider, code="x").status_code == 401
    provider.key = FOREIGN_KEY
    assert go(browser(), provider).status_code == 401


def test_an_answer_is_taken_where_the_log_in_began(browser, provider, linked):
    begun, other = browser(), browser()
    there = urlsplit(begun.get("/log-in/oidc").headers["location"])
    said = {"code": "c", "state": parse_qs(there.query)["state"][0]}

    assert other.get("/log-in/oidc/callback", params=said).status_code == 401


# --- The proof behind a signature ----------------------------------------------------------------

PROVE = "/log-in/oidc?prove=true&back=/account%3Fx=1"


def may_sign(client):
    """Whether the last proof of identity is fresh enough, as for a signature."""
    answer = client.post("/account/second-factor", data={"code": "000000"})
    return answer.status_code == 422  # the code is wrong; otherwise it asks who one is


@pytest.fixture
def long_logged_in(linked, provider, clock):
    """Fang Wang, who logged in at the provider, and then worked for ten minutes."""
    clock.now += timedelta(minutes=10)
    assert not may_sign(linked)
    return linked


def test_a_proof_at_the_provider_is_good_for_a_signature(long_logged_in, provider, clock):
    before = dict(long_logged_in.cookies)
    provider.proven_at = clock.now

    answer = go(long_logged_in, provider, PROVE)

    assert answer.headers["location"] == "/account?x=1"
    assert (provider.asked["prompt"], provider.asked["max_age"]) == ("login", "300")
    assert may_sign(long_logged_in)
    assert dict(long_logged_in.cookies) != before  # another token
    clock.now += PROOF_LASTS + timedelta(seconds=1)
    assert not may_sign(long_logged_in)


def test_a_proof_that_is_old_or_of_no_age_or_of_somebody_else_signs_nothing(
    long_logged_in, provider, clock
):
    for proven_at, claims in (
        (None, {}),
        (clock.now - timedelta(seconds=361), {}),
        (clock.now + timedelta(seconds=61), {}),
        (clock.now, {"auth_time": "now"}),
        (clock.now, {"sub": "u-2"}),
        (clock.now, {"nonce": "of another visit"}),
    ):
        provider.proven_at, provider.claims = proven_at, claims
        assert go(long_logged_in, provider, PROVE).status_code == 401, (proven_at, claims)
        assert not may_sign(long_logged_in)


def test_a_log_in_of_no_age_signs_nothing(browser, linked, provider, clock):
    client = browser()
    assert go(client, provider).headers["location"] == "/"
    assert not may_sign(client)

    provider.proven_at = clock.now
    assert go(client, provider).headers["location"] == "/"
    assert may_sign(client)


def test_the_page_offers_the_provider_to_who_is_linked_there(enter, linked):
    assert "prove=true" in linked.get("/reauthenticate?back=/account").text
    assert "prove=true" not in enter("viewer", "zhao").get("/reauthenticate").text


def test_the_provider_is_asked_for_the_age_that_a_signature_needs():
    assert timedelta(seconds=federation.OLDEST) == PROOF_LASTS
