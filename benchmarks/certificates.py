"""Sealed certificates a second, beside WeasyPrint and pyHanko run here and now on the same machine.

    uv run --group bench python -P benchmarks/certificates.py

(-P, or this file would hide the package of its name.)
One certificate is the story's: a pressure gauge with ten results on three pages, its DCC attached.
Ours is what `issue` does but for its database: DCC, validation by its schema, XAdES, PDF/A-3a and
PDF/UA-1 with the DCC attached, PAdES. The peer validates and attaches the same sealed DCC, sets the
certificate's own HTML by WeasyPrint (PDF/A-3a, tagged) and seals it by pyHanko, both as they come;
a third row sets by typst and seals by pyHanko. Every certificate has another number. Each figure is
the median of five rounds, in which all take turns, with the fastest and the slowest in brackets;
times are processor times, of all threads. WeasyPrint needs pango (Debian: libpangoft2-1.0-0), the
schema SUYUAN_SHARED_DIR or --schemas FOLDER.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import noto_cjk_sans_otc
from asn1crypto.keys import PrivateKeyInfo
from asn1crypto.x509 import Certificate
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore
from pymerkle import InmemoryTree

from certificates.authentication import Form, authenticate
from certificates.content import CertificateContent
from certificates.dcc import compile_schema, write_dcc
from certificates.html import render_html, stylesheet
from certificates.log import (
    Checkpoint,
    LogEntry,
    LoggedEvent,
    LogHead,
    MerkleLog,
    is_consistent,
    is_included,
    leaf_hash,
    nodes_completed,
)
from certificates.log_files import InclusionFile, sign_checkpoint
from certificates.pades import seal_pdf
from certificates.seal import canonical_bytes, sha256_hex
from certificates.signer import KeySigner
from certificates.xades import seal_xml
from service.rendering import render, typesetter
from service.seals import self_signed
from tests.certificates.conftest import pressure_gauge

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
ROUNDS = 5
KEY = generate_private_key(SECP256R1())
SIGNER = KeySigner(self_signed(KEY, code="TPP", holder="Plant (example)", now=NOW), KEY)


def certificates() -> Iterator[CertificateContent]:
    """Yield the story's certificate under one number after another."""
    content = pressure_gauge()
    for n in count(1):
        url = f"https://suyuan.example/c/TPP-2026-{n:05d}-X?d=4f9a1c"
        yield replace(content, number=f"TPP-2026-{n:05d}-X", verification_url=url)


def schema_of(folder: Path) -> etree.XMLSchema:
    """Return the compiled schema of the DCC."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.xsd")
    }
    return compile_schema(files, "3.3.0")


# --- The contenders -------------------------------------------------------------------------------


def sealed_dcc(content: CertificateContent, schema: etree.XMLSchema) -> bytes:
    """Return the DCC, valid and sealed."""
    document = seal_xml(write_dcc(content), SIGNER, now=NOW)
    schema.assertValid(etree.fromstring(document))
    return document


def ours(content: CertificateContent, schema: etree.XMLSchema) -> bytes:
    """Return the sealed PDF with the sealed DCC in it."""
    dcc = sealed_dcc(content, schema)
    return seal_pdf(typesetter().render(content, dcc=dcc), SIGNER, now=NOW)


def typst_and_pyhanko(content: CertificateContent, schema: etree.XMLSchema) -> bytes:
    """Return the same, the PDF sealed by pyHanko."""
    dcc = sealed_dcc(content, schema)
    return by_pyhanko(typesetter().render(content, dcc=dcc) + b"\n")


def weasyprint_and_pyhanko(content: CertificateContent, schema: etree.XMLSchema) -> bytes:
    """Return the same content by WeasyPrint, sealed by pyHanko."""
    return by_pyhanko(by_weasyprint(content, sealed_dcc(content, schema)))


def by_pyhanko(pdf: bytes) -> bytes:
    """Return a PDF with a PAdES-B-B seal."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    metadata = PdfSignatureMetadata(
        field_name="Seal", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
    )
    signer = PdfSigner(metadata, PYHANKO, new_field_spec=SigFieldSpec("Seal", on_page=0))
    sealed: bytes = signer.sign_pdf(writer).getvalue()
    return sealed


PYHANKO = SimpleSigner(
    signing_cert=Certificate.load(SIGNER.certificate.der),
    signing_key=PrivateKeyInfo.load(
        KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    ),
    cert_registry=SimpleCertificateStore(),
)


