"""The digest that binds a document: what is signed is what was said, byte for byte."""

import json
from collections.abc import Mapping
from hashlib import sha256

from certificates.errors import NotCanonical

PAPER_CODE_SIZE = 12  # hexadecimal digits: 48 bits


def canonical_bytes(content: object) -> bytes:
    """Return the one UTF-8 JSON text of nested plain values: keys sorted, no spaces.

    Text, whole numbers, truth values, None, lists and mappings with text keys are plain.
    Raises NotCanonical, naming the path, for anything else: a float has many texts.
    """
    _refuse_what_is_not_plain(content, "content")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def digest(content: object) -> str:
    """Return the SHA-256 of the canonical bytes, in hexadecimal.

    >>> digest({"b": "1", "a": "µ"}) == digest({"a": "µ", "b": "1"})
    True
    """
    return sha256_hex(canonical_bytes(content))


def sha256_hex(document: bytes) -> str:
    """Return the SHA-256 of an issued file, in hexadecimal."""
    return sha256(document).hexdigest()


def paper_code(content: Mapping[str, object]) -> str:
    """Return the twelve hexadecimal digits that stand in a certificate's QR code.

    They begin the digest of all that the certificate says but the address itself: who has the
    paper has them, and a code copied to another paper leads to what this one says.

    Args:
        content: the certificate as `CertificateContent.as_mapping` tells it.
    """
    said = {name: value for name, value in content.items() if name != "verification_url"}
    return digest(said)[:PAPER_CODE_SIZE]


def _refuse_what_is_not_plain(value: object, path: str) -> None:
    if isinstance(value, Mapping):
        for key, member in value.items():
            if not isinstance(key, str):
                raise NotCanonical(f"{path}.{key}", key)
            _refuse_what_is_not_plain(key, path)
            _refuse_what_is_not_plain(member, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            _refuse_what_is_not_plain(member, f"{path}[{index}]")
    elif isinstance(value, str):
        if not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise NotCanonical(path, value)
    elif value is not None and not isinstance(value, int):
        raise NotCanonical(path, value)
