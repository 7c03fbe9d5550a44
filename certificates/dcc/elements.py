"""The elements that the writers of digital documents share, in the namespaces of PTB."""

import re

from lxml import etree

from certificates.content import CertificateContent, Meaning, Party
from certificates.dcc.names import DCC, SI
from certificates.dcc.units import d_si_unit
from certificates.errors import UnknownUnit
from certificates.wording import Bilingual

Element = etree._Element  # noqa: SLF001 — lxml names the type of its elements only so
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def add(
    parent: Element,
    name: str,
    text: str | None = None,
    *,
    namespace: str = DCC,
    **attributes: str,
) -> Element:
    """Add an element, in the namespace of the DCC unless another is given, and return it."""
    element = etree.SubElement(parent, f"{{{namespace}}}{name}", attributes)
    element.text = text
    return element


def add_si(parent: Element, name: str, text: str | None = None) -> Element:
    """Add an element of D-SI and return it."""
    return add(parent, name, text, namespace=SI)


def add_text(parent: Element, name: str, said: Bilingual, *, namespace: str = DCC) -> None:
    """Add a text in both languages, or the one text there is without a language."""
    element = add(parent, name, namespace=namespace)
    if said.zh and said.en:
        add(element, "content", said.zh, lang="zh")
        add(element, "content", said.en, lang="en")
    else:
        add(element, "content", said.zh or said.en)


def add_contact(parent: Element, party: Party) -> None:
    """Add the name and the whereabouts of a party."""
    add_text(parent, "name", Bilingual(party.name_zh, party.name_en))
    location = add(parent, "location")
    add(location, "countryCode", party.country_code)
    for text in (party.address, party.contact):
        if text:
            add_text(location, "further", Bilingual(text, ""))


def add_persons(parent: Element, content: CertificateContent) -> None:
    """Add the three persons who signed: when, and as whom; who approved is the main signer."""
    for signatory in content.signatories:
        person = add(parent, "respPerson")
        name = Bilingual(signatory.name_zh, signatory.name_en)
        add_text(add(person, "person"), "name", name)
        description = add(person, "description")
        add(description, "content", signatory.signed_at.isoformat())
        add(description, "content", f"person-{signatory.person_id}")
        add(person, "role", signatory.meaning)
        if signatory.meaning is Meaning.APPROVED:
            add(person, "mainSigner", "true")


def add_value(parent: Element, value: str, unit: str | None) -> None:
    """Add a number with its unit, or a text where either is not one."""
    try:
        form = d_si_unit(unit) if unit is not None and _NUMBER.fullmatch(value) else None
    except UnknownUnit:
        form = None
    if form is None:
        add_text(parent, "noQuantity", Bilingual(f"{value} {unit or ''}".strip(), ""))
        return
    real = add_si(parent, "real")
    add_si(real, "value", value)
    add_si(real, "unit", form)
