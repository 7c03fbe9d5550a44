"""Answers about the network of calibrations: load, decide, return; the books are only read.

What rests on a calibration, what a recall makes of it, how results are correlated, whether an
item is fit for a use, and the operator's network over all books.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from mmap import ACCESS_READ, mmap
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from service.affected import Fault, RecallList, recalled
from service.errors import InvalidField, NotFound
from service.store import calibrations as calibration_store
from service.store import items as item_store
from service.store import networks as store
from service.tables.calibrations import CalibrationResult
from service.tenancy import TenantSession
from traceability import fitness as uses
from traceability import impact
from traceability import influences as correlations
from traceability.audit import calibration_in_force
from traceability.columns import columns_of
from traceability.fitness import Fitness
from traceability.graph import Link, build_graph
from traceability.impact import BlastRadius, DriftAssumption, RecordedResult
from traceability.influences import InfluencedResult
from traceability.network import Network
from traceability.numbering import build_network, merged
from traceability.reevaluation import Reevaluated, reevaluate
from traceability.snapshot import open_snapshot, snapshot_of

Progress = Callable[[int], None]

# --- What rests on a calibration ---------------------------------------------------------------


class Standing(StrEnum):
    """How a calibration stands on a day."""

    VALID = "valid"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """A calibration that rests on the one asked about.

    Attributes:
        level: how many steps lie between them, the shortest way.
        is_in_force: whether its item relies on it on the day.
        is_published: whether only the reference layer holds it, not the book.
    """

    link: Link
    level: int
    standing: Standing
    is_in_force: bool
    is_published: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependents:
    """What rests on a calibration on a day, as one book and the reference layer know it.

    Attributes:
        dependents: the nearest first, then by day.
        radius: how many there are at each level, and the items that rely on them.
    """

    root: Link
    on: date
    dependents: tuple[Dependent, ...]
    radius: BlastRadius

    def counts(self) -> dict[int, dict[Standing, int]]:
        """Return how many calibrations of each standing there are at each level."""
        levels: defaultdict[int, dict[Standing, int]] = defaultdict(
            lambda: dict.fromkeys(Standing, 0)
        )
        for dependent in self.dependents:
            levels[dependent.level][dependent.standing] += 1
        return dict(levels)


def dependents(
    session: TenantSession, calibration_id: UUID, *, on: date, known_at: datetime
) -> Dependents:
    """Return what had been calibrated from a calibration by a day, by whatever path.

    Raises:
        NotFound: neither the book nor the reference layer has it, or had it by then.
    """
    loaded = _loaded_by(session, calibration_id, on=on, known_at=known_at)
    radius = impact.blast_radius(loaded.links, [loaded.root_id], on=on)
    levels = _levels_beneath(loaded)
    in_force = _ids_in_force(loaded.links, on=on)
    found = [
        Dependent(
            link=link,
            level=levels[link.calibration_id],
            standing=standing_of(link, on=on),
            is_in_force=link.calibration_id in in_force,
            is_published=link.calibration_id in loaded.published_ids,
        )
        for link in loaded.links
        if link.calibration_id in radius.calibration_ids
    ]
    found.sort(key=lambda one: (one.level, one.link.performed_on, one.link.calibration_id))
    root = next(link for link in loaded.links if link.calibration_id == loaded.root_id)
    return Dependents(root=root, on=on, dependents=tuple(found), radius=radius)


def blast_radius(
    session: TenantSession, calibration_id: UUID, *, on: date, known_at: datetime
) -> BlastRadius:
    """Return how much would have to be looked at if a calibration fell, before anything happens.

    Raises:
        NotFound: neither the book nor the reference layer has it, or had it by then.
    """
    loaded = _loaded_by(session, calibration_id, on=on, known_at=known_at)
    return impact.blast_radius(loaded.links, [loaded.root_id], on=on)


def standing_of(link: Link, *, on: date) -> Standing:
    """Return how a calibration stands on a day; an end outweighs an expiry."""
    if link.superseded_by(on):
        return Standing.WITHDRAWN if link.successor_id is None else Standing.SUPERSEDED
    return Standing.VALID if link.valid_on(on) else Standing.EXPIRED


def _loaded_by(
    session: TenantSession, calibration_id: UUID, *, on: date, known_at: datetime
) -> store.Beneath:
    loaded = store.beneath(session, calibration_id, known_at=known_at)
    links = tuple(link for link in loaded.links if link.performed_on <= on)
    if not any(link.calibration_id == loaded.root_id for link in links):
        raise NotFound("calibration by then", calibration_id)
    return replace(loaded, links=links)


def _levels_beneath(loaded: store.Beneath) -> dict[UUID, int]:
    users = build_graph(loaded.links).reverse(copy=False)
    return dict(nx.single_source_shortest_path_length(users, loaded.root_id))


def _ids_in_force(links: Iterable[Link], *, on: date) -> frozenset[UUID]:
    by_item: defaultdict[UUID, list[Link]] = defaultdict(list)
    for link in links:
        if link.item_id is not None:
            by_item[link.item_id].append(link)
    newest = (calibration_in_force(own, on=on) for own in by_item.values())
    return frozenset(link.calibration_id for link in newest if link is not None)


# --- Recall ------------------------------------------------------------------------------------


def recall_over_books(
    engine: Engine,
    organization_ids: Sequence[UUID],
    calibration: UUID | str,
    fault: Fault,
    *,
    assumption: DriftAssumption,
    on: date,
    known_at: datetime,
    progress: Progress = lambda _count: None,
) -> RecallList:
    """Return what a standard has affected in all books: the operator's view.

    The calibration is named by its id or by the number of its certificate. Each book is read in
    its own session, twice: for its calibrations, then for its results.

    Raises:
        NotFound: no book has the calibration.
        InvalidField, InvalidValue: as in `recall`.
    """
    links = all_links(engine, organization_ids, known_at=known_at, progress=progress)
    root_id = _named(links, calibration)
    radius = impact.blast_radius(links, [root_id], on=on)
    recorded: dict[UUID, tuple[RecordedResult, str, str | None]] = {}
    for organization_id in organization_ids:
        with TenantSession(engine, organization_id, read_only=True) as session:
            for row in store.recorded_results(session, radius.calibration_ids):
                recorded[row[0].result_id] = _better_told(recorded.get(row[0].result_id), row)
        progress(1)
    return recalled(links, root_id, recorded.values(), fault, assumption=assumption, on=on)


def _named(links: Iterable[Link], calibration: UUID | str) -> UUID:
    for link in links:
        if calibration in (link.calibration_id, link.certificate_number):
            return link.calibration_id
    raise NotFound("calibration", calibration)


def _better_told(
    known: tuple[RecordedResult, str, str | None] | None,
    other: tuple[RecordedResult, str, str | None],
) -> tuple[RecordedResult, str, str | None]:
    """Return a result as the book tells it that knows the customer: the laboratory's."""
    return other if known is None or known[0].customer_id is None else known


