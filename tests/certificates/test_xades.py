"""The seal on the XML: whoever opens it gets the sealed bytes, or a refusal.

xmlsec1 and the DCC's schema give their opinion in `tests/oracles`.
"""

from datetime import UTC, datetime, timedelta

import pytest

from certificates.dcc import read_dcc, write_dcc
from certificates.errors import SealBroken, SealMalformed
from certificates.xades import DECLARATION, MAXIMUM_SIZE, open_xml, seal_xml
from tests.seals import new_signer

NOW = datetime(2026, 11, 21, 6, 0, 59, 999999, tzinfo=UTC)


@pytest.fixture(scope="module")
def sealed(verification, signer):
    return seal_xml(write_dcc(verification), signer, now=NOW)


def test_what_was_sealed_comes_out_again(verification, signer, sealed):
    opened = open_xml(sealed, [new_signer().certificate, signer.certificate])

    assert opened.certificate == signer.certificate
    assert opened.sealed_at == NOW.replace(microsecond=0)
    assert read_dcc(opened.document) == read_dcc(write_dcc(verification))


def test_the_same_content_key_and_moment_give_the_same_bytes(verification, signer, sealed):
    assert seal_xml(write_dcc(verification), signer, now=NOW) == sealed


def test_three_persons_stand_inside_what_is_sealed(verification, signer, sealed):
    persons = read_dcc(open_xml(sealed, [signer.certificate]).document).persons

    told = [(who.role, *(text for _, text in who.description.contents)) for who in persons]
    assert told == [
        (who.meaning, who.signed_at.isoformat(), f"person-{who.person_id}")
        for who in verification.signatories
    ]


def test_a_sealed_document_is_not_sealed_again(signer, sealed):
    with pytest.raises(SealMalformed, match="signed already"):
        seal_xml(sealed, signer, now=NOW)


def test_a_key_that_is_not_trusted_opens_nothing(sealed):
    with pytest.raises(SealBroken, match="not sealed by a trusted key"):
        open_xml(sealed, [new_signer().certificate])


def test_a_seal_set_when_the_certificate_was_not_valid_is_broken(verification, signer):
    late = seal_xml(write_dcc(verification), signer, now=NOW + timedelta(days=5 * 365))

    with pytest.raises(SealBroken, match="not valid"):
        open_xml(late, [signer.certificate])


def test_an_unsealed_document_is_told_from_a_broken_one(verification, signer):
    with pytest.raises(SealMalformed, match="no seal"):
        open_xml(write_dcc(verification), [signer.certificate])


# --- Wrapping -------------------------------------------------------------------------------------


def parts(sealed):
    """Return the sealed document without its seal, the seal, and the end tag of the root."""
    start, end = sealed.index(b"<ds:Signature "), sealed.index(b"</ds:Signature>") + 15
    return sealed[:start], sealed[start:end], sealed[end:]


def forged(head):
    """Return another certificate, told by the same document."""
    return head.replace(b"0083105", b"0083106")


def wrapped(sealed):
    """Yield the ways to keep the signed document somewhere and to tell another (XSW 1 to 8)."""
    head, seal, end = parts(sealed)
    evil, original = forged(head), head.removeprefix(DECLARATION) + end
    in_object = seal.replace(b"</ds:Object>", b"</ds:Object><ds:Object>%b</ds:Object>" % original)
    yield evil + seal + original + end
    yield evil + original + seal + end
    yield evil + in_object + end
    yield (
        evil
        + seal.replace(b'URI=""', b'URI="#original"')
        + (original.replace(b" schemaVersion", b' id="original" schemaVersion') + end)
    )
    root_start = head.index(b"<dcc:administrativeData")
    yield evil[:root_start] + original + evil[root_start:] + seal + end
    yield evil[:root_start] + seal + evil[root_start:] + end
    yield head + seal + seal + end
    yield DECLARATION + b"<wrap>" + head.removeprefix(DECLARATION) + seal + end + b"</wrap>"


def test_no_signature_can_be_wrapped_in_anything(signer, sealed):
    tried = 0
    for attack in wrapped(sealed):
        with pytest.raises((SealBroken, SealMalformed)):
            open_xml(attack, [signer.certificate])
        tried += 1
    assert tried == 8


def test_the_seal_may_stand_nowhere_else(signer, sealed):
    """The bytes that remain without it are the same, wherever it stands."""
    head, seal, end = parts(sealed)
    for place in range(len(DECLARATION), len(head), 997):
        with pytest.raises((SealBroken, SealMalformed)):
            open_xml(head[:place] + seal + head[place:] + end, [signer.certificate])


@pytest.mark.parametrize(
    ("written", "forged"),
    [
        (b"2026-11-21T06:00:59Z", b"2026-11-21T06:00:58Z"),
        (b"ecdsa-sha256", b"hmac-sha1"),
        (b"xmlenc#sha256", b"xmldsig#sha1"),
        (b' Target="#seal"', b" Target='#seal'"),
        (b"</ds:SignatureValue>", b"\n</ds:SignatureValue>"),
        (b"<?xml", b"\n<?xml"),
        (b"<dcc:coreData>", b"<dcc:coreData >"),
        (b"<dcc:coreData>", b"<dcc:coreData><!-- -->"),
    ],
)
def test_not_even_what_canonical_xml_ignores_can_be_changed(signer, sealed, written, forged):
    assert written in sealed

    with pytest.raises((SealBroken, SealMalformed)):
        open_xml(sealed.replace(written, forged, 1), [signer.certificate])


# --- Hostile files --------------------------------------------------------------------------------

LAUGHS = b"".join(b'<!ENTITY l%d "%b">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 30))


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\x00" * 100,
        DECLARATION,
        b"<" * 10**6,
        DECLARATION + b'<!DOCTYPE a [<!ENTITY l0 "lol">' + LAUGHS + b"]><a>&l29;</a>",
        DECLARATION + b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        DECLARATION + b"<a>" * 10**5,
        b"A" * (MAXIMUM_SIZE + 1),
    ],
    ids=["empty", "zeros", "declaration", "brackets", "laughs", "outside", "deep", "large"],
)
@pytest.mark.parametrize("with_seal", [False, True])
def test_a_hostile_file_is_refused(signer, sealed, hostile, with_seal):
    _, seal, end = parts(sealed)

    with pytest.raises((SealBroken, SealMalformed)):
        open_xml(hostile + (seal + end if with_seal else b""), [signer.certificate])
