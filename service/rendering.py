"""The forms of a certificate: PDF, HTML and XML of one content."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, partial
from pathlib import Path

import noto_cjk_sans_otc

from certificates.content import CertificateContent
from certificates.dcc import write_dcc
from certificates.html import render_html
from certificates.pades import seal_pdf
from certificates.pdf import Typesetter
from certificates.signer import Signer
from certificates.xades import seal_xml
from service.dcc_schemas import require_valid

STYLESHEET = "certificate.css"  # beside the page, in a folder as under the address of the API


def renderer(
    schemas: Path | None,
) -> Callable[[CertificateContent, Signer, datetime], Mapping[str, bytes]]:
    """Return what renders certificates, each held against PTB's schema in a folder if one is set.

    Raises: as `render`.
    """
    return partial(render, schemas=schemas)


def render(
    content: CertificateContent, signer: Signer, now: datetime, *, schemas: Path | None
) -> Mapping[str, bytes]:
    """Return the bytes of each form, sealed: the XML stands alone and is attached to the PDF.

    The same content, signer and moment give the same bytes.

    Args:
        schemas: the folder of PTB's schemas; the XML is held against its own before it is sealed.

    Raises:
        RenderingFailed: a letter has no glyph in the font.
        UnknownUnit: a unit has no form in D-SI.
        DccInvalid: the schema refuses the XML.
        SchemaUnknown: a folder is set, and the schema is not in it.
    """
    document = write_dcc(content)
    require_valid(document, schemas)
    xml = seal_xml(document, signer, now=now)
    return {
        "xml": xml,
        "pdf": seal_pdf(typesetter().render(content, dcc=xml), signer, now=now),
        "html": render_html(content, stylesheet_href=STYLESHEET).encode(),
    }


@cache
def typesetter() -> Typesetter:
    """Return the process's typesetter, with the fonts it has read."""
    return Typesetter(str(Path(noto_cjk_sans_otc.__file__).parent))
