"""`suyuan authenticate`: whether files are what an issuer sealed and logged, offline."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from service.commands.at_hand import FINDINGS
from service.commands.language import language_of

if TYPE_CHECKING:
    from certificates.authentication import Authentication
    from certificates.dcc import ReadCertificate
    from certificates.log_files import ConsistencyFile, InclusionFile
    from certificates.signer import SealCertificate

PROOF_SUFFIX = ".proof"

Files = Annotated[
    list[Path],
    typer.Argument(
        exists=True, dir_okay=False, readable=True, help="PDF, XML, JSON, HTML; proofs among them."
    ),
]
Keys = Annotated[
    list[Path],
    typer.Option("--key", exists=True, dir_okay=False, help="Certificate of a trusted seal (PEM)."),
]
Since = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="A checkpoint or proof kept from before."),
]


@dataclass(slots=True)
class AtHand:
    """What was given: certificates' files by their paths, and proofs."""

    documents: dict[Path, bytes] = field(default_factory=dict)
    inclusions: list["InclusionFile"] = field(default_factory=list)
    consistencies: list["ConsistencyFile"] = field(default_factory=list)
    refused: dict[Path, str] = field(default_factory=dict)  # proofs that cannot be read, and why


def authenticate(
    files: Files,
    *,
    key: Keys,
    since: Since = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    lang: Annotated[
        str | None, typer.Option("--lang", help="zh or en; the locale decides otherwise.")
    ] = None,
) -> None:
    """Say whether files are certificates as a trusted key sealed them and their log proves them.

    Nothing is fetched and no database is read. A proof is looked for among the files and beside
    each (NUMBER.proof). With --since a proof of consistency (`suyuan log prove --since`) must be
    among the files. What is printed of a certificate is what its sealed bytes say. Exit code 3 if
    any file is not authentic, or the log was cut or changed.

    Example: suyuan authenticate certificates/TPP-2026-00026-F.* --key certificates/seal.pem
    """
    from certificates.authentication import Authentication, Check, Failure  # noqa: PLC0415
    from certificates.authentication import authenticate as check  # noqa: PLC0415
    from certificates.signer import read_certificates  # noqa: PLC0415

    trusted = [each for path in key for each in read_certificates(path.read_bytes())]
    given = _sorted_out(files)
    found = {
        path: check(document, trusted=trusted, proof=_proof_of(path, document, given))
        for path, document in given.documents.items()
    }
    for path, reason in given.refused.items():
        found[path] = Authentication(form=None, failures=(Failure(Check.LOG, reason),))
    log = _since(since, trusted, given) if since else None
    failed = [path for path, each in found.items() if not each.is_authentic]
    if as_json:
        told = {
            "files": {str(path): _told(each) for path, each in found.items()},
            "log": None if log is None else {"unchanged_since": log[0], "says": log[1]},
        }
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _print(found, log, language_of(lang))
    summary = f"suyuan: {len(found) - len(failed)} of {len(found)} files authentic"
    Console(stderr=True).print(summary, highlight=False)
    if failed or (log and not log[0]):
        raise typer.Exit(FINDINGS)


def _sorted_out(files: Sequence[Path]) -> AtHand:
    """Return the files by what they are; a file of neither log nor certificate is refused later."""
    from certificates.errors import LogError  # noqa: PLC0415
    from certificates.log_files import (  # noqa: PLC0415
        CONSISTENCY,
        PROOF,
        ConsistencyFile,
        InclusionFile,
        decoded,
    )

    given = AtHand()
    for path in files:
        document = path.read_bytes()
        try:
            if document.startswith(PROOF.encode()):
                given.inclusions.append(InclusionFile.parse(decoded(document)))
            elif document.startswith(CONSISTENCY.encode()):
                given.consistencies.append(ConsistencyFile.parse(decoded(document)))
            else:
                given.documents[path] = document
        except LogError as error:
            given.refused[path] = str(error)
    return given


def _proof_of(path: Path, document: bytes, given: AtHand) -> "InclusionFile | None":
    """Return the proof that names a file's bytes, or the one that lies beside it."""
    from certificates.authentication import digests_of  # noqa: PLC0415
    from certificates.errors import LogError  # noqa: PLC0415
    from certificates.log_files import InclusionFile, decoded  # noqa: PLC0415
    from certificates.seal import sha256_hex  # noqa: PLC0415

    sha256 = sha256_hex(document)
    for proof in given.inclusions:
        if sha256 in digests_of(proof.entry).values():
            return proof
    beside = path.with_suffix(PROOF_SUFFIX)
    if beside.is_file():
        try:
            return InclusionFile.parse(decoded(beside.read_bytes()))
        except LogError as error:
            given.refused[beside] = str(error)
    named = [proof for proof in given.inclusions if path.name.startswith(proof.entry.number)]
    return named[0] if named else None


def _since(kept: Path, trusted: "Sequence[SealCertificate]", given: AtHand) -> tuple[bool, str]:
    """Return whether the log only grew since a checkpoint was kept, and what is to be said."""
    from certificates.authentication import unchanged_since  # noqa: PLC0415
    from certificates.errors import LogError, SealError  # noqa: PLC0415
    from certificates.log_files import decoded, read_checkpoint  # noqa: PLC0415

    old = read_checkpoint(decoded(kept.read_bytes()), trusted)
    try:
        newest = unchanged_since(
            old,
            trusted=trusted,
            checkpoints=[proof.check(trusted) for proof in given.inclusions],
            proofs=given.consistencies,
        )
    except (LogError, SealError) as error:
        return False, str(error)
    return True, f"{old.origin}: {old.size} -> {newest.size}"


