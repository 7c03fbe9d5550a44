"""The keys of a folder: made for their owner's eyes alone, rotated, and refused where they err."""

import subprocess
from datetime import UTC, datetime
from stat import S_IMODE

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key

from certificates.errors import KeyUnusable
from certificates.signer import KeySigner, read_certificates
from service.errors import SealMissing
from service.seals import Seals, self_signed
from tests.seals import new_signer

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture
def seals(tmp_path):
    return Seals(tmp_path / "keys", b"correct horse")


def test_without_a_key_nobody_seals(seals):
    with pytest.raises(SealMissing, match="suyuan key create LAB"):
        seals.signer("LAB")


def test_a_key_is_made_for_its_owner_alone_and_encrypted(seals):
    made = seals.create("LAB", "Lab (example)", now=NOW)

    key = seals.folder / "LAB-1.key"
    assert S_IMODE(key.stat().st_mode) == 0o600
    assert S_IMODE(seals.folder.stat().st_mode) == 0o700
    assert key.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert made.certificate.holder == "CN=LAB certificate seal,O=Lab (example)"
    signer = seals.signer("LAB")
    assert signer.certificate == made.certificate
    assert made.certificate.verifies(signer.sign(b"what is sealed"), b"what is sealed")
    with pytest.raises(KeyUnusable, match="cannot be read"):
        Seals(seals.folder, b"wrong").signer("LAB")
    with pytest.raises(KeyUnusable, match="cannot be read"):
        Seals(seals.folder).signer("LAB")


def test_a_key_that_others_may_read_does_not_seal(seals):
    seals.create("LAB", "Lab", now=NOW)
    (seals.folder / "LAB-1.key").chmod(0o640)

    with pytest.raises(KeyUnusable, match="chmod 600"):
        seals.signer("LAB")


def test_the_newest_key_seals_and_the_older_ones_stay(seals):
    first = seals.create("LAB", "Lab", now=NOW)
    other = seals.create("OTH", "Another", now=NOW)
    second = seals.create("LAB", "Lab", now=NOW)

    assert seals.signer("LAB").certificate == second.certificate
    assert [key.certificate for key in seals.held("LAB")] == [
        first.certificate,
        second.certificate,
    ]
    assert seals.held()[-1] == other


def test_a_key_may_wait_for_the_certificate_of_an_authority(seals, tmp_path):
    """openssl plays the authority."""
    seals.create("LAB", "Lab", now=NOW)
    (tmp_path / "request.pem").write_text(seals.request("LAB", "Lab (example)"))
    assert len(seals.held("LAB")) == 1
    ca = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
          "-nodes", "-subj", "/CN=CA", "-keyout", "ca.key", "-out", "ca.pem"]  # fmt: skip
    issue = ["openssl", "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key",
             "-out", "lab.pem"]  # fmt: skip
    for command in (ca, issue):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)  # noqa: S603
    (certificate,) = read_certificates((tmp_path / "lab.pem").read_bytes())

    with pytest.raises(KeyUnusable, match="not that of the certificate"):
        seals.install("LAB", new_signer().certificate)
    installed = seals.install("LAB", certificate)

    assert installed.index == 2
    assert seals.signer("LAB").certificate == certificate
    assert certificate.x509.issuer.rfc4514_string() == "CN=CA"
    with pytest.raises(KeyUnusable, match="waits for a certificate"):
        seals.install("LAB", certificate)


def test_a_key_of_another_kind_is_refused():
    key = generate_private_key(SECP384R1())

    with pytest.raises(KeyUnusable, match="P-256"):
        self_signed(key, code="LAB", holder="Lab", now=NOW)
    with pytest.raises(KeyUnusable, match="not that of the certificate"):
        KeySigner(new_signer().certificate, key)


@pytest.mark.parametrize("file", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_refused(file):
    with pytest.raises(KeyUnusable):
        read_certificates(file)


def test_the_same_bytes_have_one_signature():
    """Neither another nonce nor the other half of the group gives a second form."""
    signer = new_signer()
    signature = signer.sign(b"x")

    assert signer.sign(b"x") == signature
    assert signer.certificate.verifies(signature, b"x")
    assert not signer.certificate.verifies(signature + b"\0", b"x")
