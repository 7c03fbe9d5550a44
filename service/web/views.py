"""What a page shows: plain frozen values, already decided; the templates only print them.

A route loads rows, asks the core, fills one of the `…Page` classes and gives it to
`service.web.render_page`. Texts that come from the data are `Bilingual`; fixed words are
the catalogue's, found by the value of an enum (`service/web/words.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from markupsafe import Markup

from certificates.content import CertificateKind
from certificates.log import LoggedEvent
from procedures.conformity import Verdict
from service.store.due import DueStatus, due_status
from service.web.viz import DriftPlot, ForecastPlot, level_lines
from traceability.drawing import Band, Drawing
from traceability.graph import Flaw
from traceability.schedule import DueDate

DUE_SOON_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilingual:
    """A text of the data in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpandedUncertainty:
    """U as a certificate states it: never without its unit and coverage factor.

    Attributes:
        relative: U divided by the value it belongs to, for the bar of the diagram; None where
            there is no such value (zero, or °C).
    """

    value: Decimal
    unit: str
    coverage_factor: Decimal
    relative: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuringInterval:
    """From the lower to the upper limit, in `unit`; equal limits are one value."""

    lower: Decimal
    upper: Decimal
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands around every page: who looks, on which day, at what kind of data."""

    today: date | None = None
    organization: Bilingual | None = None
    person: Bilingual | None = None
    demonstration: bool = False
    logged_in: bool = False
    reads_granted_books: bool = False


# --- Certificates ------------------------------------------------------------------------------


class CertificateStatus(StrEnum):
    """How a certificate stands on a date."""

    VALID = "valid"
    DUE_SOON = "due soon"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    AMENDED = "amended"
    VOIDED = "voided"
    NOT_YET_ISSUED = "not yet issued"


def certificate_status(
    on: date, valid_until: date | None, *, amended: bool = False, withdrawn: bool = False
) -> CertificateStatus:
    """Return how a certificate stands on a date; no end of validity means it has none.

    >>> certificate_status(date(2026, 12, 11), date(2026, 12, 11))
    <CertificateStatus.DUE_SOON: 'due soon'>
    """
    if withdrawn:
        return CertificateStatus.WITHDRAWN
    if amended:
        return CertificateStatus.AMENDED
    if valid_until is None:
        return CertificateStatus.VALID
    days = (valid_until - on).days
    if days < 0:
        return CertificateStatus.EXPIRED
    return CertificateStatus.DUE_SOON if days <= DUE_SOON_DAYS else CertificateStatus.VALID


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRow:
    """One certificate in a list of found ones.

    `serial_number` is None where only the public directory knows the certificate.
    """

    number: str
    kind: CertificateKind
    item_name: Bilingual
    manufacturer: Bilingual
    type_designation: str
    serial_number: str | None
    issuer: Bilingual
    issued_on: date
    valid_until: date | None
    status: CertificateStatus
    calibration_id: UUID | None = None
    item_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePage:
    """The look-up page. The examples are worth opening; None leaves one out.

    Attributes:
        example_serial_number: carried by exactly one item.
        shared_serial_number: given by two manufacturers to two items.
        example_calibration_id: one with a long chain.
        example_line_id: an item of a work order whose worksheet is open.
        organizations, items, events: how many the demonstration holds.
        is_empty_book: whether the book of whoever looks holds no item yet.
    """

    on: date
    is_empty_book: bool = False
    example_serial_number: str | None = None
    shared_serial_number: str | None = None
    example_certificate_number: str | None = None
    example_calibration_id: UUID | None = None
    example_item_id: UUID | None = None
    example_line_id: UUID | None = None
    organizations: int | None = None
    items: int | None = None
    events: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupPage:
    """What was found for a serial or certificate number: none, one or many, newest first.

    Attributes:
        items: the items that carry the number, one each for two makers with one serial; also
            those that have no certificate yet.
    """

    query: str
    on: date
    certificates: tuple[CertificateRow, ...]
    items: tuple["FoundItem", ...] = ()

    @property
    def several_makers(self) -> bool:
        """Whether the number was given by more than one manufacturer."""
        found = {row.manufacturer for row in self.certificates}
        return len(found | {item.manufacturer for item in self.items}) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    """An item that carries the serial number asked for; `item_id` None if not ours to open."""

    name: Bilingual
    manufacturer: Bilingual
    type_designation: str
    serial_number: str
    holder: Bilingual
    item_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFile:
    """One form of a certificate that can be downloaded; `format` is pdf, xml, json or proof."""

    format: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """One result as the paper says it: its digits as printed; `uncertainty` is U with its k."""

    measurand: Bilingual
    nominal: str
    estimate: str
    uncertainty: str
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRow:
    """An event of a certificate in its issuer's log."""

    event: LoggedEvent
    on: date
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePage:
    """A certificate: its status on a date around its own text.

    Attributes:
        today: the day of the page; `on` is the day asked about.
        asked: the number as it was typed, where letters that look alike were read otherwise.
        code: what was given as the code of the paper; `code_is_right` whether it is.
        paper: the results to compare with the paper, for who gave its code.
        document: the certificate's HTML fragment by `certificates.html`; None if only its
            entry is known (issued elsewhere).
        since: the day from which it stands so.
        is_ours: whether the book of whoever looks issued it.
        replaced_by: the number of the certificate that amends this one.
        amends: the number of the one that this one amends, where the book holds it.
        withdrawal_reason: why it was withdrawn, as the issuer said it.
        chain_unbroken: whether its chain was unbroken when used; None if that is not ours to see.
        logged: what its issuer's log holds of it, the oldest first.
    """

    row: CertificateRow
    on: date
    today: date
    document: Markup | None
    asked: str | None = None
    code: str = ""
    code_is_right: bool | None = None
    paper: tuple[PaperRow, ...] = ()
    is_demonstration: bool = False
    content_sha256: str | None = None
    files: tuple[CertificateFile, ...] = ()
    since: date | None = None
    is_ours: bool = False
    replaced_by: str | None = None
    amends: str | None = None
    withdrawal_reason: str | None = None
    chain_unbroken: bool | None = None
    logged: tuple[LoggedRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownCertificatePage:
    """That nobody issued a certificate of this number here."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationPage:
    """The question whether a file is the issued one, and the answer once it was asked.

    Attributes:
        finding: a value of `service.public.Finding`; None before anything was sent.
        row: the certificate that the file is, or claims to be, as it stands on the day.
    """

    on: date
    largest: int
    finding: str | None = None
    sha256: str = ""
    row: CertificateRow | None = None
    replaced_by: str | None = None
    error: str = ""


# --- The chain ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The days on which something holds; no last day means no end."""

    first: date
    last: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldBreak:
    """A break or an audit finding, to be told in words.

    Attributes:
        facts: what the sentence in `service/web/words.py` names.
        calibration_id: the chain to look at; None for a flaw of items.
    """

    flaw: Flaw
    facts: Mapping[str, "Fact"]
    calibration_id: UUID | None = None
    item_ids: tuple[UUID, ...] = ()


Fact = Bilingual | MeasuringInterval | Span | tuple[Bilingual, ...] | date | Decimal | int | str
"""What a sentence can name; `service.web.words` writes each in the language being spoken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainNode:
    """One calibration of the chain, as its box and its entry in the list show it.

    Attributes:
        anchor: the fragment of its first place on the page.
        level: the name of its level (国家计量基准, …); None where nobody recorded it.
        at: the point that U holds for.
        method: how it was used by the node above; None for the result itself.
        contributed: u that it brings into the node above.
        repeated: whether its branches stand at an earlier place.
        broken: whether a break of the chain as it was used names it.
    """

    calibration_id: UUID
    anchor: str
    name: Bilingual
    laboratory: Bilingual
    level: Bilingual | None
    performed_on: date | None
    valid_until: date | None
    certificate_number: str | None
    status: CertificateStatus
    uncertainty: ExpandedUncertainty | None
    interval: MeasuringInterval | None
    at: tuple[Decimal, str] | None = None
    procedure: str | None = None
    method: Bilingual | None = None
    contributed: tuple[Decimal, str] | None = None
    terminal_reason: str | None = None
    claimed_terminal_reason: str | None = None
    repeated: bool = False
    broken: bool = False
    nodes: tuple["ChainNode", ...] = ()

    @property
    def lapsed(self) -> bool:
        """Whether it has expired by the day of the page, which breaks no chain of the past."""
        return self.status == CertificateStatus.EXPIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPage:
    """The chain of one calibration, drawn and told; `service.web.telling.chain_page` makes it.

    Attributes:
        boxes: every calibration of the chain by its id, for the drawing.
        on: the day for "every link valid on".
        breaks_when_used, breaks_on: empty means unbroken in that reading.
        ends: where the chain ends, each calibration once.
        levels: names of levels by calibration, in the language of the drawing.
    """

    result: ChainNode
    boxes: Mapping[UUID, ChainNode]
    drawing: Drawing
    on: date
    breaks_when_used: tuple[ToldBreak, ...]
    breaks_on: tuple[ToldBreak, ...]
    ends: tuple[ChainNode, ...]
    levels: Mapping[UUID, str]

    def level_lines(self, band: Band) -> tuple[str, ...]:
        """Return the name of a row's level, in lines; none if its boxes do not share one."""
        return level_lines(self.drawing, band, self.levels)


# --- Items, due dates, findings ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event of an item. `kind` is calibration, verification or certification.

    Attributes:
        verdict: None where none was given (a calibration gives values).
        expanded_uncertainty: the largest of the event's results, or of the point drawn.
    """

    calibration_id: UUID
    kind: str
    performed_on: date
    valid_until: date | None
    laboratory: Bilingual
    certificate_number: str | None
    procedure: str | None
    verdict: Verdict | None = None
    adjusted: bool = False
    expanded_uncertainty: ExpandedUncertainty | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChanceRow:
    """P(in tolerance) some months after the last calibration, with its 90 % band."""

    months: int
    probability: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalSection:
    """How long the item may run: what is advised beside law and what is in force.

    Attributes:
        sentences: the advice first, then what it rests on and what to be careful of.
        advised, proposed, cautious, legal, current: in months; None where there is none.
        forecast, forecast_narrow: None where the history tells nothing.
        unit, at: of the forecast.
    """

    sentences: tuple[Bilingual, ...]
    target: Decimal
    calibrations: int
    family: int
    is_mandatory: bool
    advised: int | None
    proposed: int | None
    cautious: int | None
    legal: int | None
    current: int | None
    forecast: ForecastPlot | None = None
    forecast_narrow: ForecastPlot | None = None
    unit: str = ""
    at: str = ""
    chances: tuple[ChanceRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFact:
    """What befell an item beside its calibrations, or a due date that a person set.

    Attributes:
        kind: an event (`repair`, `sealed` …), or `override`.
        told: the note or the reason; by whom it was approved or recorded.
        until: the due date of an override.
        reading: of a usage, "1200 h".
    """

    kind: str
    on: date
    told: str
    by: Bilingual | None
    activity: str | None = None
    until: date | None = None
    reading: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemActs:
    """What somebody who may change the item can put on record of it.

    Attributes:
        activities: those that have a due date.
        people: who may have approved a due date.
        typed: what was typed into the form that was refused, of which `refused` tells the reason.
    """

    activities: tuple[str, ...]
    events: tuple[str, ...]
    people: tuple[tuple[UUID, Bilingual], ...]
    me: UUID
    typed: Mapping[str, str] = field(default_factory=dict)
    refused: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """One item: what it is, when it is due, what was done to it.

    Attributes:
        location: where it stands, as the book has it (Chinese).
        procedure_verified: False where our catalogue does not hold the edition.
        state: `in_use`, `limited`, `sealed`, `out_of_service`.
        due_on: of all its activities the earliest; None if nothing falls due.
        drift, drift_narrow: the same points drawn 760 and 352 wide; None if there are too few.
        drift_unit, drift_at: the unit of the plot and the point it is drawn for ("0.8 MPa").
        interval: None for an item without a calibration.
        due: of each activity, that of its own period first; every rule that had a say.
        facts: what befell it and what was set, the newest first.
        acts: None for who may not change it.
    """

    item_id: UUID
    name: Bilingual
    manufacturer: Bilingual
    type_designation: str
    serial_number: str
    asset_number: str | None
    holder: Bilingual
    location: str | None
    level: Bilingual | None
    state: str
    on: date
    due_on: date | None
    period_months: int | None
    events: tuple[EventRow, ...]
    measuring_interval: MeasuringInterval | None = None
    accuracy: str | None = None
    procedure: str | None = None
    procedure_verified: bool = True
    drift: DriftPlot | None = None
    drift_narrow: DriftPlot | None = None
    drift_unit: str = ""
    drift_at: str = ""
    interval: IntervalSection | None = None
    due: tuple[DueDate, ...] = ()
    facts: tuple[ItemFact, ...] = ()
    acts: ItemActs | None = None

    @property
    def drift_adjusted(self) -> bool:
        """Whether the plot shows a value left by an adjustment."""
        return self.drift is not None and any(mark.left_y is not None for mark in self.drift.marks)

    @property
    def due_status(self) -> DueStatus:
        """How near the due date is on the day of the page."""
        is_stopped = bool(self.due) and self.due[0].is_stopped
        return due_status(self.on, self.due_on, is_stopped=is_stopped)

    @property
    def days_left(self) -> int | None:
        """Days until the due date, negative once it has passed; None without one."""
        return None if self.due_on is None else (self.due_on - self.on).days


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingGroup:
    """All findings of one flaw."""

    flaw: Flaw
    findings: tuple[ToldBreak, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsPage:
    """What the audit found on a day, and how much it looked at; no group means clean.

    `every_book` says that it looked at all organizations' books, not only at one's own.
    """

    on: date
    groups: tuple[FindingGroup, ...]
    items_checked: int
    events_checked: int
    references_checked: int
    every_book: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPerson:
    """Somebody as whom the demonstration can be looked at; `role` keys the words."""

    person_id: UUID
    name: Bilingual
    role: str
    current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOrganization:
    """An organization of the demonstration and its people; `kind` keys the words."""

    name: Bilingual
    kind: str
    people: tuple[DemoPerson, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActAsPage:
    """The choice as whom to look; the form posts `person_id` and `back` to the same address."""

    organizations: tuple[DemoOrganization, ...]
    back: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """What went wrong, told to a person; `details` are (field, message) pairs.

    A message of ours is written in the language that is spoken when the page is.
    """

    status: int
    details: tuple[tuple[str, object], ...] = ()


Page = (
    HomePage
    | LookupPage
    | CertificatePage
    | UnknownCertificatePage
    | AuthenticationPage
    | ChainPage
    | ItemPage
    | FindingsPage
    | ActAsPage
    | ErrorPage
)
