"""Takes the digital calibration certificate out of a PDF that carries one, whoever made it."""

from io import BytesIO

from pypdf import Configuration, PdfReader, apply_configuration

from certificates.dcc.read import MAXIMUM_SIZE
from certificates.errors import DccUnreadable

PDF_MAGIC = b"%PDF-"
_MOST_FILES = 50  # that a certificate has attached
_ROOT_NAME = b"digitalCalibrationCertificate"


def attached_dcc(pdf: bytes, *, maximum_size: int = MAXIMUM_SIZE) -> bytes:
    """Return the one attached file that is a digital calibration certificate, as it stands.

    Raises DccUnreadable: no PDF, none or several attached, or one larger than is read.
    """
    if len(pdf) > maximum_size:
        raise DccUnreadable(f"larger than {maximum_size} bytes")
    try:
        with apply_configuration(Configuration(zlib_maximum_output_length=maximum_size)):
            found = _certificates_in(PdfReader(BytesIO(pdf)))
    except DccUnreadable:
        raise
    except Exception as error:
        raise DccUnreadable(f"the PDF cannot be read: {error}") from error
    if len(found) != 1:
        raise DccUnreadable(f"the PDF has {len(found) or 'no'} digital certificates attached")
    return found[0]


def _certificates_in(reader: PdfReader) -> list[bytes]:
    found = []
    for position, file in enumerate(reader.attachment_list):
        if position == _MOST_FILES:
            raise DccUnreadable(f"the PDF has more than {_MOST_FILES} files attached")
        content = file.content
        if _ROOT_NAME in content[:4096]:
            found.append(content)
    return list(dict.fromkeys(found))
