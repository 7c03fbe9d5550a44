"""The QR code of the address where a certificate can be authenticated."""

import io
from functools import lru_cache

import segno


@lru_cache(maxsize=64)  # the PDF and the page of a certificate show the same one
def qr_code(url: str) -> str:
    """Return the QR code of an address as SVG text, error correction M."""
    drawing = io.BytesIO()
    segno.make(url, error="m", micro=False).save(
        drawing, kind="svg", xmldecl=False, border=1, scale=3
    )
    return drawing.getvalue().decode()