# --- Covariances -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedAncestor:
    """What two results share, and how much of their covariance it brought.

    Attributes:
        links: the nearest calibrations behind both through which it can have come; one, unless
            several of them carry the same influences.
        names: of its influences those that the book may name, as (zh, en).
        unnamed: how many others there are, known by their ids alone.
        share: of the covariance; shares of all add up to 1.
    """

    links: tuple[Link, ...]
    names: tuple[tuple[str, str], ...]
    unnamed: int
    covariance: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelatedPair:
    """Two results that share influences, by their places in the list asked for."""

    first: int
    second: int
    covariance: float
    correlation: float
    ancestors: tuple[SharedAncestor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariances:
    """The covariances of some results; None where the influences of one are not known.

    Attributes:
        matrix: (n, n), in the products of the results' units.
        correlation: (n, n), in [-1, 1].
        pairs: those that are correlated, in their order.
    """

    results: tuple[CalibrationResult, ...]
    matrix: tuple[tuple[float | None, ...], ...]
    correlation: tuple[tuple[float | None, ...], ...]
    pairs: tuple[CorrelatedPair, ...]


def covariances(
    session: TenantSession, result_ids: Sequence[UUID], *, known_at: datetime
) -> Covariances:
    """Return the covariance matrix of results of the book, and what correlates each two.

    Raises:
        NotFound: the book has no such result, or had none by then.
    """
    loaded = store.influenced_results(session, result_ids)
    results = tuple(row for row, _ in loaded)
    influenced = [components for _, components in loaded]
    matrix = correlations.covariance_matrix(influenced)
    known = np.array([bool(one.components) for one in influenced])
    explained = _Explained(session, results, influenced, known_at=known_at)
    return Covariances(
        results=results,
        matrix=_told(matrix, known),
        correlation=_told(_correlation(matrix), known),
        pairs=tuple(explained.pairs()),
    )


def _correlation(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    u = np.sqrt(np.diag(matrix))
    scale = np.outer(u, u)
    scale[scale == 0] = 1  # of no influence: the covariance is 0 as well, and told as unknown
    coefficients: NDArray[np.float64] = np.clip(matrix / scale, -1, 1)
    np.fill_diagonal(coefficients, 1)
    return coefficients


def _told(
    matrix: NDArray[np.float64], known: NDArray[np.bool_]
) -> tuple[tuple[float | None, ...], ...]:
    """Return a matrix with None where nothing is known: an unknown covariance is not 0."""
    return tuple(
        tuple(
            value if known[i] and known[j] else None for j, value in enumerate(row)
        )
        for i, row in enumerate(matrix.tolist())
    )  # fmt: skip


class _Explained:
    """Names what pairs of results share, remembering the chains behind their calibrations."""

    def __init__(
        self,
        session: TenantSession,
        results: Sequence[CalibrationResult],
        influenced: Sequence[InfluencedResult],
        *,
        known_at: datetime,
    ) -> None:
        self.results = results
        self.influenced = influenced
        self.chains: dict[UUID, dict[UUID, Link]] = {}
        for id_ in {row.calibration_id for row in results}:
            links = calibration_store.ancestry(session, id_, known_at=known_at)
            self.chains[id_] = {link.calibration_id: link for link in links}
        shared = _in_several(influenced)
        behind = {id_ for chain in self.chains.values() for id_ in chain}
        self.carriers = store.carriers(session, behind, shared)
        self.names = store.influence_names(session, shared)

    def pairs(self) -> Iterator[CorrelatedPair]:
        """Yield each two results that share an influence."""
        for i, a in enumerate(self.influenced):
            for j in range(i + 1, len(self.influenced)):
                b = self.influenced[j]
                if a.components.keys() & b.components.keys():
                    yield CorrelatedPair(
                        first=i,
                        second=j,
                        covariance=correlations.covariance(a, b),
                        correlation=correlations.correlation(a, b) or 0.0,
                        ancestors=tuple(self._ancestors(i, j)),
                    )

    def _ancestors(self, i: int, j: int) -> Iterator[SharedAncestor]:
        nearest = self._nearest_common(
            self.results[i].calibration_id, self.results[j].calibration_id
        )
        parts: defaultdict[frozenset[UUID], list[correlations.SharedInfluence]]
        parts = defaultdict(list)
        for shared in correlations.shared_influences(self.influenced[i], self.influenced[j]):
            carrying = frozenset(nearest) & self.carriers.get(shared.influence_id, set())
            parts[carrying or frozenset(nearest)].append(shared)
        for ids, found in parts.items():
            named = [part.influence_id for part in found if part.influence_id in self.names]
            yield SharedAncestor(
                links=tuple(nearest[id_] for id_ in sorted(ids)),
                names=tuple(self.names[id_] for id_ in named),
                unnamed=len(found) - len(named),
                covariance=sum(part.covariance for part in found),
                share=sum(part.share for part in found),
            )

    def _nearest_common(self, a: UUID, b: UUID) -> dict[UUID, Link]:
        """Return the calibrations in both chains that stand behind no other such one."""
        common = {id_: self.chains[a][id_] for id_ in self.chains[a].keys() & self.chains[b].keys()}
        used = {ref.reference_id for link in common.values() for ref in link.references}
        return {id_: link for id_, link in common.items() if id_ not in used}


def _in_several(influenced: Iterable[InfluencedResult]) -> set[UUID]:
    once: set[UUID] = set()
    several: set[UUID] = set()
    for one in influenced:
        several |= one.components.keys() & once
        once |= one.components.keys()
    return several


# --- Fitness for use ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FitnessForUse:
    """Whether an item serves a use, with its certificate and the unit of the numbers."""

    fitness: Fitness
    certificate_number: str | None
    unit: str


def fitness(
    session: TenantSession,
    item_id: UUID,
    *,
    quantity: str,
    at: float,
    unit: str | None,
    required_standard_uncertainty: float,
    drift_standard_uncertainty_per_year: float | None,
    on: date,
    known_at: datetime,
) -> FitnessForUse:
    """Return whether an item serves to measure a value with a required u on a day.

    Args:
        session: of the book that has the item.
        item_id: the item.
        quantity: what is to be measured, as the ledger names it.
        at: the value, in `unit`, which is the item's own where none is given.
        unit: of the value and of the uncertainties.
        required_standard_uncertainty: the largest u that serves.
        drift_standard_uncertainty_per_year: as in `traceability.fitness.fitness`.
        on: the day of use.
        known_at: the book as it was known at a moment.

    Raises:
        NotFound: the ledger has no such item.
        InvalidField: the item measures another quantity.
    """
    item = item_store.get(session, item_id)
    if quantity != item.quantity:
        raise InvalidField("/quantity", f"the item measures {item.quantity}")
    unit = unit or item.range_unit
    if unit is None:
        raise InvalidField("/unit", "the item's measuring interval has no unit: name one")
    ids = [row.id for row in calibration_store.of_item(session, item_id)]
    history = calibration_store.links_of(session, ids, known_at=known_at)
    newest = calibration_in_force(history, on=on)
    behind = (
        calibration_store.ancestry(session, newest.calibration_id, known_at=known_at)
        if newest
        else []
    )
    links = {link.calibration_id: link for link in (*history, *behind)}
    return FitnessForUse(
        fitness=uses.fitness(
            links.values(),
            item_id,
            at=at,
            unit=unit,
            required_standard_uncertainty=required_standard_uncertainty,
            on=on,
            state=item.status,
            drift_standard_uncertainty_per_year=drift_standard_uncertainty_per_year,
        ),
        certificate_number=newest.certificate_number if newest else None,
        unit=unit,
    )


# --- A standard's certificate is replaced ------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reevaluation:
    """What a new calibration of a standard makes of the uncertainties that rest on an old one.

    Attributes:
        in_force: of the dependents, those on which an item relies: future work is done with these.
    """

    root: Link
    successor: Link
    dependents: tuple[Reevaluated, ...]
    in_force: frozenset[UUID]


def reevaluation(
    session: TenantSession,
    calibration_id: UUID,
    successor_id: UUID,
    *,
    on: date,
    known_at: datetime,
) -> Reevaluation:
    """Return what rests on a standard's calibration as it would be with its successor's u.

    Nothing is written: certified results stay as they are, this is for work to come.

    Raises:
        NotFound: the book has no such calibrations, or had none by then.
        InvalidField: the successor is another item's, or states its U in another unit.
    """
    loaded = _loaded_by(session, calibration_id, on=on, known_at=known_at)
    root = next(link for link in loaded.links if link.calibration_id == loaded.root_id)
    found = store.links_anywhere(session, [successor_id], known_at=known_at)
    if not found:
        raise NotFound("calibration", successor_id)
    successor = found[0]
    if successor.item_id != root.item_id or successor_id == calibration_id:
        raise InvalidField("/successor_id", "the successor is another calibration of that item")
    if root.uncertainty and successor.uncertainty:
        unit = root.uncertainty.unit
        if successor.uncertainty.unit != unit:
            raise InvalidField("/successor_id", f"the standard's U is stated in {unit}")
    return Reevaluation(
        root=root,
        successor=successor,
        dependents=reevaluate(loaded.links, loaded.root_id, successor),
        in_force=_ids_in_force(loaded.links, on=on),
    )


# --- The operator's network over all books -----------------------------------------------------

# Whose word counts where several books hold one event: its maker's first.
SOURCES = ("made", "external", "received", "cited")
MAKERS = frozenset({"made", "external"})


def all_links(
    engine: Engine,
    organization_ids: Iterable[UUID],
    *,
    known_at: datetime,
    progress: Progress = lambda _count: None,
) -> tuple[Link, ...]:
    """Return the calibrations of many books, one for each event, references by event id.

    Each book is read in its own session. What is published stands in its holder's book as well,
    so the reference layer gives only the ids.
    """
    told: dict[UUID, tuple[str, Link]] = {}
    published: dict[UUID, UUID] = {}
    for organization_id in organization_ids:
        with TenantSession(engine, organization_id, read_only=True) as session:
            published |= store.publications(session)
            _tell_once(told, store.sourced_links(session, known_at=known_at))
        progress(1)
    return tuple(store.in_own_ids(link, published) for _, link in told.values())


def _tell_once(told: dict[UUID, tuple[str, Link]], links: Iterable[tuple[str, Link]]) -> None:
    for source, link in links:
        known = told.get(link.calibration_id)
        if known is None or SOURCES.index(source) < SOURCES.index(known[0]):
            told[link.calibration_id] = source, link


def write_snapshot(
    engine: Engine,
    organization_ids: Sequence[UUID],
    file: Path,
    *,
    known_at: datetime,
    progress: Progress = lambda _count: None,
) -> Network:
    """Write the network over many books as a snapshot, and return it.

    The bytes are written beside an old snapshot, which stays until they are whole.

    Raises:
        CycleInTraceability, DateOutOfRange: of the books' records; the old snapshot stays.
        OSError: the file cannot be written.
    """
    links = all_links(engine, organization_ids, known_at=known_at, progress=progress)
    network = build_network(columns_of(links), watermark=known_at.isoformat())
    _replace(file, network)
    return network


def update_snapshot(
    engine: Engine,
    organization_ids: Sequence[UUID],
    file: Path,
    *,
    known_at: datetime,
    progress: Progress = lambda _count: None,
) -> Network:
    """Merge into a snapshot what the books recorded since its watermark, and return the network.

    What was recorded only now but used by what the snapshot has already, leaves that as it was
    judged: then write it anew.

    Raises:
        InvalidField: the snapshot knows the books at a later moment already.
        SnapshotTruncated, SnapshotOfAnotherVersion, SnapshotUnreadable: as `open_snapshot`.
        CycleInTraceability, DateOutOfRange: of the new records; the old snapshot stays.
        OSError: there is no such file, or it cannot be written.
    """
    old = read_snapshot(file)
    since = datetime.fromisoformat(old.watermark)
    if since > known_at:
        raise InvalidField("/known_at", f"the snapshot is of {since} already")
    told: dict[UUID, tuple[str, Link]] = {}
    behind: dict[UUID, Link] = {}
    published: dict[UUID, UUID] = {}
    for organization_id in organization_ids:
        with TenantSession(engine, organization_id, read_only=True) as session:
            published |= store.publications(session)
            changed = store.sourced_links(session, known_at=known_at, since=since)
            _tell_once(told, changed)
            used = {used.reference_id for _, link in changed for used in link.references}
            for link in store.links_anywhere(session, used, known_at=known_at):
                behind[published.get(link.calibration_id, link.calibration_id)] = link
        progress(1)
    links = {id_: store.in_own_ids(link, published) for id_, (_, link) in told.items()}
    known = dict(zip(links, old.has(links), strict=True))
    network = merged(
        old,
        columns_of(
            [link for id_, link in links.items() if not known[id_]],
            behind=[replace(link, calibration_id=id_) for id_, link in behind.items()],
            # As in a new snapshot, the end of another's event counts where its maker ended it.
            ended=[link for id_, link in links.items() if known[id_] and told[id_][0] in MAKERS],
        ),
        watermark=known_at.isoformat(),
    )
    _replace(file, network)
    return network


def _replace(file: Path, network: Network) -> None:
    """Write a snapshot beside the old one, which stays until the new one is whole."""
    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as beside:
        try:
            for piece in snapshot_of(network):
                beside.write(piece)
            beside.flush()
            os.fsync(beside.fileno())
            Path(beside.name).replace(file)
        except BaseException:
            Path(beside.name).unlink(missing_ok=True)
            raise


def read_snapshot(file: Path) -> Network:
    """Return the network of a snapshot, mapped into memory.

    Raises:
        SnapshotTruncated, SnapshotOfAnotherVersion, SnapshotUnreadable: as `open_snapshot`.
        OSError: there is no such file.
    """
    with file.open("rb") as opened:
        if not os.fstat(opened.fileno()).st_size:
            return open_snapshot(b"")
        return open_snapshot(mmap(opened.fileno(), 0, access=ACCESS_READ))