def by_weasyprint(content: CertificateContent, dcc: bytes) -> bytes:
    """Return the PDF of the certificate's HTML, its fonts and its stylesheet read once."""
    html = weasyprint().HTML(string=render_html(content, stylesheet_href=""))
    attached = weasyprint().Attachment(string=dcc, name="dcc.xml", relationship="Data")
    pdf: bytes = html.write_pdf(
        stylesheets=[STYLE["css"]],
        font_config=STYLE["fonts"],
        attachments=[attached],
        pdf_variant="pdf/a-3a",
        pdf_tags=True,
    )
    return pdf


STYLE: dict[str, Any] = {}


def weasyprint() -> Any:
    """Return WeasyPrint, with the one font that typst uses as well."""
    if not STYLE:
        folder = Path(tempfile.mkdtemp())
        fonts = Path(noto_cjk_sans_otc.__file__).parent
        (folder / "fonts.conf").write_text(
            f"<fontconfig><dir>{fonts}</dir><cachedir>{folder}</cachedir></fontconfig>"
        )
        os.environ["FONTCONFIG_FILE"] = str(folder / "fonts.conf")
        import weasyprint  # noqa: PLC0415
        from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415

        STYLE["module"], STYLE["fonts"] = weasyprint, FontConfiguration()
        STYLE["css"] = weasyprint.CSS(string=stylesheet(), font_config=STYLE["fonts"])
    return STYLE["module"]


# --- Timing ---------------------------------------------------------------------------------------


def seconds_each(act: Callable[[], object], times: int) -> float:
    """Return the processor time of one of several acts."""
    began = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - began) / times


def told(seconds: list[float]) -> str:
    """Return the median in milliseconds, with the fastest and the slowest."""
    fastest, middle, slowest = (
        1e3 * each for each in (min(seconds), median(seconds), max(seconds))
    )
    return f"{middle:8.3f} ms  [{fastest:.3f}, {slowest:.3f}]"


def race(schema: etree.XMLSchema, rounds: int) -> None:
    """Time the contenders in turns, and say how many times as fast ours is."""
    contents = certificates()
    contenders = {
        "Suyuan": (ours, 20),
        "typst + pyHanko": (typst_and_pyhanko, 10),
        "WeasyPrint + pyHanko": (weasyprint_and_pyhanko, 2),
    }
    for make, _ in contenders.values():
        make(next(contents), schema)
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (make, times) in contenders.items():
            taken[name].append(seconds_each(lambda make=make: make(next(contents), schema), times))
    best = median(taken["Suyuan"])
    for name, each in taken.items():
        middle = median(each)
        sys.stdout.write(
            f"{name:22s} {told(each)}  {1 / middle:6.1f} a second, "
            f"Suyuan is {middle / best:.1f} times as fast\n"
        )


def parts(schemas: Path, schema: etree.XMLSchema, rounds: int) -> None:
    """Time the steps of a certificate, and its authentication in every form.

    Each PDF is another certificate's: typst remembers what it has set.
    """
    contents = certificates()
    content = next(contents)
    document = write_dcc(content)
    sealed = seal_xml(document, SIGNER, now=NOW)
    typeset = typesetter().render(content, dcc=sealed)
    files, proof = issued(content)
    steps: dict[str, Callable[[], object]] = {
        "write the DCC": lambda: write_dcc(content),
        "validate it": lambda: schema.assertValid(etree.fromstring(sealed)),
        "seal it (XAdES)": lambda: seal_xml(document, SIGNER, now=NOW),
        "set the PDF": lambda: typesetter().render(next(contents), dcc=sealed),
        "seal it (PAdES)": lambda: seal_pdf(typeset, SIGNER, now=NOW),
        "seal it by pyHanko": lambda: by_pyhanko(typeset + b"\n"),
        "all forms, as issued": lambda: render(next(contents), SIGNER, NOW, schemas=schemas),
    }
    for form in Form:
        steps[f"authenticate {form.upper()}"] = lambda form=form: authenticate(
            files[form], trusted=[SIGNER.certificate], proof=proof
        )
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            taken[name].append(seconds_each(step, 10))
    for name, each in taken.items():
        sys.stdout.write(f"  {name:20s} {told(each)}\n")