# --- Telling --------------------------------------------------------------------------------------


def _told(found: "Authentication") -> dict[str, Any]:
    says, entry, checkpoint = found.says, found.entry, found.checkpoint
    return {
        "authentic": found.is_authentic,
        "form": found.form,
        "failures": [
            {"check": failure.check, "reason": failure.reason} for failure in found.failures
        ],
        "sealed_by": found.sealed_by and found.sealed_by.holder,
        "seal_sha256": found.sealed_by and found.sealed_by.sha256,
        "sealed_at": found.sealed_at and found.sealed_at.isoformat(),
        "event": entry and entry.event,
        "log": checkpoint and checkpoint.origin,
        "log_size": checkpoint and checkpoint.size,
        "says": says and dict(_facts(says, "en")),
    }


def _print(
    found: Mapping[Path, "Authentication"], log: tuple[bool, str] | None, language: str
) -> None:
    console = Console(highlight=False, soft_wrap=True)
    say = WORDS[language]
    told: set[tuple[tuple[str, str], ...]] = set()  # so that its forms do not repeat one another
    for path, each in found.items():
        verdict = say["authentic"] if each.is_authentic else say["not authentic"]
        console.print(f"{path}: {verdict}", markup=False)
        for failure in each.failures:
            console.print(f"  {say[failure.check]}: {failure.reason}", markup=False)
        if each.sealed_by is not None:
            seal = f"  {say['sealed by']} {each.sealed_by.holder}, {each.sealed_at}"
            console.print(seal, markup=False)
        if each.entry is not None and each.checkpoint is not None:
            log_ = f"  {say['logged']} {each.checkpoint.origin} ({each.checkpoint.size}): "
            console.print(log_ + say[each.entry.event], markup=False)
        facts = tuple(_facts(each.says, language)) if each.says else ()
        for name, text in facts if facts not in told else facts[:1]:
            console.print(f"    {name}: {text}", markup=False)
        told.add(facts)
    if log is not None:
        unchanged, says = log
        console.print(f"{say['grew' if unchanged else 'cut']}: {says}", markup=False)


def _facts(says: "ReadCertificate", language: str) -> Iterator[tuple[str, str]]:
    """Yield what a certificate says, each with its name: who, of what, when, and the results."""
    from certificates.dcc.units import plain_unit  # noqa: PLC0415

    names = FACTS[language]
    other = "en" if language == "zh" else "zh"
    item = says.items[0] if says.items else None
    yield names["number"], says.number
    if says.laboratory:
        yield names["laboratory"], says.laboratory.name.text(language, other)
    if item:
        yield names["item"], f"{item.name.text(language, other)} {item.model}".rstrip()
        numbers = (each.value for each in item.identifications)
        yield names["identifications"], ", ".join(numbers)
    yield names["performed on"], str(says.performed_to)
    yield names["issued on"], str(says.issued_on)
    for person in says.persons:
        yield names.get(person.role, person.role), person.name.text(language, other)
    for row in says.results():
        stated = f"{row.value} {plain_unit(row.unit)}"
        if row.expanded_uncertainty:
            stated += f", U = {row.expanded_uncertainty} (k = {row.coverage_factor})"
        nominal = f" @ {row.nominal}" if row.nominal else ""
        yield f"{row.name.text(language, other)}{nominal}", stated


WORDS = {
    "zh": {
        "authentic": "真实",
        "not authentic": "不真实",
        "seal": "签章",
        "persons": "签署人",
        "digest": "摘要",
        "log": "日志",
        "sealed by": "签章者",
        "logged": "已载入日志",
        "issued": "已签发",
        "amended": "已被修改",
        "withdrawn": "已撤回",
        "voided": "已作废",
        "grew": "日志自所存检查点起只增未改",
        "cut": "日志有缺失或被改动",
    },
    "en": {
        "authentic": "authentic",
        "not authentic": "NOT AUTHENTIC",
        "seal": "seal",
        "persons": "persons",
        "digest": "digest",
        "log": "log",
        "sealed by": "sealed by",
        "logged": "in the log",
        "issued": "issued",
        "amended": "amended",
        "withdrawn": "withdrawn",
        "voided": "voided",
        "grew": "the log only grew since the checkpoint that was kept",
        "cut": "the log was cut or changed",
    },
}
FACTS = {
    "zh": {
        "number": "证书编号",
        "laboratory": "机构",
        "item": "器具",
        "identifications": "编号",
        "performed on": "检定/校准日期",
        "issued on": "签发日期",
        "calibrated": "检定/校准",
        "checked": "核验",
        "approved": "批准",
    },
    "en": {
        "number": "certificate",
        "laboratory": "laboratory",
        "item": "item",
        "identifications": "numbers",
        "performed on": "performed on",
        "issued on": "issued on",
        "calibrated": "calibrated",
        "checked": "checked",
        "approved": "approved",
    },
}
