"""The addresses of the pages: routes are declared and links are written from here.

`…_ROUTE` is what a route declares; the function of the same name is what a link writes.
"""

from datetime import date
from urllib.parse import quote, urlencode
from uuid import UUID

HOME_ROUTE = "/"
LOOKUP_ROUTE = "/find"
CERTIFICATES_ROUTE = "/certificates"
CERTIFICATES_CSV_ROUTE = "/certificates.csv"
CERTIFICATE_ROUTE = "/c/{number:path}"
REVISION_ROUTE = "/revisions/{number}"
AMENDMENT_SIGNATURE_ROUTE = "/revisions/{number}/amendments/{amendment_id}"
AMENDMENT_ROUTE = "/revisions/{number}/amendments"
CERTIFICATE_FILE_ROUTE = "/c/{number:path}/certificate.{format}"  # declared before the page's
AUTHENTICATE_ROUTE = "/authenticate"
INTAKE_ROUTE = "/intake"
PAPER_ROUTE = "/intake/paper"  # declared before a document's
INTAKE_PREVIEW_ROUTE = "/intake/{document_id}"
ITEM_ROUTE = "/i/{item_id}"
CHAIN_ROUTE = "/calibrations/{calibration_id}/chain"
CHAIN_DRAWING_ROUTE = "/calibrations/{calibration_id}/chain.svg"
DUE_ROUTE = "/due"
DUE_CSV_ROUTE = "/due.csv"
DUE_NOTICES_ROUTE = "/due/notices"
PERIODS_ROUTE = "/due/periods"
ITEM_EVENTS_ROUTE = "/due/items/{item_id}/events"
ITEM_OVERRIDES_ROUTE = "/due/items/{item_id}/overrides"
FIGURES_ROUTE = "/figures"
FIGURE_ROUTE = "/figures/{name}"
FIGURE_CSV_ROUTE = "/figures/{name}.csv"  # declared before the page's
LOTS_ROUTE = "/lots"
RESPONSIBILITIES_ROUTE = "/due/responsibilities"
NOTICE_PREFERENCE_ROUTE = "/account/notices"
FINDINGS_ROUTE = "/findings"
LEDGER_ROUTE = "/ledger"
LEDGER_FILE_ROUTE = "/ledger/file"
NEW_ITEM_ROUTE = "/ledger/items/new"  # declared before an item's
ITEM_ENTRY_ROUTE = "/ledger/items/{item_id}"
IMPORTS_ROUTE = "/imports"
IMPORT_ROUTE = "/imports/{import_id}"
IMPORT_DECISIONS_ROUTE = "/imports/{import_id}/decisions"
IMPORT_CONFIRMATION_ROUTE = "/imports/{import_id}/confirmation"
REFUSED_ROWS_ROUTE = "/imports/{import_id}/refused-rows"
CONNECTIONS_ROUTE = "/connections"
CAPABILITIES_ROUTE = "/capabilities"
SITES_ROUTE = "/sites"
SITE_ROUTE = "/sites/{site_id}"
AUDIT_LOG_ROUTE = "/audit-log"
GRANTS_ROUTE = "/grants"
SUMMARIES_ROUTE = "/summaries"
REGULATED_BOOKS_ROUTE = "/regulated-books"
REGULATED_BOOK_ROUTE = "/regulated-books/{organization_id}/{part}"
NOTICES_ROUTE = "/notices"
NOTICE_ROUTE = "/notices/{notice_id}"
NOTICE_RECEIPT_ROUTE = "/notices/{notice_id}/receipt"
RECALLS_ROUTE = "/recalls"
RISKS_ROUTE = "/risks"
RECALL_ROUTE = "/recalls/{recall_id}"
RECALL_STEP_ROUTE = "/recalls/{recall_id}/{step}"
RECALL_LETTER_ROUTE = "/recalls/{recall_id}/letters/{customer_id}"
WHAT_IF_ROUTE = "/calibrations/{calibration_id}/recall"
ACT_AS_ROUTE = "/act-as"
PREFERENCES_ROUTE = "/prefs"
CERTIFICATE_STYLE_ROUTE = "/static/certificate.css"
API_PAGE_ROUTE = "/api/docs"
LOG_IN_ROUTE = "/log-in"
FEDERATED_LOG_IN_ROUTE = "/log-in/oidc"
LOG_OUT_ROUTE = "/log-out"
INVITATION_ROUTE = "/invitations/{token}"
REAUTHENTICATE_ROUTE = "/reauthenticate"
ACCOUNT_ROUTE = "/account"
PEOPLE_ROUTE = "/people"
KEYS_ROUTE = "/keys"


def lookup(query: str) -> str:
    """Return the address of what is found for a serial or certificate number."""
    return f"{LOOKUP_ROUTE}?{urlencode({'q': query})}"


def certificate(number: str) -> str:
    """Return the address of a certificate's page."""
    return f"/c/{quote(number)}"


def revision(number: str) -> str:
    """Return the address where a certificate is withdrawn, voided or amended."""
    return f"/revisions/{quote(number)}"


def amendment(number: str, amendment_id: UUID | None = None) -> str:
    """Return where an amendment is proposed, or one that was proposed is signed."""
    return f"/revisions/{quote(number)}/amendments" + (f"/{amendment_id}" if amendment_id else "")


def certificate_file(number: str, format_: str) -> str:
    """Return the address of a certificate as a file: pdf, xml, json or proof."""
    return f"/c/{quote(number)}/certificate.{format_}"


