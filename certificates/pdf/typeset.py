"""Typesets a certificate: a constant typst page, and the certificate as data for it.

Source: ISO 19005-3 (PDF/A-3), ISO 14289-1 (PDF/UA-1).
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime, time
from functools import cache
from threading import Lock

import typst
from jinja2 import Environment, PackageLoader, StrictUndefined

from certificates.content import CertificateContent
from certificates.errors import RenderingFailed
from certificates.layout import lay_out
from certificates.qr import qr_code

FONT_FAMILY = "Noto Sans CJK SC"


class Typesetter:
    """Sets certificates in PDF; keeps the fonts it has read, so keep one per process.

    `font_folder` is the folder that holds the Noto Sans CJK fonts. No other font is used but those
    inside typst, so the same certificate gives the same bytes on every machine.
    """

    def __init__(self, font_folder: str) -> None:
        self._compiler = typst.Compiler(
            root=font_folder, font_paths=[font_folder], ignore_system_fonts=True
        )
        self._lock = Lock()

    def render(self, content: CertificateContent, *, dcc: bytes | None = None) -> bytes:
        """Return the PDF of a certificate, with `dcc` (UTF-8 XML) attached as it is.

        Deterministic: the document's date is the day of issue. Raises RenderingFailed, with
        typst's reason, for instance for a letter that no font here has.
        """
        inputs = {
            "layout": _layout_json(content),
            "dcc": dcc.decode() if dcc else "",
            "qr": qr_code(content.verification_url) if content.verification_url else "",
        }
        midnight = datetime.combine(content.issued_on, time(), UTC)
        with self._lock:
            return self._compile(inputs, int(midnight.timestamp()))

    def _compile(self, inputs: dict[str, str], timestamp: int) -> bytes:
        try:
            pdf = self._compiler.compile(
                input=page_source(),
                sys_inputs=inputs,
                format="pdf",
                pdf_standards=["a-3a", "ua-1"],
                timestamp=timestamp,
            )
        except typst.TypstError as error:
            raise RenderingFailed(error.diagnostic) from error
        if not isinstance(pdf, bytes):
            raise RenderingFailed("no single document came back")
        return pdf


@cache
def page_source() -> bytes:
    """Return the typst source of the page; it holds no certificate's data."""
    environment = Environment(
        loader=PackageLoader("certificates.pdf"),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 — typst source, not HTML; nothing foreign enters it
    )
    return environment.get_template("certificate.typ.j2").render(font_family=FONT_FAMILY).encode()


def _layout_json(content: CertificateContent) -> str:
    layout = asdict(lay_out(content))
    layout["issued"] = [content.issued_on.year, content.issued_on.month, content.issued_on.day]
    return json.dumps(layout, ensure_ascii=False)
