"""The transparency log of each issuer, and the certificates of its seals: for anyone to check."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from sqlmodel import SQLModel

from certificates.log import LoggedEvent
from service.api.paging import at_most
from service.errors import NotFound
from service.store import log as store
from service.throttle import LOOK_UPS, throttled

router = APIRouter(prefix="/logs", tags=["logs"], dependencies=[throttled("log", LOOK_UPS)])

Code = Annotated[
    str, Path(description="The issuer's code, as its numbers begin.", pattern="^[A-Z0-9]{1,32}$")
]
TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}
PEM: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-pem-file": {}}}}


class LoggedEntry(SQLModel):
    """An entry of a log; its leaf is the SHA-256 of a zero byte and the UTF-8 text of `entry`."""

    position: int
    entry: str


@router.get("/{code}/checkpoint", response_class=Response, responses=TEXT)
def get_checkpoint(request: Request, code: Code) -> Response:
    """Return the newest signed checkpoint (C2SP signed note, ECDSA).

    Keep it: with it anyone notices later what was taken out, changed or cut off.
    """
    engine = request.app.state.engine
    return Response(
        store.checkpoint(engine, store.issuer(engine, code).id), media_type="text/plain"
    )


@router.get("/{code}/seals", response_class=Response, responses=PEM)
def get_seals(request: Request, code: Code) -> Response:
    """Return the certificates with which the issuer has sealed, as PEM, the newest last."""
    engine = request.app.state.engine
    found = store.seals(engine, store.issuer(engine, code).id)
    pem = "".join(certificate.pem for certificate in found)
    return Response(pem, media_type="application/x-pem-file")


@router.get("/{code}/entries", response_model=list[LoggedEntry])
def list_log_entries(
    request: Request,
    code: Code,
    limit: Annotated[int, at_most(1000, 1000)],
    start: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> object:
    """Return entries from a position on: who reads them all can build the tree anew."""
    engine = request.app.state.engine
    found = store.entries(engine, store.issuer(engine, code).id, start=start, limit=limit)
    return [{"position": position, "entry": entry} for position, entry in found]


@router.get("/{code}/inclusion-proofs/{number}", response_class=Response, responses=TEXT)
def get_inclusion_proof(
    request: Request,
    code: Code,
    number: Annotated[str, Path(pattern="^[A-Z0-9-]{1,64}$")],
    event: Annotated[LoggedEvent | None, Query(description="The newest, if none.")] = None,
) -> Response:
    """Return the proof that an event of a certificate stands in the log (C2SP tlog-proof v1)."""
    engine = request.app.state.engine
    proofs = [
        proof
        for proof in store.inclusion(engine, store.issuer(engine, code).id, number)
        if event in (None, proof.entry.event)
    ]
    if not proofs:
        raise NotFound("entry of the log for", number)
    return Response(proofs[-1].text(), media_type="text/plain")


@router.get("/{code}/consistency-proof", response_class=Response, responses=TEXT)
def get_consistency_proof(
    request: Request, code: Code, from_size: Annotated[int, Query(ge=1, le=2**31 - 1)]
) -> Response:
    """Return the proof that the log only grew since it had a size (RFC 9162, 2.1.4)."""
    engine = request.app.state.engine
    proof = store.consistency(engine, store.issuer(engine, code).id, from_size)
    return Response(proof.text(), media_type="text/plain")
