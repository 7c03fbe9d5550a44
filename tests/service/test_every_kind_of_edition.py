"""From order to certificate by an edition of each kind, conforming and not, on both engines.

LAB has somebody's instrument on its bench on 1 March 2026, reads it as the worked example of its
edition does, and issues. What the certificate is called follows from the edition and the verdict.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import date
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pypdf import PdfReader
from sqlmodel import Session

from certificates.content import CertificateContent
from procedures.method import PointReadings
from procedures.worksheet import Row, Sheet, key_of
from service import worksheets as questions
from service.actions import (
    figures,
    organizations,
    procedures,
    signing_off,
    sites,
    work_orders,
    worksheets,
)
from service.actions.work_orders import Asked
from service.catalogue import edition_in_force
from service.rendering import render
from service.store import calibrations as calibration_store
from service.store import procedures as procedure_store
from service.store import work_orders as store
from service.tables.items import Item
from service.tenancy import TenantSession
from service.work_order_states import State
from tests.seals import SEALS
from tests.service import books, workshop
from tests.service.books import KEYS, NOW
from tests.service.test_procedures import WIDER
from tests.service.workshop import TODAY
from tests.worked_examples.runs import EDITIONS, comfortable, point, run
from tests.worked_examples.test_runs_carbon import (
    BELT,
    CALORIMETER,
    RUNS,
    belt_points,
    cems_points,
)
from traceability.graph import MeasuringInterval, UncertaintyStatement

DOCS = Path(__file__).parents[2] / "docs"
METHOD = re.search(
    r"```toml thermometer.toml\n(.*?)```", (DOCS / "procedures.md").read_text("utf-8"), re.DOTALL
)
assert METHOD is not None
REMOTE = (
    METHOD[1]
    .replace('kind = "calibration"', 'kind = "remote"')
    .replace('expression = "0.5"', 'expression = "0.5"')
)
GAUGE = {"span": 1.6, "division": 0.05, "repeatability": 0.0012}


def gauge_points(off: float = 0.0) -> list[PointReadings]:
    return [
        point(
            float(row.nominal), **{name: float(text) + off for name, text in row.readings.items()}
        )
        for row in workshop.ROWS
    ]


def thermometer_points(off: float = 0.0) -> list[PointReadings]:
    return [point(t, shown=[t + 0.1 + off] * 3, reference=[t] * 3) for t in (0.0, 50.0, 100.0)]


def calorimeter_runs(rise: float = 0.0) -> list[PointReadings]:
    rises = [*RUNS["rise"][:4], RUNS["rise"][4] + rise]
    return [point(**RUNS | {"rise": rises}), point(test="last", last_capacity=10005.0)]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How an edition is worked by: the instrument, its standard, readings that pass or fail."""

    code: str
    unit: str
    upper: float
    passing: Any
    failing: Any
    parameters: dict[str, float] = field(default_factory=dict)
    accuracy_class: str = ""
    standard_mpe: float
    standard_u: float
    item_mpe: float
    place: str = "laboratory"
    names: tuple[str, str]
    text: str | None = None
    nominal_unit: str | None = None
    standard_unit: str | None = None


def numbers(told: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in told.items() if isinstance(value, float)}


