"""Reads anyone's digital calibration certificate, schema 2.3 to 3.x, and keeps what it says.

A laboratory's document is read as it is: what the schema would refuse is noted, not thrown away,
and what no field here holds stands in `unread`. Digits stay text. Nothing foreign is resolved: no
entities, no network, no document type.
"""

from collections.abc import Iterable, Iterator
from datetime import date

from lxml import etree

from certificates.dcc.document import (
    Identification,
    Multilingual,
    Numbers,
    ReadCertificate,
    ReadParty,
    ReadPerson,
    ReadQuantity,
    ReadStatement,
    ReadThing,
    ReadUncertainty,
    Referral,
)
from certificates.dcc.names import SIGNATURE
from certificates.errors import DccUnreadable

MAXIMUM_SIZE = 32 * 2**20  # bytes
MOST_ELEMENTS = 30_000  # sixty times those of a long certificate
DEEPEST = 64  # elements within one another; certificates have fewer than twenty
MOST_NESTED = 6  # of one thing within another, such as an item's parts
Element = etree._Element  # noqa: SLF001 — lxml names the type of its elements only so


def read_dcc(document: bytes, *, maximum_size: int = MAXIMUM_SIZE) -> ReadCertificate:
    """Return what a digital calibration certificate says.

    Raises DccUnreadable: too large, of too many or too deep elements, not well-formed, with a
    document type, or another document.
    """
    if len(document) > maximum_size:
        raise DccUnreadable(f"larger than {maximum_size} bytes")
    if document.count(b"<") > 2 * MOST_ELEMENTS:  # each begins once and ends once
        raise DccUnreadable("more or deeper elements than a certificate has")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DccUnreadable(f"not well-formed XML: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise DccUnreadable("a document type is not accepted")
    if _local(root) != "digitalCalibrationCertificate":
        raise DccUnreadable(f"the root is {_local(root)}, not a digital calibration certificate")
    return _Reading(root).certificate()


# --- Reading --------------------------------------------------------------------------------------

_NOT_FACTS = frozenset({"dataBase64", "latex"})


class _Reading:
    """One pass over one document; remembers which elements it has read."""

    def __init__(self, root: Element) -> None:
        self._root = root
        self._taken: set[Element] = set()
        self._problems: list[str] = []
        self._paths: dict[Element, str] = {}
        self._quantities: dict[Element | None, list[Element]] = {}
        self._survey()

    def _survey(self) -> None:
        """Note each element's path, and the quantities of each thing; refuse what has no end."""
        waiting: list[tuple[Element, str, Element | None, int, int]] = [
            (self._root, f"/{_local(self._root)}", None, 1, 0)
        ]
        while waiting:
            element, path, owner, depth, nested = waiting.pop()
            self._paths[element] = path
            if len(self._paths) > MOST_ELEMENTS or depth > DEEPEST or nested > MOST_NESTED:
                raise DccUnreadable("more or deeper elements than a certificate has")
            name = _local(element)
            if name in _QUANTITIES:
                self._quantities.setdefault(owner, []).append(element)
            if name in _THINGS:
                owner, nested = element, nested + 1
            counted: dict[str, int] = {}
            inner = []
            for child in element:
                tag = _local(child)
                counted[tag] = counted.get(tag, 0) + 1
                inner.append((child, f"{path}/{tag}[{counted[tag]}]", owner, depth + 1, nested))
            waiting.extend(reversed(inner))  # in document order

    def certificate(self) -> ReadCertificate:
        root = self._root
        administrative = self._one(root, "administrativeData", required=True)
        core = self._one(administrative, "coreData", required=True)
        change = self._one(core, "reportAmendedSubstituted")
        measurements = self._one(root, "measurementResults", required=True)
        version = root.get("schemaVersion", "")
        if not version:
            self._problems.append("no schemaVersion")
        return ReadCertificate(
            schema_version=version,
            number=self._leaf(core, "uniqueIdentifier", required=True),
            country=self._leaf(core, "countryCodeISO3166_1"),
            languages=self._languages(core),
            identifications=self._identifications(core),
            received_on=self._date(core, "receiptDate"),
            performed_from=self._date(core, "beginPerformanceDate"),
            performed_to=self._date(core, "endPerformanceDate"),
            issued_on=self._date(core, "issueDate"),
            place=self._leaf(core, "performanceLocation"),
            replaces=self._leaf(change, "replacedUniqueIdentifier"),
            type_of_change=self._leaf(change, "typeOfChange"),
            previous=self._referral(self._one(core, "previousReport")),
            laboratory=self._laboratory(self._one(administrative, "calibrationLaboratory")),
            customer=self._party(self._one(administrative, "customer")),
            persons=self._persons(administrative),
            items=self._things(administrative, "item"),
            equipment=self._things(root, "measuringEquipment"),
            methods=self._things(root, "usedMethod"),
            conditions=self._things(root, "influenceCondition"),
            software=self._things(root, "software"),
            statements=self._statements(),
            quantities=self._results(measurements),
            texts=self._texts(),
            attachments=self._attachments(),
            is_signed=next(root.iter(f"{{{SIGNATURE}}}Signature"), None) is not None,
            unread=self._unread(),
            problems=tuple(self._problems),
        )

    # --- administrative data

    def _languages(self, core: Element | None) -> tuple[str, ...]:
        names = ("usedLangCodeISO639_1", "mandatoryLangCodeISO639_1")
        return tuple(self._take(each) for name in names for each in _children(core, name))

    def _laboratory(self, element: Element | None) -> ReadParty | None:
        if element is None:
            return None
        contact = self._one(element, "contact")
        return ReadParty(
            code=self._leaf(element, "calibrationLaboratoryCode"),
            name=self._text(contact, "name"),
            particulars=self._particulars(element),
        )

    def _party(self, element: Element | None) -> ReadParty | None:
        if element is None:
            return None
        return ReadParty(name=self._text(element, "name"), particulars=self._particulars(element))

    def _persons(self, administrative: Element | None) -> tuple[ReadPerson, ...]:
        return tuple(
            ReadPerson(
                name=self._text(self._one(person, "person"), "name"),
                role=self._leaf(person, "role"),
                description=self._text(person, "description"),
                particulars=self._particulars(person),
            )
            for person in _descendants(administrative, "respPerson")
        )

    def _identifications(self, parent: Element | None) -> tuple[Identification, ...]:
        given = self._one(parent, "identifications")
        return tuple(
            Identification(
                issuer=self._leaf(each, "issuer"),
                value=self._leaf(each, "value"),
                name=self._text(each, "name"),
                ref_types=_ref_types(each),
            )
            for each in _children(given, "identification")
        )

    def _referral(self, element: Element | None) -> Referral | None:
        if element is None:
            return None
        return Referral(
            referral=self._text(element, "referral"),
            number=self._leaf(element, "referralID"),
            procedure=self._leaf(element, "procedure"),
            value=self._leaf(element, "value"),
            description=self._rich(element, "description"),
            in_validity_range=self._leaf(element, "inValidityRange"),
            traceable=self._leaf(element, "traceable"),
            linked=self._referral(self._one(element, "linkedReport")),
        )

    # --- things

    def _things(self, parent: Element | None, name: str) -> tuple[ReadThing, ...]:
        return tuple(self._thing(element) for element in _descendants(parent, name))

    def _thing(self, element: Element) -> ReadThing:
        name = self._text(element, "name")
        return ReadThing(
            ref_types=_ref_types(element),
            name=name,
            description=self._rich(element, "description"),
            manufacturer=self._party(self._one(element, "manufacturer")),
            owner=self._party(self._one(element, "owner")),
            model=self._leaf(element, "model"),
            identifications=self._identifications(element),
            norms=self._leaves(element, "norm"),
            references=self._leaves(element, "reference"),
            certificate=self._referral(self._one(element, "certificate")),
            status=self._leaf(element, "status") or self._leaf(element, "state"),
            particulars=(
                *self._named(element, "release", "type", "link"),
                *(
                    fact
                    for equipment_class in _children(element, "equipmentClass")
                    for fact in self._particulars(equipment_class)
                ),
            ),
            quantities=self._quantities_of(element, name),
        )

    def _statements(self) -> tuple[ReadStatement, ...]:
        """Return the statements of the document; those on a quantity stand with the quantity."""
        return tuple(
            self._statement(element)
            for element in _descendants(self._root, "statement", "metaData")
            if not _has_ancestor(element, "quantity")
        )

    def _statement(self, element: Element) -> ReadStatement:
        name = self._text(element, "name")
        return ReadStatement(
            ref_types=_ref_types(element),
            name=name,
            norms=self._leaves(element, "norm"),
            references=self._leaves(element, "reference"),
            declaration=(
                *self._rich(element, "declaration"),
                *self._rich(element, "description"),
            ),
            conformity=tuple(
                token
                for tag in ("conformity", "conformityXMLList")
                for text in self._leaves(element, tag)
                for token in text.split()
            ),
            on=self._leaf(element, "date"),
            quantities=self._quantities_of(element, name),
            particulars=self._particulars(element, below=("data",)),
        )

    # --- quantities

    def _results(self, measurements: Element | None) -> tuple[ReadQuantity, ...]:
        found: list[ReadQuantity] = []
        for result in _descendants(measurements, "result"):
            found += self._quantities_of(result, self._text(result, "name"))
        return tuple(found)

    def _quantities_of(self, owner: Element, name: Multilingual) -> tuple[ReadQuantity, ...]:
        """Return the quantities below an element, but for those of a thing further down."""
        return tuple(
            self._quantity(element, name)
            for element in self._quantities.get(owner, ())
            if element not in self._taken
        )

    def _quantity(self, element: Element, owner: Multilingual) -> ReadQuantity:
        self._taken.add(element)
        numbers, relative = self._numbers_of(element)
        parent = element.getparent()
        return ReadQuantity(
            ref_types=(*_ref_types(element), *_ref_types(_owner_of(element))),
            name=self._text(element, "name"),
            owner=owner,
            table=self._paths[parent] if parent is not None else "",
            numbers=numbers,
            relative=relative,
            texts=(*self._rich(element, "noQuantity"), *self._rich(element, "description")),
            characters=tuple(self._leaf(element, "charsXMLList").split()),
            meta_data=tuple(
                self._statement(each)
                for each in _descendants(element, "metaData")
                if _nearest(each, "quantity") is element
            ),
            stage=_stage_of(element),
        )

    def _numbers_of(self, element: Element) -> tuple[tuple[Numbers, ...], tuple[Numbers, ...]]:
        numbers, relative = [], []
        for child in _elements(element):
            if _local(child) == "relativeUncertainty":
                relative += [self._numbers(each) for each in _elements(child)]
            elif _local(child) in {"hybrid", "list"} and etree.QName(child).namespace != (
                etree.QName(element).namespace
            ):
                numbers += [self._numbers(each) for each in _elements(child)]
            elif _local(child) in _NUMBER_FORMS:
                numbers.append(self._numbers(child))
        return tuple(numbers), tuple(relative)

    def _numbers(self, element: Element) -> Numbers:
        leaves = [(leaf, _plain_name(leaf)) for leaf in _leaves_below(element)]
        taken: dict[str, list[str]] = {}
        others: list[tuple[str, str]] = []
        for leaf, name in leaves:
            text = self._take(leaf)
            part = _NUMBER_PARTS.get(name)
            if part is None or (part in taken and part in {"values", "units"}):
                others.append((_local(leaf), text))
            else:
                taken.setdefault(part, []).extend(text.split())
        return Numbers(
            form=_local(element),
            values=tuple(taken.pop("values", ())),
            units=tuple(taken.pop("units", ())),
            uncertainty=_uncertainty(taken, [name for _, name in leaves]),
            others=tuple(others),
        )

    # --- what is left

    def _texts(self) -> tuple[Multilingual, ...]:
        """Return the texts that no field before has taken, such as those of results."""
        return tuple(
            self._contents(element)
            for element in _descendants(self._root)
            if any(child not in self._taken for child in _children(element, "content"))
        )

    def _attachments(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (self._take(name), self._leaf(name.getparent(), "mimeType"))
            for name in _descendants(self._root, "fileName")
        )

    def _unread(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (self._paths[leaf], " ".join((leaf.text or "").split()))
            for leaf in _facts_below(self._root)
            if leaf not in self._taken
        )

    # --- pieces

    def _one(self, parent: Element | None, name: str, *, required: bool = False) -> Element | None:
        found = next(_children(parent, name), None)
        if found is None and required:
            self._problems.append(f"no {name}")
        return found

    def _take(self, element: Element) -> str:
        self._taken.add(element)
        return " ".join((element.text or "").split())

    def _leaf(self, parent: Element | None, name: str, *, required: bool = False) -> str:
        element = self._one(parent, name, required=required)
        return "" if element is None else self._take(element)

    def _leaves(self, parent: Element, name: str) -> tuple[str, ...]:
        return tuple(self._take(element) for element in _children(parent, name))

    def _date(self, parent: Element | None, name: str) -> date | None:
        text = self._leaf(parent, name)
        if not text:
            return None
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            self._problems.append(f"{name}: {text!r} is no date")
            return None

    def _text(self, parent: Element | None, name: str) -> Multilingual:
        element = self._one(parent, name)
        return Multilingual() if element is None else self._contents(element)

    def _contents(self, element: Element) -> Multilingual:
        return Multilingual(
            tuple(
                (content.get("lang", ""), self._take(content))
                for content in _children(element, "content")
                if content not in self._taken
            )
        )

    def _rich(self, parent: Element, name: str) -> tuple[Multilingual, ...]:
        """Return the name and the content of a text, in that order, where there are any."""
        found = []
        for element in _children(parent, name):
            found += [self._text(element, "name"), self._contents(element)]
        return tuple(text for text in found if text.contents)

    def _named(self, parent: Element, *names: str) -> tuple[tuple[str, str], ...]:
        return tuple((name, text) for name in names for text in self._leaves(parent, name))

    def _particulars(
        self, element: Element, *, below: Iterable[str] = ()
    ) -> tuple[tuple[str, str], ...]:
        """Return the tags and texts below an element that no field has taken."""
        apart = set(below)
        return tuple(
            (_local(leaf), self._take(leaf))
            for leaf in _facts_below(element)
            if leaf not in self._taken and not apart & _between(leaf, element)
        )


# --- The tree -------------------------------------------------------------------------------------

_NUMBER_FORMS = frozenset(
    {"real", "constant", "complex", "realListXMLList", "complexListXMLList", "list"}
)
_QUANTITIES = frozenset(
    {"quantity", "itemQuantity", "measuringEquipmentQuantity", "usedMethodQuantity"}
)
_THINGS = frozenset(
    {
        "item",
        "measuringEquipment",
        "usedMethod",
        "influenceCondition",
        "statement",
        "metaData",
        "result",
    }
)

# D-SI names with their list forms taken away, and what they hold.
_NUMBER_PARTS = {
    "value": "values",
    "unit": "units",
    "valueExpandedMU": "expanded",
    "uncertainty": "expanded",
    "valueStandardMU": "standard",
    "standardMU": "standard",
    "standardUnc": "standard",
    "coverageFactor": "factors",
    "coverageProbability": "probabilities",
    "distribution": "distributions",
    "intervalMin": "lower",
    "intervalMax": "upper",
}


def _uncertainty(taken: dict[str, list[str]], names: list[str]) -> ReadUncertainty | None:
    expanded, standard = taken.get("expanded", []), taken.get("standard", [])
    lower, upper = taken.get("lower", []), taken.get("upper", [])
    if not (expanded or standard or lower or upper):
        return None
    is_standard_only = "uncertainty" in names and "coverageFactor" not in names
    kind = "expanded" if expanded else "standard" if standard and not lower else "interval"
    if is_standard_only and kind == "expanded":
        kind = "standard"  # a constant's uncertainty has no coverage factor
    return ReadUncertainty(
        kind=kind,
        values=tuple(expanded or standard),
        factors=tuple(taken.get("factors", [])),
        probabilities=tuple(taken.get("probabilities", [])),
        distributions=tuple(taken.get("distributions", [])),
        lower=tuple(lower),
        upper=tuple(upper),
    )


def _local(element: Element) -> str:
    return etree.QName(element).localname


def _plain_name(leaf: Element) -> str:
    return _local(leaf).removesuffix("XMLList")


def _elements(parent: Element | None) -> Iterator[Element]:
    if parent is not None:
        yield from parent


def _children(parent: Element | None, name: str) -> Iterator[Element]:
    return (child for child in _elements(parent) if _local(child) == name)


def _descendants(parent: Element | None, *names: str) -> Iterator[Element]:
    """Yield the elements below one, in document order, of these names or of any."""
    if parent is None:
        return
    for element in parent.iterdescendants():
        if not names or _local(element) in names:
            yield element


def _leaves_below(element: Element) -> Iterator[Element]:
    return (each for each in element.iter() if not len(each))


def _facts_below(root: Element) -> Iterator[Element]:
    """Yield the leaves that say something, but for files, formulas and signatures."""
    for leaf in _leaves_below(root):
        if not (leaf.text or "").strip() or _local(leaf) in _NOT_FACTS:
            continue
        if not any(_is_foreign(each) for each in (leaf, *leaf.iterancestors())):
            yield leaf


def _is_foreign(element: Element) -> bool:
    return etree.QName(element).namespace == SIGNATURE or _local(element) in {"mathml", "xml"}


def _ref_types(element: Element | None) -> tuple[str, ...]:
    return tuple(element.get("refType", "").split()) if element is not None else ()


def _owner_of(element: Element) -> Element | None:
    return next((each for each in element.iterancestors() if _local(each) in _THINGS), None)


def _nearest(element: Element, name: str) -> Element | None:
    return next((each for each in element.iterancestors() if _local(each) == name), None)


def _between(leaf: Element, element: Element) -> set[str]:
    """Return the names of the elements above a leaf and below another of its ancestors."""
    names = set()
    for ancestor in leaf.iterancestors():
        if ancestor is element:
            break
        names.add(_local(ancestor))
    return names


def _has_ancestor(element: Element, name: str) -> bool:
    return _nearest(element, name) is not None


def _stage_of(element: Element) -> str:
    """Return the status of the adjustment that the nearest conditions state, or nothing."""
    for ancestor in element.iterancestors():
        for conditions in _children(ancestor, "influenceConditions"):
            for status in _descendants(conditions, "status", "state"):
                return " ".join((status.text or "").split())
    return ""
