"""The commands of docs/authenticate.md, as they stand there, on a certificate as it is issued."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certificates.log import Checkpoint, LogEntry, LoggedEvent, MerkleLog
from certificates.log_files import InclusionFile, origin_of, sign_checkpoint
from certificates.seal import canonical_bytes, sha256_hex
from service.rendering import render

PAGE = Path(__file__).parents[3] / "docs" / "authenticate.md"
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


def commands(number):
    """Return the page's blocks of shell, with the number in place of NUMBER."""
    found = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    xml, trust, pdf, checkpoint, entry = (block.replace("NUMBER", number) for block in found)
    return {"xml": xml, "trust": trust, "pdf": pdf, "checkpoint": checkpoint, "entry": entry}


def shell(block, folder):
    return subprocess.run(  # noqa: S603 (our own page)
        ["/bin/sh", "-e", "-c", block],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture
def folder(need, verification, signer, tmp_path):
    """The files of a certificate, its proof in a log of eight, and the certificate of the seal."""
    need(programs=("xmlsec1", "pdfsig", "certutil", "openssl"))
    told = canonical_bytes(verification.as_mapping())
    files = {**render(verification, signer, NOW, schemas=None), "json": told}
    digests = {form: sha256_hex(document) for form, document in files.items()}
    entry = LogEntry(
        number=verification.number, event=LoggedEvent.ISSUED, occurred_at=NOW,
        content_sha256=digests["json"], dcc_sha256=digests["xml"], pdf_sha256=digests["pdf"],
        html_sha256=digests["html"],
    )  # fmt: skip
    log = MerkleLog([bytes(32)] * 7)
    index = log.append(entry.leaf())
    note = sign_checkpoint(Checkpoint(origin_of("TPP", 1), log.size, log.root()), signer)
    files["proof"] = InclusionFile(entry, index, log.inclusion_proof(index), note).text().encode()
    for form, document in files.items():
        (tmp_path / f"{verification.number}.{form}").write_bytes(document)
    (tmp_path / "seal.pem").write_text(signer.certificate.pem)
    return tmp_path


def test_every_seal_holds_for_programs_that_are_not_ours(folder, verification):
    told = {name: shell(block, folder) for name, block in commands(verification.number).items()}

    assert {name: each.returncode for name, each in told.items()} == dict.fromkeys(told, 0), told
    assert told["xml"].stderr.startswith("OK")
    assert "Signature is Valid" in told["trust"].stdout
    assert "Certificate is Trusted" in told["trust"].stdout
    assert "Total document signed" in told["trust"].stdout
    assert told["pdf"].stderr.startswith("CAdES Verification successful")
    assert told["checkpoint"].stdout == "Verified OK\n"
    for line in told["entry"].stdout.splitlines()[1:]:
        assert line.split()[0] in told["entry"].stdout.splitlines()[0]


def test_they_notice_what_was_changed(folder, verification):
    number = verification.number
    for form, here in (("xml", b"0083105"), ("pdf", b"/Tabs/S"), ("proof", b"\n8\n")):
        file = folder / f"{number}.{form}"
        document = file.read_bytes()
        assert here in document
        file.write_bytes(document.replace(here, here[:-1] + b"\x39", 1))

    told = {name: shell(block, folder) for name, block in commands(number).items()}

    assert told["xml"].returncode != 0
    assert "Digest Mismatch" in told["trust"].stdout
    assert told["pdf"].returncode != 0
    assert told["checkpoint"].returncode != 0


def test_pyhanko_trusts_the_pdf_as_a_whole(need, verification, signer):
    need(packages=("pyhanko",))
    from io import BytesIO  # noqa: PLC0415

    from asn1crypto.x509 import Certificate  # noqa: PLC0415
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415
    from pyhanko.sign.validation import validate_pdf_signature  # noqa: PLC0415
    from pyhanko_certvalidator import ValidationContext  # noqa: PLC0415

    sealed = render(verification, signer, NOW, schemas=None)["pdf"]
    trusted = [Certificate.load(signer.certificate.der)]
    (signature,) = PdfFileReader(BytesIO(sealed)).embedded_signatures

    status = validate_pdf_signature(signature, ValidationContext(trust_roots=trusted))

    assert status.bottom_line
    assert str(status.coverage) == "SignatureCoverageLevel.ENTIRE_FILE"
    assert str(status.modification_level) == "ModificationLevel.NONE"