def issued(content: CertificateContent) -> tuple[dict[str, bytes], InclusionFile]:
    """Return the files of a certificate and its proof in a log of a million."""
    files = {
        **render(content, SIGNER, NOW, schemas=None),
        "json": canonical_bytes(content.as_mapping()),
    }
    digests = {form: sha256_hex(file) for form, file in files.items()}
    entry = LogEntry(
        number=content.number, event=LoggedEvent.ISSUED, occurred_at=NOW,
        content_sha256=digests["json"], dcc_sha256=digests["xml"], pdf_sha256=digests["pdf"],
        html_sha256=digests["html"],
    )  # fmt: skip
    log = MerkleLog([bytes(32)] * 2**10)
    index = log.append(entry.leaf())
    note = sign_checkpoint(Checkpoint("suyuan/TPP/1", log.size, log.root()), SIGNER)
    proof = InclusionFile(entry, index, log.inclusion_proof(index), note)
    if not authenticate(files["pdf"], trusted=[SIGNER.certificate], proof=proof).is_authentic:
        raise SystemExit("what was issued is not authentic")
    return files, proof


# --- The log --------------------------------------------------------------------------------------


def log(size: int, peer_size: int, rounds: int) -> None:
    """Time appending and proving at a size, and beside pymerkle at a smaller one."""
    leaves = [leaf_hash(n.to_bytes(8, "big")) for n in range(size)]
    tree, appends, heads = MerkleLog(), [], []
    head = LogHead()
    step = size // rounds
    for start in range(0, step * rounds, step):
        batch = leaves[start : start + step]
        appends.append(seconds_each(lambda batch=batch: [tree.append(each) for each in batch], 1))
        began = time.process_time()
        for each in batch:
            nodes_completed(head, each)
            head = head.appended(each)
        heads.append((time.process_time() - began) / len(batch))
    appends = [each / step for each in appends]
    grown, root = tree.size, tree.root()
    if head.root() != root:
        raise SystemExit("the head and the tree disagree")
    proving, checking, consistent = [], [], []
    for nth in range(rounds):
        indices = range(nth, grown, max(grown // 200, 1))
        began = time.process_time()
        proofs = [(index, tree.inclusion_proof(index)) for index in indices]
        proving.append((time.process_time() - began) / len(proofs))
        began = time.process_time()
        good = all(is_included(leaves[index], index, grown, each, root) for index, each in proofs)
        checking.append((time.process_time() - began) / len(proofs))
        began = time.process_time()
        for index in indices:
            old = tree.root(index + 1)
            proof = tree.consistency_proof(index + 1)
            good &= is_consistent(index + 1, grown, proof, old_root=old, root=root)
        consistent.append((time.process_time() - began) / len(proofs))
        if not good:
            raise SystemExit("a proof does not hold")
    sys.stdout.write(f"\nthe log, {grown} entries\n")
    for name, each in {
        "append": appends,
        "append, by the head and its new nodes alone": heads,
        "prove inclusion": proving,
        "check it": checking,
        "prove and check consistency": consistent,
    }.items():
        low, middle, high = (1e6 * value for value in (min(each), median(each), max(each)))
        sys.stdout.write(f"  {name:44s} {middle:8.2f} µs  [{low:.2f}, {high:.2f}]\n")
    beside_pymerkle(peer_size)


def beside_pymerkle(size: int) -> None:
    """Time pymerkle and ours on as many entries, and stop if their roots differ."""
    peer, mine = InmemoryTree(algorithm="sha256"), MerkleLog()
    entries = [n.to_bytes(8, "big") for n in range(size)]
    theirs = seconds_each(lambda: [peer.append_entry(each) for each in entries], 1) / size
    own = seconds_each(lambda: [mine.append(leaf_hash(each)) for each in entries], 1) / size
    if peer.get_root() != mine.root():
        raise SystemExit("pymerkle has another root")
    slow = seconds_each(lambda: peer.prove_inclusion(size // 3, size), 5)
    fast = seconds_each(lambda: mine.inclusion_proof(size // 3), 500)
    sys.stdout.write(
        f"beside pymerkle, {size} entries, the same root: append {theirs * 1e6:.1f} µs against "
        f"{own * 1e6:.1f} µs ({theirs / own:.0f} times), prove {slow * 1e6:.0f} µs against "
        f"{fast * 1e6:.0f} µs ({slow / fast:.0f} times)\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    shared = os.environ.get("SUYUAN_SHARED_DIR")
    parser.add_argument("--schemas", type=Path, default=shared and Path(shared) / "data/dcc/xsd")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--log", type=int, default=1_000_000, help="entries of the log")
    parser.add_argument("--peer-size", type=int, default=20_000, help="entries beside pymerkle")
    arguments = parser.parse_args()
    if not arguments.schemas:
        parser.error("--schemas FOLDER, or SUYUAN_SHARED_DIR")
    schema = schema_of(arguments.schemas)
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors\n")
    race(schema, arguments.rounds)
    parts(arguments.schemas, schema, arguments.rounds)
    log(arguments.log, arguments.peer_size, arguments.rounds)


if __name__ == "__main__":
    main()
