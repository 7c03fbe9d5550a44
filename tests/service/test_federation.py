"""LAB's people log in at their organization's own identity provider, a small one on loopback.

Source: OpenID Connect Core 1.0, 3.1.3.7; RFC 7636.
"""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.service import entering

KEY, FOREIGN_KEY = (RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}) for _ in range(2))


class FakeProvider(ThreadingHTTPServer):
    """Says of everybody who comes with the code and the verifier what `claims` say."""

    def __init__(self, clock):
        super().__init__(("127.0.0.1", 0), Answering)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.clock, self.key, self.asked, self.claims = clock, KEY, {}, {}

    def id_token(self):
        now = int(self.clock.now.timestamp())
        told = {"iss": self.issuer, "aud": "suyuan", "sub": "u-1", "iat": now, "exp": now + 60,
                "nonce": self.asked["nonce"], "amr": ["pwd", "otp"]}  # fmt: skip
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