VERIFIED = ("verification_certificate", "verification_rejection")
CALIBRATED = ("calibration_certificate", "calibration_certificate")
KINDS = {
    "verification": Kind(
        code="JJG 52", unit="MPa", upper=1.6, passing=gauge_points(), failing=gauge_points(0.05),
        parameters=GAUGE, accuracy_class="1.6", standard_mpe=0.00125, standard_u=0.0005,
        item_mpe=0.0256, names=VERIFIED,
    ),
    "verification in percent": Kind(
        code="JJG 195", unit="t/h", upper=1000.0, passing=belt_points(),
        failing=belt_points((0.6, 0.7)), parameters=numbers(BELT), accuracy_class="0.5",
        standard_mpe=0.1, standard_u=0.05, item_mpe=5.0, names=VERIFIED,
        nominal_unit="t/h",
    ),
    "calibration": Kind(
        code="SUYUAN HC", unit="J/K", upper=20000.0, passing=calorimeter_runs(),
        failing=calorimeter_runs(0.05), parameters=numbers(CALORIMETER),
        standard_mpe=20.0, standard_u=13.0, item_mpe=50.0, names=CALIBRATED, standard_unit="J/g",
    ),
    "in_situ": Kind(
        code="JJF 1585", unit="µmol/mol", upper=200.0, passing=cems_points(),
        failing=cems_points(12.0), parameters={"full_scale": 200.0, "adsorption": 0.5,
                                              "conversion": 0.3},
        standard_mpe=1.0, standard_u=0.5, item_mpe=10.0, place="site", names=CALIBRATED,
        nominal_unit="µmol/mol",
    ),
    "remote": Kind(
        code="LAB-T 01", unit="°C", upper=100.0, passing=thermometer_points(),
        failing=thermometer_points(0.8), parameters={"resolution": 0.1}, standard_mpe=0.05,
        standard_u=0.04, item_mpe=0.5, place="remote", names=CALIBRATED, text=REMOTE,
    ),
}  # fmt: skip
WIDENED = Kind(
    code="TPP-M 01", unit="MPa", upper=1.6, passing=gauge_points(), failing=gauge_points(0.05),
    parameters=GAUGE, accuracy_class="1.6", standard_mpe=0.00125, standard_u=0.0005,
    item_mpe=0.0256, names=CALIBRATED, text=WIDER,
)  # fmt: skip
PLACES = {"laboratory": "laboratory", "site": "customer", "remote": "other"}


def rows_of(points: list[PointReadings]) -> tuple[Row, ...]:
    """Return the rows of a worksheet on which somebody wrote these readings."""

    def written(readings: dict[str, Any]) -> dict[str, str]:
        told: dict[str, str] = {}
        for symbol, values in readings.items():
            each = values if isinstance(values, list) else [values]
            told |= {key_of(symbol, i): f"{value:.6g}" for i, value in enumerate(each, start=1)}
        return told

    return tuple(
        Row(
            nominal=f"{row.nominal:g}" if row.nominal or row.test == "main" else "",
            readings=written(dict(row.readings)),
            test=row.test,
            conditions={name: str(value) for name, value in row.conditions.items()},
        )
        for row in points
    )


@pytest.fixture
def people(owner, open_as, names, people):
    """Three of LAB's people, of whom the one who measures may work by every edition here."""
    with Session(owner) as session, session.begin():
        human = organizations.create_identity(session, now=NOW)
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        codes = {kind.code: date(2026, 12, 31) for kind in (*KINDS.values(), WIDENED)}
        worker = organizations.add_person(
            session, human, name_zh="多面手", name_en="all-rounder", role="metrologist",
            authorised=codes, actor_id=books.ACTOR, now=NOW,
        )  # fmt: skip
    workshop.authorise(owner, names.LAB, "JJG 195")
    return people | {"calibrated": worker}


@pytest.fixture
def lab(open_as):
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        yield session


def standard_for(session: TenantSession, kind: Kind) -> Any:
    """Enter a standard that is good enough, with its calibration."""
    unit = kind.standard_unit or kind.unit
    item = books.register(
        session, f"standard of {kind.code}", kind="measurement_standard", range_unit=unit,
        range_upper=2 * kind.upper, maximum_permissible_error_model="absolute",
        maximum_permissible_error_coefficient=kind.standard_mpe,
    )  # fmt: skip
    interval = MeasuringInterval(lower=0.0, upper=2 * kind.upper, unit=unit)
    u = UncertaintyStatement(
        model="absolute", coefficient=kind.standard_u, coverage_factor=2.0, unit=unit
    )
    return books.calibrate(
        session, "", date(2026, 1, 10), item_id=item.id, interval=interval, uncertainty=u,
        terminal_reason="national standard", results=(), certificate_number="NIM-2026-00007",
    )  # fmt: skip


