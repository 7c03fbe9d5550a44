"""The words for what the core says in values: kinds, statuses, roles, and the sentence of a flaw.

Every value of these enums has its word here; the texts are msgids of the catalogue.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum

from markupsafe import Markup, escape

from certificates.content import CertificateKind, Meaning
from certificates.log import LoggedEvent
from procedures.checks import Slip
from procedures.conformity import Verdict
from procedures.lots import LotStatus
from procedures.worksheet import Course
from service.figures import FigureName
from service.risks import Gap
from service.store.due import DueStatus
from service.web import fmt
from service.web.i18n import gettext, say
from service.web.views import (
    Bilingual,
    CertificateStatus,
    Fact,
    MeasuringInterval,
    Span,
    ToldBreak,
)
from service.work_order_states import State
from traceability.escalation import Stage
from traceability.graph import Flaw
from traceability.impact import DriftAssumption
from traceability.impact import Verdict as RecalledVerdict
from traceability.schedule import Activity, Rule
from traceability.standards import Ineligibility


def N_(message: str) -> str:  # noqa: N802 the name by which a message is found
    """Mark a text for the catalogue and return it; it is translated when it is used."""
    return message


WORDS: Mapping[str, Mapping[str, str]] = {
    "certificate kind": {
        CertificateKind.CALIBRATION_CERTIFICATE: N_("Calibration certificate"),
        CertificateKind.VERIFICATION_CERTIFICATE: N_("Verification certificate"),
        CertificateKind.VERIFICATION_REJECTION: N_("Notice of verification results"),
        CertificateKind.REFERENCE_MATERIAL_CERTIFICATE: N_("Reference material certificate"),
        CertificateKind.VERIFICATION_RECORD: N_("Verification record"),
    },
    "certificate status": {
        CertificateStatus.VALID: N_("Valid"),
        CertificateStatus.DUE_SOON: N_("Valid, due soon"),
        CertificateStatus.EXPIRED: N_("Expired"),
        CertificateStatus.WITHDRAWN: N_("Withdrawn"),
        CertificateStatus.AMENDED: N_("Amended"),
        CertificateStatus.VOIDED: N_("Voided"),
        CertificateStatus.NOT_YET_ISSUED: N_("Not yet issued"),
    },
    "log event": {
        LoggedEvent.ISSUED: N_("Issued"),
        LoggedEvent.AMENDED: N_("Amended"),
        LoggedEvent.WITHDRAWN: N_("Withdrawn"),
        LoggedEvent.VOIDED: N_("Voided"),
    },
    "due status": {
        DueStatus.OVERDUE: N_("Overdue"),
        DueStatus.WITHIN_30: N_("Within 30 days"),
        DueStatus.WITHIN_60: N_("31 to 60 days"),
        DueStatus.WITHIN_90: N_("61 to 90 days"),
        DueStatus.LATER: N_("After 90 days"),
        DueStatus.NONE: N_("No due date"),
        DueStatus.STOPPED: N_("Stored"),
    },
    "activity": {
        Activity.VERIFICATION: N_("Verification"),
        Activity.CALIBRATION: N_("Calibration"),
        Activity.INTERMEDIATE_CHECK: N_("Intermediate check"),
        Activity.MAINTENANCE: N_("Maintenance"),
        Activity.REPLACEMENT: N_("Replacement"),
    },
    "figure": {
        FigureName.WITHIN_VALIDITY: N_("Within validity"),
        FigureName.MANDATORY_WITHIN_VALIDITY: N_("Mandatory items within validity"),
        FigureName.CONFORMING: N_("Conforming"),
        FigureName.FIRST_TIME: N_("Conforming the first time"),
        FigureName.TURN_AROUND: N_("Turn-around"),
    },
    "lot status": {
        LotStatus.KEEP: N_("Keep in use"),
        LotStatus.WATCH: N_("Watch them"),
        LotStatus.REPLACE: N_("Replace them"),
    },
    "due stage": {
        Stage.OVERDUE: N_("Overdue"),
        Stage.WITHIN_30: N_("Within 30 days"),
        Stage.WITHIN_60: N_("31 to 60 days"),
        Stage.WITHIN_90: N_("61 to 90 days"),
    },
    "digest mail": {
        "none": N_("kept here"),
        "waiting": N_("mail waiting"),
        "sent": N_("mail sent"),
        "failed": N_("mail failed"),
    },
    "period rule": {
        "organization": N_("All items"),
        "item_type": N_("Type"),
        "criticality": N_("Energy level"),
        "item": N_("Item"),
    },
    "item fact": {
        "intermediate_check": N_("Intermediate check, passed"),
        "failed_check": N_("Intermediate check, failed"),
        "maintenance": N_("Maintenance"),
        "replacement": N_("Replacement"),
        "repair": N_("Repair"),
        "overload": N_("Overload"),
        "sealed": N_("Put into storage"),
        "unsealed": N_("Back from storage"),
        "usage": N_("Usage reading"),
        "override": N_("Due date set"),
    },
    "due rule": {
        Rule.PROCEDURE: N_("Period of the procedure"),
        Rule.ORGANIZATION: N_("Period of the organization"),
        Rule.ITEM_TYPE: N_("Period of the type"),
        Rule.CRITICALITY: N_("Period of the level"),
        Rule.ITEM: N_("Period of the item"),
        Rule.USAGE: N_("Limit of use"),
        Rule.STATE: N_("State of the item"),
        Rule.CERTIFICATE: N_("Validity on the certificate"),
        Rule.NEVER_DONE: N_("Never done"),
        Rule.REENTRY: N_("Out of storage, not yet checked"),
        Rule.OVERRIDE: N_("Set by a person"),
    },
    "cost term": {
        "overdue": N_("overdue"),
        "early": N_("validity lost"),
        "downtime": N_("downtime"),
        "trip": N_("trip"),
        "trips": N_("trips"),
        "hours": N_("dear hours"),
        "peak": N_("hours above the usual load"),
        "overtime": N_("overtime"),
        "unplaced": N_("without a week"),
        "moved": N_("bookings moved"),
    },
    "planning method": {
        "earliest_due_first": N_("the call-off list"),
        "local_search": N_("local search"),
        "integer_program": N_("integer programming"),
    },
    "shortage": {
        "time": N_("The last permitted week has passed"),
        "laboratory_hours": N_("Too few hours of the laboratory"),
        "persons_hours": N_("Too few hours of authorised people"),
        "fit": N_("Hours enough, but not in one piece"),
    },
    "way out": {
        "more_hours": N_("more hours of the laboratory"),
        "authorise": N_("authorise"),
        "earlier": N_("call items off earlier"),
        "later": N_("place items later than permitted"),
    },
    "left out": {
        "under_way": N_("under way in a work order"),
        "no_capacity_known": N_("no discipline works on their quantity"),
    },
    "planning remark": {
        "no_hours": N_("no hours in any week; its items find no week"),
        "nobody": N_("nobody does it; its items find no week"),
        "no_site": N_("no site of this name is known; see Sites"),
    },
    "event": {
        "calibration": N_("Calibration"),
        "verification": N_("Verification"),
        "certification": N_("Certification of a reference material"),
        "intermediate_check": N_("Intermediate check"),
        "adjustment": N_("Adjustment"),
        "comparison": N_("Comparison"),
    },
    "meaning": {
        Meaning.CALIBRATED: N_("Calibrated by"),
        Meaning.CHECKED: N_("Checked by"),
        Meaning.APPROVED: N_("Approved by"),
    },
    "verdict": {
        Verdict.PASS: N_("Conforms"),
        Verdict.FAIL: N_("Does not conform"),
        Verdict.CONDITIONAL_PASS: N_("Conforms, conditionally"),
        Verdict.CONDITIONAL_FAIL: N_("Does not conform, conditionally"),
        Verdict.UNDETERMINED: N_("Not determined"),
    },
    "notice": {
        "amended": N_("Replaced"),
        "withdrawn": N_("Withdrawn"),
        "out_of_tolerance": N_("Standard out of tolerance"),
    },
    "gap": {
        Gap.NOT_CALIBRATED: N_("Never calibrated"),
        Gap.EXPIRED: N_("Expired"),
        Gap.CHAIN_BROKEN: N_("Chain broken"),
    },
    "recalled verdict": {
        RecalledVerdict.CONFORMING: N_("Conforms"),
        RecalledVerdict.NONCONFORMING: N_("Does not conform"),
        RecalledVerdict.UNKNOWN: N_("Not known"),
    },
    "assumption": {
        DriftAssumption.STEP_AT_START: N_("whole from the day after it was last good"),
        DriftAssumption.LINEAR: N_("growing in proportion to the time"),
        DriftAssumption.WORST_CASE: N_("the largest of any point, in the worse direction"),
    },
    "recall": {
        "suggested": N_("to be confirmed"),
        "dropped": N_("dropped"),
        "open": N_("open"),
        "closed": N_("closed"),
    },
    "work order state": {
        State.REQUESTED: N_("Requested"),
        State.ACCEPTED: N_("Accepted"),
        State.RECEIVED: N_("Received"),
        State.ASSIGNED: N_("Assigned"),
        State.MEASURED: N_("Measured"),
        State.CHECKED: N_("Checked"),
        State.APPROVED: N_("Approved"),
        State.ISSUED: N_("Issued"),
        State.RETURNED: N_("Handed back"),
        State.DECLINED: N_("Declined"),
        State.CANCELLED: N_("Cancelled"),
    },
    "course": {
        Course.MEASURED: N_("Only measured"),
        Course.ADJUSTED: N_("Adjusted: as found and as left"),
        Course.INITIAL: N_("New: measured for the first time"),
    },
    "slip": {
        Slip.DECIMAL_POINT: N_("Decimal point"),
        Slip.SIGN: N_("Sign"),
        Slip.TRANSPOSITION: N_("Exchanged digits"),
        Slip.OUTLIER: N_("Outlier"),
    },
    "ineligibility": {
        Ineligibility.NOT_YET_CALIBRATED: N_("not calibrated yet"),
        Ineligibility.EXPIRED: N_("expired"),
        Ineligibility.SUPERSEDED: N_("superseded"),
        Ineligibility.OUT_OF_SERVICE: N_("out of service"),
        Ineligibility.FAILED: N_("failed its verification"),
        Ineligibility.UNIT_MISMATCH: N_("another unit"),
        Ineligibility.RANGE_NOT_COVERED: N_("range not covered"),
        Ineligibility.UNCERTAINTY_UNKNOWN: N_("uncertainty unknown"),
        Ineligibility.PERMISSIBLE_ERROR_UNKNOWN: N_("its maximum permissible error is unknown"),
        Ineligibility.RATIO_UNKNOWN: N_("ratio unknown"),
        Ineligibility.RATIO_EXCEEDS_RULE: N_("ratio beyond the rule"),
    },
    "document": {
        "order": N_("Order"),
        "acceptance": N_("Answer to an order"),
    },
    "item state": {
        "in_use": N_("In use"),
        "limited": N_("Limited use"),
        "sealed": N_("Sealed"),
        "out_of_service": N_("Out of service"),
    },
    "energy level": {
        "用能单位": N_("The organization"),
        "主要次级用能单位": N_("Main parts of it"),
        "主要用能设备": N_("Main equipment"),
        "其他": N_("Other"),
    },
    "item kind": {
        "measuring_instrument": N_("Measuring instrument"),
        "measuring_system": N_("Measuring system"),
        "material_measure": N_("Material measure"),
        "measurement_standard": N_("Measurement standard"),
        "reference_material": N_("Reference material"),
    },
    "permissible error of": {
        "absolute": N_("in the unit of the range"),
        "span": N_("in percent of the span"),
        "relative": N_("in percent of the value"),
    },
    "yes or no": {"true": N_("Yes"), "false": N_("No")},
    "layout": {
        "generic": N_("Every column, English headers"),
        "generic-zh": N_("Every column, Chinese headers"),
        "b3": N_("Table B.3, all instruments"),
        "b4": N_("Table B.4, at the organization's border"),
        "b5": N_("Table B.5, of its main parts"),
        "b6": N_("Table B.6, of main equipment"),
        "b7": N_("Table B.7, others"),
        "sap": N_("SAP equipment"),
    },
    "match by": {
        "asset_number": N_("asset number"),
        "plate": N_("maker, type and serial number"),
        "id": N_("id of this service"),
    },
    "import state": {
        "previewed": N_("shown"),
        "queued": N_("being written"),
        "applied": N_("written"),
        "refused": N_("refused as a whole"),
    },
    "outcome": {
        "created": N_("Created"),
        "updated": N_("Changed"),
        "unchanged": N_("Unchanged"),
        "conflict": N_("Undecided"),
        "rejected": N_("Refused"),
    },
    "row reason": {
        "damaged_number": N_(
            "A spreadsheet has damaged this number: format the column as text, enter it again."
        ),
        "too_long": N_("Too long."),
        "range_upside_down": N_("The range begins above its end."),
        "not_a_date": N_("Not a date: write 2025-03-01, 2025.3.1 or 20250301."),
        "not_a_period": N_("Not a period: write months, such as 12."),
        "unknown_word": N_("Not one of the words that may stand here."),
        "not_an_id": N_("Not an id."),
        "no_beginning": N_("Say on which day it was calibrated."),
        "before_beginning": N_("Before the day of the calibration."),
        "no_key": N_("Nothing to match the item by."),
        "no_name": N_("A new item needs a name."),
        "no_such_item": N_("The ledger has no item of this id."),
        "twice_in_file": N_("Another row names the same item."),
        "ambiguous": N_("Several items have this key."),
        "other_serial_number": N_(
            "The ledger has another serial number here: is it the same item, or one in its place?"
        ),
        "same_plate": N_("The ledger has this type and serial number under another key."),
        "twice_on_plate": N_("Another new row has the same type and serial number."),
        "not_a_number": N_("Not a number."),
        "not_above_zero": N_("Not above zero."),
        "no_range": N_("Say the measuring range first, with its unit."),
        "there_already": N_("The ledger has this item already: change it there."),
    },
    "unreadable": {
        "too_large": N_("The file is too large."),
        "empty": N_("The file is empty."),
        "old_or_locked": N_("Save it as .xlsx, without a password, or as CSV."),
        "not_text": N_("The file is neither text nor an .xlsx."),
        "encoding": N_("The text is neither UTF-8 nor GB18030."),
        "csv": N_("A row is not closed as CSV closes it."),
        "ragged": N_("A row has more cells than the header."),
        "no_header": N_("No row names columns that we know."),
        "too_wide": N_("Too many columns."),
        "too_long": N_("Too many rows: hand it in in parts."),
        "no_rows": N_("There is no row below the header."),
        "long_cell": N_("A cell is too long."),
        "workbook": N_("The workbook cannot be read: save it anew."),
        "archive": N_("The workbook unpacks to more than a ledger may be."),
        "column_twice": N_("Two columns mean the same."),
        "no_key": N_("No column tells items apart: asset number or serial number."),
    },
    "message state": {
        "waiting": N_("Waits"),
        "delivered": N_("Heard"),
        "dead": N_("Given up"),
    },
    "terminal reason": {
        "si_realisation": N_("Realizes the unit of the SI"),
        "crm_certification": N_("Certified reference material of its own realization"),
        "recognized_certificate": N_("Certificate of a recognized laboratory"),
    },
    "organization": {
        "national_institute": N_("National institute"),
        "regional_institute": N_("Regional institute"),
        "accredited_laboratory": N_("Accredited laboratory"),
        "enterprise": N_("Enterprise"),
        "regulator": N_("Regulator"),
    },
    "role": {
        "metrologist": N_("Metrologist"),
        "checker": N_("Checker"),
        "approver": N_("Approver"),
        "inspector": N_("Inspector"),
        "ledger_keeper": N_("Ledger keeper"),
        "supervisor": N_("Supervisor"),
        "administrator": N_("Administrator"),
        "viewer": N_("Viewer"),
    },
    "resource": {
        "calibrations": N_("Calibrations"),
        "capabilities": N_("Accredited capabilities"),
        "certificates": N_("Certificates"),
        "deliveries": N_("Deliveries"),
        "grants": N_("Access grants"),
        "items": N_("Items"),
        "keys": N_("Own keys"),
        "ledger": N_("Ledger"),
        "people": N_("People"),
        "procedures": N_("Procedures"),
        "recalls": N_("Recalls"),
        "regulated-books": N_("Granted books"),
        "summaries": N_("Summaries"),
        "webhooks": N_("Webhooks"),
        "work-orders": N_("Work orders"),
    },
    "key state": {
        "in force": N_("In force"),
        "expired": N_("Expired"),
        "revoked": N_("Revoked"),
    },
    "grant state": {
        "waiting": N_("Not yet in force"),
        "in force": N_("In force"),
        "expired": N_("Expired"),
        "revoked": N_("Taken back"),
    },
    "counted state": {
        "valid": N_("Valid"),
        "overdue": N_("Overdue"),
        "not_calibrated": N_("Not calibrated"),
    },
    "part of a book": {
        "items": N_("Items"),
        "calibrations": N_("Calibrations"),
        "capabilities": N_("Accredited capabilities"),
        "certificates": N_("Certificates"),
        "findings": N_("Findings"),
    },
}

LOOKS: Mapping[str, str] = {
    CertificateStatus.VALID: "ok",
    CertificateStatus.DUE_SOON: "soon",
    CertificateStatus.EXPIRED: "over",
    CertificateStatus.WITHDRAWN: "stop",
    CertificateStatus.AMENDED: "stop",
    CertificateStatus.VOIDED: "stop",
    CertificateStatus.NOT_YET_ISSUED: "plain",
    DueStatus.OVERDUE: "over",
    DueStatus.WITHIN_30: "soon",
    DueStatus.WITHIN_60: "plain",
    DueStatus.WITHIN_90: "plain",
    DueStatus.LATER: "ok",
    DueStatus.NONE: "none",
    DueStatus.STOPPED: "none",
    LotStatus.KEEP: "ok",
    LotStatus.WATCH: "soon",
    LotStatus.REPLACE: "over",
    Stage.WITHIN_30: "soon",
    Stage.WITHIN_60: "plain",
    Stage.WITHIN_90: "plain",
    "in force": "ok",
    "expired": "over",
    "revoked": "stop",
    "waiting": "soon",
    Verdict.PASS: "ok",
    Verdict.FAIL: "over",
    Verdict.CONDITIONAL_PASS: "soon",
    Verdict.CONDITIONAL_FAIL: "over",
    Verdict.UNDETERMINED: "plain",
    Gap.NOT_CALIBRATED: "over",
    Gap.EXPIRED: "over",
    Gap.CHAIN_BROKEN: "stop",
    RecalledVerdict.CONFORMING: "ok",
    RecalledVerdict.NONCONFORMING: "over",
    RecalledVerdict.UNKNOWN: "plain",
    "out_of_tolerance": "over",
    "suggested": "soon",
    "dropped": "stop",
    "open": "soon",
    "closed": "ok",
    State.REQUESTED: "plain",
    State.ACCEPTED: "plain",
    State.RECEIVED: "plain",
    State.ASSIGNED: "soon",
    State.MEASURED: "plain",
    State.CHECKED: "plain",
    State.APPROVED: "plain",
    State.ISSUED: "ok",
    State.RETURNED: "ok",
    State.DECLINED: "stop",
    State.CANCELLED: "stop",
}
"""The class that gives a status its colour and its icon."""


def word(table: str, value: str | StrEnum) -> str:
    """Return the word for a value in the language being spoken; KeyError if it has none."""
    return gettext(WORDS[table][value])


def terminal_reason(text: str) -> str:
    """Return why a chain ends: a word of ours, or what its recorder wrote."""
    return word("terminal reason", text) if text in WORDS["terminal reason"] else text


def look(value: str | StrEnum) -> str:
    """Return the class of a status."""
    return LOOKS[value]


FLAW_TITLES: Mapping[Flaw, str] = {
    Flaw.UNDOCUMENTED: N_("Reference not documented"),
    Flaw.NO_PATH_TO_ROOT: N_("No path to a recognized reference"),
    Flaw.REFERENCE_LATER_THAN_USER: N_("Reference later than its user"),
    Flaw.REFERENCE_NOT_VALID_WHEN_USED: N_("Reference not valid when used"),
    Flaw.SUPERSEDED_WHEN_USED: N_("Reference superseded when used"),
    Flaw.WITHDRAWN_AFTER_USE: N_("Reference withdrawn after use"),
    Flaw.UNIT_MISMATCH: N_("Units do not meet"),
    Flaw.RANGE_NOT_COVERED: N_("Measuring interval not covered"),
    Flaw.RATIO_EXCEEDS_RULE: N_("Ratio exceeds the rule of the procedure"),
    Flaw.UNCERTAINTY_BELOW_REFERENCE: N_("Uncertainty below that of its reference"),
    Flaw.LABORATORY_NOT_AUTHORISED: N_("Laboratory not authorised"),
    Flaw.NOT_VALID_ON_DATE: N_("Not valid on the day"),
    Flaw.ITEM_LEVEL_LOOP: N_("Items resting on one another"),
    Flaw.OVERDUE: N_("Overdue"),
}

FLAWS: Mapping[Flaw, str] = {
    Flaw.UNDOCUMENTED: N_(
        "%(item)s was calibrated on %(performed_on)s against a reference of which no record exists."
    ),
    Flaw.NO_PATH_TO_ROOT: N_(
        "From %(item)s, calibrated on %(performed_on)s, no unbroken path leads to a national "
        "standard or another recognized reference."
    ),
    Flaw.REFERENCE_LATER_THAN_USER: N_(
        "%(item)s was calibrated on %(performed_on)s, before its reference %(reference)s was "
        "(%(reference_performed_on)s)."
    ),
    Flaw.REFERENCE_NOT_VALID_WHEN_USED: N_(
        "%(reference)s was used on %(performed_on)s for %(item)s, but its certificate "
        "%(reference_number)s was valid only until %(reference_valid_until)s."
    ),
    Flaw.SUPERSEDED_WHEN_USED: N_(
        "%(reference)s was used on %(performed_on)s for %(item)s, but its certificate "
        "%(reference_number)s had been superseded on %(reference_superseded_on)s."
    ),
    Flaw.WITHDRAWN_AFTER_USE: N_(
        "%(reference)s was used on %(performed_on)s for %(item)s; its certificate "
        "%(reference_number)s was withdrawn on %(reference_superseded_on)s."
    ),
    Flaw.UNIT_MISMATCH: N_(
        "The units of %(item)s and of its reference %(reference)s do not meet, and no conversion "
        "is recorded."
    ),
    Flaw.RANGE_NOT_COVERED: N_(
        "%(item)s was calibrated from its reference %(reference)s over %(interval)s, but the "
        "reference is calibrated over %(reference_interval)s only."
    ),
    Flaw.RATIO_EXCEEDS_RULE: N_(
        "%(item)s, calibrated on %(performed_on)s: the ratio to its reference %(reference)s is "
        "%(ratio)s; the procedure allows %(ratio_limit)s at most."
    ),
    Flaw.UNCERTAINTY_BELOW_REFERENCE: N_(
        "%(item)s, calibrated on %(performed_on)s, states a smaller uncertainty than its "
        "references bring with them."
    ),
    Flaw.LABORATORY_NOT_AUTHORISED: N_(
        "%(laboratory)s was not authorised for this work when it calibrated %(item)s on "
        "%(performed_on)s."
    ),
    Flaw.NOT_VALID_ON_DATE: N_(
        "%(item)s: certificate %(number)s is not valid on %(on)s; it holds %(validity)s."
    ),
    Flaw.ITEM_LEVEL_LOOP: N_("These items rest on one another: %(items)s."),
    Flaw.OVERDUE: N_("%(items)s: due on %(valid_until)s, overdue on %(on)s."),
}


def title(flaw: Flaw) -> str:
    """Return the name of a flaw in the language being spoken."""
    return gettext(FLAW_TITLES[flaw])


def sentence(told: ToldBreak) -> Markup:
    """Return what a break means, with its names, dates and numbers, as safe HTML."""
    facts = {name: _written(fact) for name, fact in told.facts.items()}
    return Markup(escape(gettext(FLAWS[told.flaw]))) % facts  # noqa: S704 both sides are escaped


def _written(fact: Fact) -> str:
    match fact:
        case Bilingual():
            written = say(fact)
        case MeasuringInterval():
            written = fmt.interval(fact)
        case Span():
            written = _span(fact)
        case date():
            written = fmt.day(fact)
        case Decimal() | int():
            written = fmt.number(fact)
        case tuple():
            written = gettext(", ").join(say(text) for text in fact)
        case str():
            written = fact
    return written


def _span(span: Span) -> str:
    first = fmt.day(span.first)
    if span.last is None:
        return gettext("from %(first)s") % {"first": first}
    return gettext("%(first)s to %(last)s") % {"first": first, "last": fmt.day(span.last)}
