"""A key that never leaves its token, by SoftHSM: certificates sealed by it are like any other."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certificates.authentication import Form, authenticate
from certificates.errors import KeyUnusable
from service.rendering import render
from service.seals import Seals
from service.tokens import Token

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def token(need, tmp_path_factory):
    """A token of its own; SoftHSM reads its configuration once a process."""
    need(programs=("softhsm2-util",), packages=("pkcs11",))
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", "lab", "--so-pin", "1234",  # noqa: S607
         "--pin", "5678"],
        check=True, capture_output=True,
    )  # fmt: skip
    return Token(MODULE, "lab", "5678")


def test_a_key_in_a_token_seals_and_stays_there(token, verification, tmp_path):
    seals = Seals(tmp_path, token=token)
    made = seals.create("TPP", "Plant (example)", now=NOW)
    files = render(verification, Seals(tmp_path, token=token).signer("TPP"), NOW, schemas=None)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["TPP-1.pem", "TPP-1.token"]
    for form in (Form.PDF, Form.XML):
        found = authenticate(files[form], trusted=[made.certificate], proof=None)
        assert found.sealed_by == made.certificate
        assert found.says is not None
        assert found.says.number == verification.number
    with pytest.raises(KeyUnusable, match="stays in the token"):
        token.key("TPP-1").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_an_authority_may_certify_it(token, tmp_path):
    seals = Seals(tmp_path, token=token)
    request = seals.request("REQ", "Plant (example)")
    (tmp_path / "request.txt").write_text(request)

    told = subprocess.run(
        ["openssl", "req", "-in", "request.txt", "-noout", "-verify"],  # noqa: S607
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip

    assert "verify OK" in told.stdout + told.stderr


@pytest.mark.parametrize("wrong", [{"pin": "0000"}, {"label": "other"}, {"module": Path("no.so")}])
def test_a_token_that_is_not_to_be_reached_is_refused(token, wrong):
    known = {"module": MODULE, "label": "lab", "pin": "5678"}

    with pytest.raises(KeyUnusable, match="token"):
        Token(**known | wrong).make_key("X-1")
    with pytest.raises(KeyUnusable, match="NoSuchKey"):
        token.key("nobody")
