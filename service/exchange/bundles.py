"""A certificate with all that another installation, or anyone offline, needs of it: a zip."""

import json
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from certificates.dcc.read import MAXIMUM_SIZE
from certificates.errors import DccUnreadable
from certificates.signer import SealCertificate
from service.store import certificates as store
from service.tables.certificates import Certificate
from service.tenancy import TenantSession
from traceability.chain import TraceabilityChain

ZIP_MAGIC: Final = b"PK\x03\x04"
MOST_FILES: Final = 50
EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # or the same certificate would give other bytes each time
READ_ME: Final = """\
{number}

Every file of this certificate as it was issued, the chain behind it, and the certificates of its
issuer's seals. Whether the files are what was sealed and logged, without any network:

    suyuan authenticate {number}.pdf {number}.xml {number}.json --key seals.pem

Trust seals.pem only if you have it, or its fingerprint, from the issuer itself.
Into another installation:

    suyuan certificate import {number}.zip --organization CODE --as PERSON --item SERIAL
"""


def bundle(
    session: TenantSession,
    certificate: Certificate,
    *,
    chain: TraceabilityChain,
    seals: tuple[SealCertificate, ...],
) -> bytes:
    """Return a certificate's files, its chain and its issuer's seals as one zip; always the same.

    Args:
        seals: the certificates of the issuer's seals, which the log names.
    """
    number = certificate.number
    files = {f"{number}.{file.form}": file.content for file in store.files(session, certificate.id)}
    told = json.dumps(chain.as_mapping(), ensure_ascii=False, indent=2, default=str)
    return zipped(
        {
            "README.txt": READ_ME.format(number=number).encode(),
            **files,
            "chain.json": told.encode(),
            "seals.pem": "".join(seal.pem for seal in seals).encode(),
        }
    )


def zipped(files: dict[str, bytes]) -> bytes:
    """Return files as a zip whose bytes depend on nothing else."""
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = ZipInfo(name, EPOCH)
            info.compress_type = ZIP_DEFLATED
            archive.writestr(info, content)
    return out.getvalue()


def bundled_dcc(bundle_: bytes, *, maximum_size: int = MAXIMUM_SIZE) -> bytes:
    """Return the one XML file of a bundle.

    Raises:
        DccUnreadable: no zip, none or several XML files in it, or a larger one than is read.
    """
    try:
        with ZipFile(BytesIO(bundle_)) as archive:
            members = archive.infolist()
            named = [member for member in members if member.filename.lower().endswith(".xml")]
            if len(members) > MOST_FILES or len(named) != 1:
                raise DccUnreadable("a bundle has one XML file, and few others")
            with archive.open(named[0]) as file:
                content = file.read(maximum_size + 1)
    except (BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise DccUnreadable(f"the bundle cannot be read: {error}") from error
    if len(content) > maximum_size:
        raise DccUnreadable(f"larger than {maximum_size} bytes")
    return content
