"""The seal behind the PDF: nothing can be laid over it, and other readers find it whole.

pdfsig, openssl and veraPDF give their opinion in `tests/oracles`.
"""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader, PdfWriter

from certificates.dcc import write_dcc
from certificates.errors import SealBroken, SealMalformed
from certificates.pades import MAXIMUM_SIZE, open_pdf, seal_pdf
from certificates.xades import seal_xml
from tests.seals import new_signer

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def typeset(verification, typesetter, signer):
    """The PDF with its sealed DCC attached, before its own seal."""
    return typesetter.render(verification, dcc=seal_xml(write_dcc(verification), signer, now=NOW))


@pytest.fixture(scope="module")
def sealed(typeset, signer):
    return seal_pdf(typeset, signer, now=NOW)


def test_what_was_sealed_comes_out_again(verification, typeset, signer, sealed):
    opened = open_pdf(sealed, [new_signer().certificate, signer.certificate])

    assert opened.document == typeset + b"\n"
    assert opened.attachment == seal_xml(write_dcc(verification), signer, now=NOW)
    assert (opened.certificate, opened.sealed_at) == (signer.certificate, NOW)


def test_the_same_pages_key_and_moment_give_the_same_bytes(typeset, signer, sealed):
    assert seal_pdf(typeset, signer, now=NOW) == sealed


def test_another_reader_finds_the_pages_the_seal_and_the_attachment(verification, signer, sealed):
    reader = PdfReader(BytesIO(sealed))

    assert verification.number in reader.pages[0].extract_text()
    fields = reader.get_fields() or {}
    assert fields["Seal"]["/V"]["/SubFilter"] == "/ETSI.CAdES.detached"
    assert fields["Seal"]["/V"]["/M"] == "D:20261121060000Z"
    ((_, attached),) = reader.attachments.items()
    assert attached == [open_pdf(sealed, [signer.certificate]).attachment]


def test_what_the_byte_range_says_is_the_whole_file_but_the_signature(sealed):
    fields = PdfReader(BytesIO(sealed)).get_fields() or {}

    start, before, after, rest = (int(n) for n in fields["Seal"]["/V"]["/ByteRange"])
    assert (start, after + rest) == (0, len(sealed))
    assert sealed[before : before + 1] + sealed[after - 1 : after] == b"<>"


def test_a_key_that_is_not_trusted_opens_nothing(sealed):
    with pytest.raises(SealBroken, match="not sealed by a trusted key"):
        open_pdf(sealed, [new_signer().certificate])


def test_a_seal_set_when_the_certificate_was_not_valid_is_broken(typeset, signer):
    late = seal_pdf(typeset, signer, now=NOW + timedelta(days=5 * 365))

    with pytest.raises(SealBroken, match="not valid"):
        open_pdf(late, [signer.certificate])


def test_an_unsealed_pdf_is_told_from_a_broken_one(typeset, signer):
    with pytest.raises(SealMalformed, match="no seal"):
        open_pdf(typeset, [signer.certificate])


def test_a_pdf_of_another_program_is_not_sealed(sealed, signer):
    writer = PdfWriter(clone_from=BytesIO(sealed))
    rewritten = BytesIO()
    writer.write(rewritten)

    with pytest.raises(SealMalformed, match="as the typesetter writes it"):
        seal_pdf(rewritten.getvalue(), signer, now=NOW)


def test_what_is_added_behind_the_seal_is_refused(signer, sealed):
    """An increment that shows another first page keeps every signed byte (a shadow attack)."""
    writer = PdfWriter(BytesIO(sealed), incremental=True)
    writer.pages[0].rotate(180)
    shadowed = BytesIO()
    writer.write(shadowed)
    assert shadowed.getvalue().startswith(sealed)

    for attack in (shadowed.getvalue(), sealed + b"\n", sealed + b"%%EOF\n", sealed + sealed):
        with pytest.raises((SealBroken, SealMalformed)):
            open_pdf(attack, [signer.certificate])


def test_nothing_is_hidden_in_the_room_for_the_signature(signer, sealed):
    room = sealed.rindex(b"00>>>\nendobj")

    for attack in (
        sealed[:room] + b"01" + sealed[room + 2 :],
        sealed[:room] + b"0g" + sealed[room + 2 :],
        sealed[:room] + sealed[room + 2 :],
        sealed.replace(sealed[room - 200 : room], sealed[room - 200 : room].upper()),
    ):
        assert attack != sealed
        with pytest.raises((SealBroken, SealMalformed)):
            open_pdf(attack, [signer.certificate])


@pytest.mark.parametrize(
    "hostile",
    [b"", b"%PDF-1.7\n", b"%%EOF\n" * 10**5, b"A" * (MAXIMUM_SIZE + 1)],
    ids=["empty", "header", "ends", "large"],
)
def test_a_hostile_file_is_refused(signer, sealed, hostile):
    for attack in (hostile, hostile + sealed[-6000:], sealed[:-6000] + hostile):
        with pytest.raises((SealBroken, SealMalformed)):
            open_pdf(attack, [signer.certificate])
