"""Distinguished encoding (DER) of the few ASN.1 values that a seal is made of.

Source: ITU-T X.690 (2021), 8 to 10.
"""


def der(tag: int, *parts: bytes) -> bytes:
    """Return one value: its tag, its length, and its parts joined.

    >>> der(0x30, der(0x02, bytes([5]))).hex()
    '3003020105'
    """
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE."""
    return der(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    """Return a SET OF, its members in ascending order (X.690, 11.6)."""
    return der(0x31, *sorted(parts))


def integer(value: int) -> bytes:
    """Return a non-negative INTEGER.

    >>> integer(128).hex()
    '02020080'
    """
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value: bytes) -> bytes:
    """Return an OCTET STRING."""
    return der(0x04, value)


def object_identifier(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER.

    >>> object_identifier("2.16.840.1.101.3.4.2.1").hex()  # SHA-256
    '0609608648016503040201'
    """
    first, second, *rest = map(int, dotted.split("."))
    return der(0x06, *(_base_128(arc) for arc in (40 * first + second, *rest)))


def _base_128(arc: int) -> bytes:
    digits = [arc & 0x7F]
    while arc := arc >> 7:
        digits.append(0x80 | arc & 0x7F)
    return bytes(reversed(digits))