def intake(document_id: UUID) -> str:
    """Return the address of what a received certificate says."""
    return f"/intake/{document_id}"


def log_proof(number: str) -> str:
    """Return where the proof lies that the issuer's log holds a certificate."""
    return f"/v1/logs/{_code(number)}/inclusion-proofs/{quote(number)}"


def seals(number: str) -> str:
    """Return where the certificates of the seals of a certificate's issuer lie."""
    return f"/v1/logs/{_code(number)}/seals"


def _code(number: str) -> str:
    return quote(number.partition("-")[0])


def figure(name: str) -> str:
    """Return the address of the rows that a figure is counted from."""
    return f"{FIGURES_ROUTE}/{name}"


def regulated_book(organization_id: UUID, part: str) -> str:
    """Return the address of one part of a book that another organization opened."""
    return f"{REGULATED_BOOKS_ROUTE}/{organization_id}/{part}"


def certificate_of_regulated_book(organization_id: UUID, number: str) -> str:
    """Return where a certificate of such a book is read."""
    return f"/v1{regulated_book(organization_id, 'certificates')}/{quote(number)}"


def import_(import_id: UUID) -> str:
    """Return the address of a ledger that was handed in."""
    return f"{IMPORTS_ROUTE}/{import_id}"


def ledger_file(layout: str, form: str) -> str:
    """Return the address of the ledger as a file."""
    return f"{LEDGER_FILE_ROUTE}?{urlencode({'layout': layout, 'form': form})}"


def site(site_id: UUID) -> str:
    """Return where a change of a site is sent."""
    return f"{SITES_ROUTE}/{site_id}"


def site_form(site_id: UUID) -> str:
    """Return the address of the sites with one of them in the form."""
    return f"{SITES_ROUTE}?{urlencode({'change': site_id})}#form"


def ledger_at(site_id: UUID) -> str:
    """Return the address of the ledger of one site."""
    return f"{LEDGER_ROUTE}?{urlencode({'site': site_id})}"


def due_at(site_id: UUID, status: str) -> str:
    """Return the address of what is due at one site, of one status or, "", of all."""
    asked = {"site": site_id} | ({"status": status} if status else {})
    return f"{DUE_ROUTE}?{urlencode(asked)}"


def item(item_id: UUID) -> str:
    """Return the address of an item's page."""
    return f"/i/{item_id}"


def item_fact(item_id: UUID, kind: str) -> str:
    """Return where an item's event or due date is put on record."""
    return f"/due/items/{item_id}/{kind}"


def item_entry(item_id: UUID | None = None) -> str:
    """Return the address of an item's form, or of a new item's."""
    return f"/ledger/items/{item_id or 'new'}"


def chain(calibration_id: UUID, on: date | None = None) -> str:
    """Return the address of a chain's page, on a day if one is given."""
    return f"/calibrations/{calibration_id}/chain" + (f"?on={on}" if on else "")


def chain_drawing(calibration_id: UUID, on: date | None = None) -> str:
    """Return the address of the same chain as a drawing alone."""
    return f"/calibrations/{calibration_id}/chain.svg" + (f"?on={on}" if on else "")


def impact(calibration_id: UUID) -> str:
    """Return the address of what rests on a calibration."""
    return f"/calibrations/{calibration_id}/impact"


def what_if(calibration_id: UUID, **said: str) -> str:
    """Return the address of what would be recalled if a calibration was wrong, as said."""
    query = f"?{urlencode(said)}" if said else ""
    return f"/calibrations/{calibration_id}/recall{query}"


def recall(recall_id: UUID, step: str = "") -> str:
    """Return the address of a recall, or of one step of it."""
    return f"/recalls/{recall_id}" + (f"/{step}" if step else "")


def recall_letter(recall_id: UUID, customer_id: UUID) -> str:
    """Return the address of a recall's letter to one customer."""
    return f"/recalls/{recall_id}/letters/{customer_id}"


def notices(before: UUID | None = None) -> str:
    """Return the address of the notices of the inbox, or of those before one."""
    return NOTICES_ROUTE + (f"?before={before}" if before else "")


def notice(notice_id: UUID, step: str = "") -> str:
    """Return the address of a notice, or of its receipt."""
    return f"/notices/{notice_id}" + (f"/{step}" if step else "")


WORK_ORDERS_ROUTE = "/work-orders"


def work_order(order_id: UUID) -> str:
    """Return the address of a work order."""
    return f"{WORK_ORDERS_ROUTE}/{order_id}"


def work_order_labels(order_id: UUID) -> str:
    """Return the address of the labels of a work order's items."""
    return f"{WORK_ORDERS_ROUTE}/{order_id}/labels"


def work_order_line(line_id: UUID, step: str) -> str:
    """Return where a step of one item of a work order is sent."""
    return f"{WORK_ORDERS_ROUTE}/lines/{line_id}/{step}"


def worksheet(line_id: UUID) -> str:
    """Return the address of the worksheet of one item of a work order."""
    return work_order_line(line_id, "worksheet")


PLANS_ROUTE = "/plans"


def plan(plan_id: UUID) -> str:
    """Return the address of a plan's board."""
    return f"{PLANS_ROUTE}/{plan_id}"


def plan_item(plan_id: UUID, item_id: UUID, activity: str) -> str:
    """Return the address of why an item has its week in a plan."""
    return f"{PLANS_ROUTE}/{plan_id}/items/{item_id}/{activity}"


def packing_list(order_id: UUID) -> str:
    """Return the address of the packing list of a work order."""
    return f"{WORK_ORDERS_ROUTE}/{order_id}/packing-list"