def issue(
    session: TenantSession, people: Any, kind: Kind, points: Any, **item_facts: Any
) -> SimpleNamespace:
    """Bring an item from its order to its certificate."""
    if kind.text:
        procedures.keep(session, kind.text, actor_id=books.ACTOR, now=NOW)
    edition = procedure_store.in_force(session, kind.code, on=TODAY).edition
    standard = standard_for(session, kind)
    item = books.register(
        session, kind.code, range_unit=kind.unit, range_upper=kind.upper,
        maximum_permissible_error_model="absolute",
        maximum_permissible_error_coefficient=kind.item_mpe, **item_facts,
    )  # fmt: skip
    line_id = on_the_bench(session, people, item, kind.code)
    sheet = Sheet(
        accuracy_class=kind.accuracy_class,
        parameters={name: f"{value:.6g}" for name, value in kind.parameters.items()},
        environment={name: f"{value:.6g}" for name, value in conditions_of(edition).items()},
        rows=rows_of(points),
        standard=str(standard.id),
        options={
            option.name: option.default or next(iter(option.choices)) for option in edition.options
        },
        inspections={inspection.name: "met" for inspection in edition.inspections},
    )
    proposed = questions.proposals_for(session, item, sheet, edition, now=NOW)
    worksheets.save(session, line_id, sheet, after=0, person=people["calibrated"], now=NOW)
    row = workshop.submit(session, people, line_id)
    workshop.sign_off(session, people, line_id, State.CHECKED, State.APPROVED)
    told: dict[str, Any] = {}

    def keep(content: CertificateContent, *rest: Any) -> Any:
        told["content"] = content
        told["forms"] = render(content, *rest, schemas=None)
        return told["forms"]

    certificate = signing_off.issue(
        session, line_id, render=keep, url=None, person=people["approved"], keys=KEYS,
        seals=SEALS, now=NOW,
    )  # fmt: skip
    return SimpleNamespace(
        certificate=certificate, row=row, edition=edition, standard=standard, proposed=proposed,
        **told,
    )  # fmt: skip


def conditions_of(edition: Any) -> dict[str, float]:
    """Return a room that suits: where an edition asks for none, it is recorded all the same."""
    return comfortable(edition) or {"temperature": 20.6, "humidity": 48.0}


def on_the_bench(session: TenantSession, people: Any, item: Item, code: str) -> Any:
    keeper = people["checked"]
    order = work_orders.request(
        session, [Asked(item_id=item.id, procedure_code=code)], requested_by=keeper, now=NOW
    )
    work_orders.accept(session, order.id, person=keeper, now=NOW)
    (line,) = store.lines(session, order.id)
    work_orders.receive(session, line.id, condition="sound", person=keeper, now=NOW)
    work_orders.assign(
        session, line.id, people["calibrated"].id, planned_on=TODAY, assigned_by=keeper, now=NOW
    )
    return line.id


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("passes", [True, False], ids=["passing", "failing"])
def test_from_order_to_certificate(lab, people, name, passes):
    kind = KINDS[name]

    issued = issue(lab, people, kind, kind.passing if passes else kind.failing)

    content, row = issued.content, issued.row
    verdict = "pass" if passes else "fail"
    (statement,) = calibration_store.conformity_statements(lab, row.id)
    assert statement.verdict == verdict
    assert issued.certificate.kind == content.kind.value == kind.names[not passes]
    assert row.kind == ("verification" if kind.names is VERIFIED else "calibration")
    assert (row.place, content.place.value) == (kind.place, PLACES[kind.place])
    assert row.interval_unit == kind.unit
    assert {result.nominal_unit for result in content.results} == {kind.nominal_unit}
    named = issued.edition.measurand.name
    assert content.results[0].measurand_zh.startswith(named.zh)
    assert issued.standard.id in {
        proposal.candidate.link.calibration_id for proposal in issued.proposed
    }
    assert row.uncertainty_model == ("relative" if content.results[0].unit == "%" else "absolute")


# --- Figures in one another's units


