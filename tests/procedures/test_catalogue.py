"""The editions that ship: what they hold agrees with the facts collected, and each is tried out."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from procedures.edition import InForce, ProcedureKind
from procedures.method import load_catalogue
from procedures.units import parse_unit

EDITIONS = load_catalogue()
WANTED = {
    *("JJG 52", "JJG 49", "JJG 229", "JJG 313", "JJG 314", "JJG 539", "JJG 596", "JJG 99"),
    *("JJG 968", "JJG 195", "JJG 225", "JJG 672", "JJG 1148", "JJG 882", "JJG 640", "JJG 1030"),
    *("JJG 1033", "JJG 1029", "JJG 1036", "JJG 443", "JJG 700", "JJF 1585", "JJG 597", "JJG 1085"),
    *("JJG 842", "JJG 1149", "JJG 1189.3", "JJG 875", "JJG 1037", "JJG 1038", "JJG 996"),
    *("JJF 1183", "JJF 1637"),
}
OUR_OWN = {"SUYUAN HC", "SUYUAN BW"}
OLDER = {"JJG 52-1999"}
CALLED = {"ratio_rule": "ratio", "repeats": "readings", "title_zh": None, "title_en": None}
RUNS = "\n".join(
    path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parents[1] / "worked_examples").glob("test_*.py"))
)
OF_FACTS = [row for row in EDITIONS if row.code not in OUR_OWN and row.name not in OLDER]


@pytest.fixture(scope="module")
def facts(shared_dir):
    collected = json.loads((shared_dir / "data" / "procedures.json").read_text("utf-8"))
    return {f"{row['code']}-{row['edition']}": row for row in collected["procedures"]}


def test_the_catalogue_holds_what_a_laboratory_of_the_demonstration_needs():
    assert {edition.code for edition in EDITIONS} == WANTED | OUR_OWN
    assert len({edition.name for edition in EDITIONS}) == len(EDITIONS) == 36


@pytest.mark.parametrize("edition", OF_FACTS, ids=lambda row: row.name)
def test_titles_days_and_predecessors_are_those_of_the_facts(edition, facts):
    row = facts[edition.name]

    assert (edition.title.zh, edition.title.en) == (row["title_zh"], row["title_en"])
    for ours, theirs in ((edition.issued_on, "issued"), (edition.in_force_from, "implemented")):
        assert ours == (date.fromisoformat(row[theirs]) if theirs in row else None)
    for replaced in edition.replaces:
        assert replaced.split(" (")[0] in row["replaces"].replace(" (", "; ")


@pytest.mark.parametrize("edition", OF_FACTS, ids=lambda row: row.name)
def test_periods_and_ratios_are_those_of_the_facts(edition, facts):
    row = facts[edition.name]

    months = {case.months for case in edition.period_cases} | {edition.period_months}
    told = {rule["months"] for rule in row["period"].get("rules", [])}
    told |= {row["period"]["months"]} if "months" in row["period"] else set()
    assert months <= told | {12}
    assert edition.period_months in told
    if edition.ratio is not None:
        assert edition.ratio.maximum == pytest.approx(row["ratio_rule"]["max"])


@pytest.mark.parametrize("edition", OF_FACTS, ids=lambda row: row.name)
def test_no_field_is_surer_than_the_facts_and_what_is_unsure_is_shown(edition, facts):
    known = {CALLED.get(field, field): mark for field, mark in facts[edition.name]["conf"].items()}
    for field, mark in edition.marks.items():
        if known.get(field) == "U":
            assert mark.value == "U", field
            assert field in edition.unverified
        elif known.get(field) == "K":
            assert mark.value in "KU", field


@pytest.mark.parametrize("edition", OF_FACTS, ids=lambda row: row.name)
def test_classes_and_their_figures_are_those_of_the_facts(edition, facts):
    for row in facts[edition.name]["classes"]:
        if "cls" not in row:
            continue
        figures = edition.accuracy_class(row["cls"]).figures
        if isinstance(row.get("mpe"), float) and "mpe_percent" in figures:
            assert figures["mpe_percent"] == row["mpe"]
        for symbol, theirs in (
            ("mpe_relative", "mpe_rel"),
            ("mpe_a", "a"),
            ("mpe_b", "b"),
            ("mpe_initial", "mpe_initial"),
            ("mpe_in_service", "mpe_inservice"),
            ("hysteresis_percent", "hyst"),
        ):
            if symbol in figures:
                assert figures[symbol] == row[theirs]


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda row: row.name)
def test_every_edition_is_tried_from_readings_to_verdict(edition):
    tried = set(re.findall(r'run\(\s*"([^"]+)"|== "(JJG 52-2013)"|"(JJG 31\d-2010)"', RUNS))
    names = {name for found in tried for name in found if name}

    assert edition.name in names | OLDER  # the old JJG 52 is tried in test_edition_format.py


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda row: row.name)
def test_every_unit_of_an_edition_is_one(edition):
    units = {edition.measurand.unit, *(row.unit for row in edition.parameters)}
    units |= {row.unit for row in (*edition.readings, *edition.environment) if row.unit}
    units |= {check.unit for check in edition.checks if check.unit}
    units |= {test.unit for test in edition.tests if test.unit}

    assert all(parse_unit(unit, field=edition.name).factor > 0 for unit in units)


def test_editions_in_force_today_are_those_that_nothing_replaces():
    today = date(2026, 11, 28)

    ended = {edition.name for edition in EDITIONS if edition.in_force(today) is InForce.ENDED}
    assert ended == OLDER
    assert {edition.in_force(today) for edition in EDITIONS} == {InForce.YES, InForce.ENDED}


def test_methods_of_our_own_never_verify():
    for edition in EDITIONS:
        if edition.code in OUR_OWN:
            assert edition.kind is not ProcedureKind.VERIFICATION
            assert edition.note is not None
            assert "不是国家规程" in edition.note.zh
