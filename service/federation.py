"""Logging in at an identity provider: OpenID Connect Core 1.0, the code flow with PKCE.

The provider is the operator's choice; what it says counts only under its signature, for us, in
answer to this very log-in, and not expired.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote, unquote

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from service.errors import NotAuthenticated

ALGORITHMS = ["RS256", "ES256"]  # never none, never one whose key we would share
MULTI_FACTOR = frozenset({"mfa", "otp", "hwk", "sc"})  # of amr (RFC 8176)
SECONDS = 10.0
OLDEST = 300  # seconds since the proof of identity behind a signature; `auth.FRESH`
LEEWAY = 60  # seconds between the provider's clock and ours


@dataclass(frozen=True, slots=True)
class Provider:
    """The identity provider, and as whom we come to it."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str


class Purpose(StrEnum):
    """What for somebody goes to the provider."""

    LOG_IN = "log-in"
    LINK = "link"  # the account there with the one here
    PROVE = "prove"  # again who one is, as a signature needs it


@dataclass(frozen=True, slots=True)
class Pending:
    """A visit under way: what the provider must give back, and what proves that we began it.

    Attributes:
        back: the page of ours to go on to.
    """

    state: str
    nonce: str
    verifier: str
    purpose: Purpose
    back: str

    @classmethod
    def begin(cls, purpose: Purpose, back: str = "/") -> "Pending":
        """Return a new one."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, purpose, back)

    def as_text(self) -> str:
        """Return it as a cookie keeps it."""
        return ".".join((self.state, self.nonce, self.verifier, self.purpose, quote(self.back)))

    @classmethod
    def read(cls, text: str) -> "Pending | None":
        """Return what a cookie kept; None if it is none of ours."""
        parts = text.split(".", 4)
        if len(parts) != 5 or not parts[0] or parts[3] not in set(Purpose):
            return None
        state, nonce, verifier, purpose, back = parts
        return cls(state, nonce, verifier, Purpose(purpose), unquote(back))


@dataclass(frozen=True, slots=True)
class Proven:
    """Who the provider says it is, when it saw the proof, and whether that had a second factor.

    A provider that does not say when (`auth_time`) may have seen it at any time: `at` is long ago
    then, and nothing is signed by it.
    """

    subject: str
    at: datetime
    second_factor: bool


def address_of(provider: Provider, pending: Pending) -> str:
    """Return where the browser goes to log in there, anew."""
    asked = {"max_age": str(OLDEST)} if pending.purpose is Purpose.PROVE else {}
    with _client(provider) as client:
        told = _metadata(client, provider)
        url, _ = client.create_authorization_url(
            told["authorization_endpoint"],
            state=pending.state,
            nonce=pending.nonce,
            code_verifier=pending.verifier,
            prompt="login",
            **asked,
        )
    return str(url)


def finish(provider: Provider, pending: Pending, code: str, state: str, *, now: datetime) -> Proven:
    """Return whom the provider has authenticated.

    Raises:
        NotAuthenticated: the answer is not to this log-in, or not the provider's.
    """
    if not secrets.compare_digest(state.encode(), pending.state.encode()):
        raise NotAuthenticated("the answer is not to a log-in that began here")
    try:
        with _client(provider) as client:
            told = _metadata(client, provider)
            token = client.fetch_token(
                told["token_endpoint"], code=code, code_verifier=pending.verifier
            )
            keys = KeySet.import_key_set(
                client.request("GET", told["jwks_uri"], withhold_token=True).json()
            )
        claims = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS).claims
        _check(claims, provider, pending, now)
    except (OAuthError, JoseError, KeyError, ValueError) as error:
        raise NotAuthenticated("the identity provider's answer does not hold") from error
    return Proven(
        subject=claims["sub"],
        at=datetime.fromtimestamp(min(claims.get("auth_time", 0), now.timestamp()), UTC),
        second_factor=bool(MULTI_FACTOR & set(claims.get("amr", ()))),
    )


def _check(claims: Mapping[str, Any], provider: Provider, pending: Pending, now: datetime) -> None:
    """Refuse claims that are not this provider's, for us, of this log-in, of now (3.1.3.7).

    A proof that was asked for by `max_age` must say how old it is, and be no older (2, auth_time).
    """
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        nonce={"essential": True, "value": pending.nonce},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        auth_time={"essential": pending.purpose is Purpose.PROVE},
    )
    registry.validate(dict(claims))
    proven_at = claims.get("auth_time", 0)
    if not isinstance(proven_at, int | float) or proven_at > now.timestamp() + LEEWAY:
        raise ValueError("auth_time is no moment of the past")
    if pending.purpose is Purpose.PROVE and now.timestamp() - proven_at > OLDEST + LEEWAY:
        raise ValueError("the proof of identity is an old one")


def _client(provider: Provider) -> OAuth2Client:
    return OAuth2Client(
        provider.client_id,
        provider.client_secret,
        scope="openid",
        redirect_uri=provider.redirect_uri,
        code_challenge_method="S256",
        timeout=SECONDS,
        trust_env=False,
    )


def _metadata(client: OAuth2Client, provider: Provider) -> dict[str, str]:
    url = provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
    told: dict[str, str] = client.request("GET", url, withhold_token=True).json()
    if told.get("issuer") != provider.issuer:
        raise NotAuthenticated("the identity provider calls itself by another name")
    return told