def test_what_is_known_of_a_standard_is_told_in_percent_of_the_least_value_it_served_at(lab):
    """A gas mixture with U = 0.5 µmol/mol and a limit of 1 µmol/mol, at 50 µmol/mol and above."""
    kind = KINDS["in_situ"]
    standard = standard_for(lab, kind)
    edition = edition_in_force(kind.code, on=TODAY).edition

    told = figures.standard_in_use(lab, {standard.id: (50.0, 110.0, 180.0)}, edition)

    assert told.expanded_uncertainty == pytest.approx(1.0)
    assert told.maximum_permissible_error == pytest.approx(2.0)


def test_errors_in_percent_are_told_in_the_unit_of_the_item_at_each_value():
    """A belt weigher off by 0.65 % on average: 6.5 t/h at 1000 t/h; of watts it is nothing."""
    kind = KINDS["verification in percent"]
    result = run("JJG 195-2019", points=kind.failing, accuracy_class="0.5", **BELT)

    told = figures.errors_found(result, EDITIONS["JJG 195-2019"], "t/h")

    assert told is not None
    assert [value for value, _ in told[0]] == [200.0, 600.0, 1000.0]
    assert [error for _, error in told[0]] == pytest.approx([1.3, 3.9, 6.5])
    u = result.budget.combined_standard_uncertainty
    assert told[1] == pytest.approx(u / 100 * 1000.0)
    assert figures.errors_found(result, EDITIONS["JJG 195-2019"], "W") is None


# --- What the paper must not keep to itself


def texts_of(forms: Any) -> dict[str, str]:
    """Return the text of each form, without its blanks, which the typesetter sets as it likes."""
    pages = PdfReader(BytesIO(forms["pdf"])).pages
    texts = {"pdf": "".join(page.extract_text() for page in pages)}
    texts |= {form: forms[form].decode() for form in ("html", "xml")}
    return {form: "".join(text.split()) for form, text in texts.items()}


def test_an_edition_whose_limit_was_changed_says_so_on_every_form_in_both_languages(lab, people):
    issued = issue(lab, people, WIDENED, WIDENED.passing)

    assert issued.certificate.kind == "calibration_certificate"
    for form, text in texts_of(issued.forms).items():
        assert "TPP-M01-2026(非规程)" in text, form
        assert "departsfromtheregulation" in text, form


PLATFORM = {
    "code": "S", "name_zh": "烟囱平台", "name_en": "Stack platform", "address_zh": "示例路7号",
    "address_en": "7 Example Road",
}  # fmt: skip


def test_work_at_an_own_site_names_it_with_its_address_on_every_form(lab, people):
    sites.add(lab, **PLATFORM, actor_id=books.ACTOR, now=NOW)
    kind = KINDS["in_situ"]

    issued = issue(lab, people, kind, kind.passing, location=["一厂", "烟囱平台", "#1"])

    for form, text in texts_of(issued.forms).items():
        assert "烟囱平台，示例路7号" in text, form
        assert "Stackplatform,7ExampleRoad" in text, form


def test_a_customers_place_is_not_taken_for_an_own_site_of_its_name(lab, people, names):
    sites.add(lab, **PLATFORM, actor_id=books.ACTOR, now=NOW)
    kind = KINDS["in_situ"]

    issued = issue(lab, people, kind, kind.passing, location=["烟囱平台"], customer_id=names.ENT)

    assert issued.content.place_en == "at the customer's site"


def test_an_edition_with_unverified_fields_says_so_on_every_form_in_both_languages(lab, people):
    kind = KINDS["in_situ"]
    assert "maximum_permissible_error" in edition_in_force(kind.code, on=TODAY).edition.unverified

    issued = issue(lab, people, kind, kind.passing)

    for form, text in texts_of(issued.forms).items():
        assert re.search("最大允许误差[^)]*未核实", text), form
        assert re.search(r"maximumpermissibleerror[^)]*unverified\)", text), form


def test_an_edition_by_the_regulation_and_verified_carries_no_mark(lab, people):
    kind = KINDS["remote"]
    text = REMOTE.replace('maximum_permissible_error = "U"', 'maximum_permissible_error = "K"')

    issued = issue(lab, people, replace(kind, text=text), kind.passing)

    for form, told in texts_of(issued.forms).items():
        assert "非规程" not in told, form
        assert "unverified" not in told, form
