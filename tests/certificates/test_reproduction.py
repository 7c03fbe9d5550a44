"""The same content, key and moment give the same files, in any process, time zone and language."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certificates.seal import canonical_bytes, sha256_hex
from certificates.signer import KeySigner
from service.rendering import render
from service.seals import self_signed
from tests.certificates.variations import variations
from tests.proofs import how_many

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
AGAIN = """
import json, sys
from datetime import datetime
from pathlib import Path
from certificates.content import CertificateContent
from certificates.seal import sha256_hex
from certificates.signer import KeySigner, read_certificates, read_key
from service.rendering import render
told = json.loads(sys.stdin.read())
(certificate,) = read_certificates(told["certificate"].encode())
signer = KeySigner(certificate, read_key(told["key"].encode(), passphrase=None))
now = datetime.fromisoformat(told["now"])
for text in told["contents"]:
    content = CertificateContent.from_mapping(json.loads(text))
    files = render(content, signer, now, schemas=None)
    print(json.dumps({form: sha256_hex(file) for form, file in files.items()}))
"""


def test_what_is_rendered_and_sealed_again_elsewhere_is_the_same_to_the_byte(every_kind):
    key = generate_private_key(SECP256R1())
    signer = KeySigner(self_signed(key, code="TPP", holder="Plant (example)", now=NOW), key)
    contents = list(variations(every_kind))[:: how_many(7, full=1)]
    told = {
        "key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "certificate": signer.certificate.pem,
        "now": NOW.isoformat(),
        "contents": [canonical_bytes(content.as_mapping()).decode() for content in contents],
    }

    again = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", AGAIN],
        input=json.dumps(told), cwd=Path(__file__).parents[2], capture_output=True, text=True,
        check=True, timeout=300,
        env={"TZ": "America/St_Johns", "LANG": "C", "PYTHONHASHSEED": "4711", "PYTHONUTF8": "1"},
    )  # fmt: skip

    digests = [json.loads(line) for line in again.stdout.splitlines()]
    assert digests == [
        {
            form: sha256_hex(file)
            for form, file in render(content, signer, NOW, schemas=None).items()
        }
        for content in contents
    ]
