"""An evaluating body, a plant and a laboratory ask the special evaluations: by API, file and page.

They log in nowhere, and nothing is kept. What they get wrong is pointed at.
"""

import csv
import json
from hashlib import sha256
from io import StringIO
from itertools import pairwise
from math import sqrt

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from service.api import evaluations
from service.cli import app as command_line
from service.exchange.special import REQUESTS, file
from service.exchange.special.answer import EvaluationFigure, as_shown, worst
from service.exchange.special.file import SpecialFileInvalid
from service.problems import add_problem_handlers
from service.throttle import Throttle
from service.web import add_pages
from service.web import evaluations as pages
from service.web.views import Frame
from service.web.viz import draw_values
from tests.proofs import how_many

KINDS = sorted(REQUESTS)


@pytest.fixture(scope="module")
def doors():
    app = FastAPI()
    app.include_router(evaluations.router, prefix="/v1")
    app.include_router(pages.router)
    app.state.throttle = Throttle()
    app.state.settings = type("Nobody", (), {"demonstration_person": None})()
    add_problem_handlers(app)
    add_pages(app, frame_of=lambda _request: Frame())
    with TestClient(app, headers={"accept-language": "en"}) as client:
        yield client


def example(kind):
    """Return the body of the example of an evaluation."""
    asked = file.read(kind, file.example(kind).encode())
    return asked.model_dump(mode="json", exclude_unset=True)


def ask(doors, kind, body):
    answer = doors.post(f"/v1/evaluations/{kind}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def figures(report):
    return {(row["subject"], row["quantity"]): row for row in report["figures"]}


def pointers(answer):
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [error["pointer"] for error in answer.json()["errors"]]


# ── Each of them ─────────────────────────────────────────────────────────────────────────────


def test_monitors_are_judged_by_the_limits_given_and_ranked_by_their_largest_share(doors):
    found = ask(doors, "emission-monitors", example("emission-monitors"))

    assert found["verdict"] == "fail"
    rows = figures(found)
    assert [(row["subject"], row["value"]) for row in found["figures"]
            if row["quantity"] == "rank"] == [("A", 1), ("B", 2)]  # fmt: skip
    worst_of_b = rows[("B", "indication_error")]  # (5.31 + 5.29)/2 = 5.30 of 5
    assert (worst_of_b["value"], worst_of_b["limit"]) == (6.0, 5.0)
    assert worst_of_b["verdict"] == "fail"
    assert rows[("B", "largest_share_of_limit")]["value"] == pytest.approx(6 / 5)
    assert rows[("A", "largest_share_of_limit")]["value"] == pytest.approx(121 / 200)


def test_a_characteristic_without_a_limit_or_a_limit_without_a_test_decides_nothing(doors):
    body = example("emission-monitors")
    body["monitors"] = body["monitors"][:1]
    del body["limits"]["linearity"]
    untested = example("emission-monitors")
    untested["monitors"] = [row | {"pairs": []} for row in untested["monitors"][:1]]

    for asked, missing in ((body, "linearity"), (untested, "relative_accuracy")):
        found = ask(doors, "emission-monitors", asked)

        assert found["verdict"] == "undetermined"
        assert figures(found)[("A", missing)]["verdict"] == "undetermined"
        assert figures(found)[("A", "rank")]["value"] is None


def test_a_monitor_of_which_nothing_was_tested_is_not_passed(doors):
    found = ask(doors, "emission-monitors", {"monitors": [{"name": "C", "full_scale": 20}]})

    assert found["verdict"] == "undetermined"


def test_a_monitor_exactly_at_its_limit_keeps_it(doors):
    """(5.25 - 5)/5 is 5.000000000000004 % in binary."""
    gas = {"concentration": 0.3, "indications": [0.315]}
    body = {
        "limits": {"indication_error": 5},
        "monitors": [{"name": "C", "full_scale": 1, "gases": [gas]}],
    }

    assert (0.315 - 0.3) / 0.3 * 100 > 5
    assert ask(doors, "emission-monitors", body)["verdict"] == "pass"


def test_belt_weigher_methods_differ_by_more_than_u_where_e_n_exceeds_one(doors):
    found = ask(doors, "belt-weigher-methods", example("belt-weigher-methods"))

    rows = figures(found)
    s = sqrt(((0.12 - 0.13) ** 2 + (0.18 - 0.13) ** 2 + (0.09 - 0.13) ** 2) / 2)
    u = sqrt(s**2 / 3 + 0.06**2)
    assert rows[("material", "error")]["value"] == pytest.approx(0.13)
    assert rows[("material", "error")]["expanded_uncertainty"] == pytest.approx(2 * u)
    bias = rows[("weights", "difference")]
    expected = bias["value"] / bias["expanded_uncertainty"]
    assert rows[("weights", "normalized_error")]["value"] == pytest.approx(expected)
    assert rows[("weights", "normalized_error")]["verdict"] == "fail"
    assert rows[("chain", "normalized_error")]["verdict"] == "pass"
    assert ("material", "difference") not in rows
    assert found["procedures"] == ["SUYUAN BW-2026", "JJG 195-2019"]


def test_an_hour_of_the_demonstrations_stack_is_compared_with_its_fuel(doors):
    """492.4 t/h are measured (13.2 % of 1.9e6 m³/h); the fuel gives 2 612 556 t of 1.25 Mt."""
    body = {
        "direct": {"relative_standard_uncertainty": 0.031},
        "fuel": {"relative_standard_uncertainty": 0.0081315},
        "periods": [
            {
                "name": "an hour",
                "direct": {"volume_fraction": 0.132, "dry_flow": 1.9e6, "hours": 1},
                "fuel": {"fuel": 225, "net_calorific_value": 21.5, "carbon_content": 0.02678,
                         "oxidation": 0.99},
            }
        ],
    }  # fmt: skip

    rows = figures(ask(doors, "emission-balance", body))

    direct, fuel = rows[("an hour", "direct")], rows[("an hour", "fuel")]
    assert direct["value"] == pytest.approx(492.4, abs=0.05)
    assert fuel["value"] == pytest.approx(2612556 * 225 / 1.25e6, abs=0.01)
    difference = direct["value"] - fuel["value"]
    u = sqrt((0.031 * direct["value"]) ** 2 + (0.0081315 * fuel["value"]) ** 2)
    assert rows[("an hour", "zeta")]["value"] == pytest.approx(difference / u)
    assert rows[("Σ", "zeta")]["verdict"] == "pass"


def test_what_all_periods_have_in_common_does_not_average_out(doors):
    body = example("emission-balance")
    independent = json.loads(json.dumps(body))
    for way in ("direct", "fuel"):
        independent[way]["common_share"] = 0

    common = figures(ask(doors, "emission-balance", body))[("Σ", "direct")]
    alone = figures(ask(doors, "emission-balance", independent))[("Σ", "direct")]

    told = ask(doors, "emission-balance", body)["figures"]
    expanded = [row["expanded_uncertainty"] for row in told
                if row["quantity"] == "direct" and row["subject"] != "Σ"]  # fmt: skip
    assert common["expanded_uncertainty"] == pytest.approx(sum(expanded))
    assert alone["expanded_uncertainty"] == pytest.approx(sqrt(sum(u**2 for u in expanded)))


@pytest.mark.parametrize(
    ("capacities", "verdict"),
    [
        ([10000, 10010, 9990, 10005], "undetermined"),  # four runs
        ([10000, 10010, 9990, 10005, 9995], "pass"),  # s = 7.9: 0.079 %
        ([10000, 10040, 9960, 10030, 9970], "undetermined"),  # s = 35: a sixth
        ([10000, 10040, 9960, 10030, 9970, 10000], "fail"),  # s = 31.6: 0.316 %
        ([9980, 9980, 10000, 10020, 10020], "pass"),  # s = 20: exactly 0.20 %
    ],
)
def test_five_runs_within_two_tenths_of_a_percent_are_accepted_or_a_sixth_is_run(
    doors, capacities, verdict
):
    found = ask(doors, "heat-capacity", {"runs": [{"capacity": each} for each in capacities]})

    assert found["verdict"] == verdict


def test_a_run_with_benzoic_acid_gives_its_heat_capacity(doors):
    run = {"mass": 1.0, "rise": 2.65, "fuse": 50}

    found = ask(doors, "heat-capacity", {"calorific_value": 26460, "runs": [run]})

    expected = (26460 * 1.0 * 1.0015 + 50) / 2.65
    assert figures(found)[("1", "run")]["value"] == pytest.approx(expected)


def test_a_traverse_gives_the_flow_and_flags_a_meter_that_may_be_outside(doors):
    body = example("flow-traverse")
    v = [point["velocity"] for point in body["traverses"][0]["points"]]
    mean = sum(v) / len(v)
    s = sqrt(sum((x - mean) ** 2 for x in v) / (len(v) - 1))
    u = sqrt(0.01**2 + 0.005**2 + 0.003**2 + 0.004**2 + (s / mean) ** 2 / len(v))

    rows = figures(ask(doors, "flow-traverse", body))
    flow = rows[("A", "volume_flow")]
    assert flow["value"] == pytest.approx(12.5 * mean)
    assert flow["expanded_uncertainty"] == pytest.approx(2 * u * 12.5 * mean)
    assert rows[("", "error_of_meter")]["verdict"] == "pass"

    body["meter"]["flow"] *= 1.03  # 2.8 % and U = 2.8 %: above 5 %
    flagged = ask(doors, "flow-traverse", body)
    assert flagged["verdict"] == "undetermined"
    assert "look into the meter" in flagged["conclusion"]["en"]


def laboratories(**velocities):
    relative = {"tube": 0.01, "pressure": 0.0, "density": 0.0, "area": 0.0}
    return {
        "area": 1,
        "relative_standard_uncertainties": relative,
        "traverses": [
            {"name": name, "points": [{"velocity": v}] * 4} for name, v in velocities.items()
        ],
    }


def test_laboratories_on_one_duct_get_e_n_against_the_pilot_or_their_weighted_mean(doors):
    body = laboratories(one=10.0, two=10.2, three=10.6)

    against_one = figures(ask(doors, "flow-traverse", body | {"pilot": "one"}))
    together = figures(ask(doors, "flow-traverse", body))

    u = {"one": 0.1, "two": 0.102, "three": 0.106}
    assert ("one", "normalized_error") not in against_one
    assert against_one[("three", "normalized_error")]["value"] == pytest.approx(
        0.6 / (2 * sqrt(u["one"] ** 2 + u["three"] ** 2))
    )
    assert against_one[("three", "normalized_error")]["verdict"] == "fail"
    weights = {name: 1 / each**2 for name, each in u.items()}
    mean = sum(weights[n] * v for n, v in (("one", 10.0), ("two", 10.2), ("three", 10.6))) / sum(
        weights.values()
    )
    u_d = sqrt(u["two"] ** 2 - 1 / sum(weights.values()))  # a part of the mean: minus
    assert together[("two", "normalized_error")]["value"] == pytest.approx(
        (10.2 - mean) / (2 * u_d)
    )


def test_a_pressure_difference_becomes_a_velocity_by_the_tubes_coefficient(doors):
    body = laboratories(one=1.0)
    body["traverses"][0] |= {
        "points": [{"pressure_difference": 100}] * 4, "density": 1.0, "coefficient": 0.84,
    }  # fmt: skip

    rows = figures(ask(doors, "flow-traverse", body))

    assert rows[("one", "mean_velocity")]["value"] == pytest.approx(0.84 * sqrt(200))


def test_an_in_line_calibration_has_terms_that_a_laboratory_has_not(doors):
    body = example("in-line-comparison")

    rows = figures(ask(doors, "in-line-comparison", body))

    terms = {subject: row["value"] for (subject, quantity), row in rows.items()
             if quantity == "standard_uncertainty"}  # fmt: skip
    assert set(terms) == {
        "error", "standard", "synchronisation", "drift", "temperature", "pressure",
    }  # fmt: skip
    assert terms["temperature"] == pytest.approx(0.2 / sqrt(3))
    values = [row["reference"] for row in body["samples"]]
    slopes = [(b - a) / 10 for a, b in pairwise(values)]
    slope = sqrt(sum(each**2 for each in slopes) / len(slopes))
    assert terms["synchronisation"] == pytest.approx(slope * 1 / sqrt(3))
    expected = 2 * sqrt(sum(u**2 for u in terms.values()))
    assert rows[("", "error")]["expanded_uncertainty"] == pytest.approx(expected)
    assert rows[("", "error")]["value"] == pytest.approx(
        sum(row["instrument"] - row["reference"] for row in body["samples"]) / 12
    )
    assert rows[("", "error")]["verdict"] == "pass"
    without = {name: value for name, value in body.items() if name != "maximum_permissible_error"}
    assert ask(doors, "in-line-comparison", without)["verdict"] is None


def test_a_remote_record_is_bound_by_its_digest_and_a_changed_reading_is_found(doors):
    body = example("remote-record")

    first = ask(doors, "remote-record", body)
    digest = first["remarks"][-1]["en"].rpartition(" ")[2]
    again = ask(doors, "remote-record", body | {"digest": digest})
    body["readings"][0]["value"] += 0.0001
    changed = ask(doors, "remote-record", body | {"digest": digest})

    assert first["verdict"] == "undetermined"
    assert again["verdict"] == "pass"
    assert changed["verdict"] == "fail"
    assert figures(changed)[("", "readings_changed")]["verdict"] == "fail"
    u = sqrt(0.0002**2 + (0.0002 / 2) ** 2 / 3 + 0.0003**2 / 3)
    assert figures(again)[("", "standard_uncertainty")]["value"] == pytest.approx(u)


@pytest.mark.parametrize(
    ("changed", "flaw"),
    [
        ({"valid_until": "2026-11-24"}, "standard_not_valid"),
        ({"seal_arrival": "S-9999"}, "seal_broken"),
        ({"after": None}, "transfer_not_closed"),
        ({"serial_number": ""}, "standard_unidentified"),
    ],
)
def test_a_remote_record_cannot_be_signed_while_something_is_wrong_with_its_standard(
    doors, changed, flaw
):
    body = example("remote-record")
    body["standard"] |= changed

    found = ask(doors, "remote-record", body)

    assert found["verdict"] == "fail"
    assert figures(found)[("", flaw)]["verdict"] == "fail"
    if flaw == "transfer_not_closed":  # what the journey did is not known, and never 0
        assert figures(found)[("", "standard_uncertainty")]["value"] is None


# ── What is wrong is pointed at ──────────────────────────────────────────────────────────────


def without(body, *path):
    *outer, last = path
    part = body
    for key in outer:
        part = part[key]
    del part[last]
    return body


@pytest.mark.parametrize(
    ("kind", "spoilt", "pointer"),
    [
        ("emission-monitors", lambda b: b["monitors"].append(b["monitors"][0]), "/monitors/2/name"),
        ("emission-monitors", lambda b: b["monitors"][1]["pairs"].__delitem__(slice(3, None)),
         "/monitors/1/pairs"),
        ("emission-monitors", lambda b: b["limits"].update(zero_drift=-1), "/limits/zero_drift"),
        ("belt-weigher-methods", lambda b: b.update(against="water"), "/against"),
        ("belt-weigher-methods", lambda b: b["methods"][0].update(errors=[0.1]),
         "/methods/0/errors"),
        ("emission-balance", lambda b: without(b, "periods", 1, "direct", "hours"),
         "/periods/1/direct/mass"),
        ("emission-balance", lambda b: b["periods"][2]["fuel"].update(oxidation=1.2),
         "/periods/2/fuel/oxidation"),
        ("heat-capacity", lambda b: without(b, "calorific_value"), "/calorific_value"),
        ("heat-capacity", lambda b: without(b, "runs", 3, "rise"), "/runs/3/capacity"),
        ("flow-traverse", lambda b: b["traverses"][0]["points"][0].update(share=0.5),
         "/traverses/0/points"),
        ("flow-traverse", lambda b: without(b, "traverses", 0, "points", 2, "velocity"),
         "/traverses/0/points/2/velocity"),
        ("flow-traverse", lambda b: b.update(pilot="nobody"), "/pilot"),
        ("in-line-comparison", lambda b: b["samples"][3].update(seconds=5), "/samples"),
        ("in-line-comparison", lambda b: b["conditions"].update(drift=1), "/conditions"),
        ("remote-record", lambda b: b.update(video_sha256="no"), "/video_sha256"),
        ("remote-record", lambda b: b["readings"][0].update(at="2026-11-25T09:30:00"),
         "/readings/0/at"),
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_pointed_at(doors, kind, spoilt, pointer):
    body = example(kind)
    spoilt(body)

    answer = doors.post(f"/v1/evaluations/{kind}", json=body)

    assert pointers(answer) == [pointer]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_field_is_refused(doors, kind):
    answer = doors.post(f"/v1/evaluations/{kind}", json=example(kind) | {"unknown": 1})

    assert pointers(answer) == ["/unknown"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", '"10000"', "true", "-1"])
def test_what_is_no_number_never_enters(doors, number):
    answer = doors.post(
        "/v1/evaluations/heat-capacity",
        content=f'{{"runs": [{{"capacity": {number}}}]}}',
        headers={"content-type": "application/json"},
    )

    assert pointers(answer) == ["/runs/0/capacity"]


def numbers_of(part, path=()):
    """Yield where the numbers of a body stand."""
    inside = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in inside:
        if isinstance(value, dict | list):
            yield from numbers_of(value, (*path, key))
        elif isinstance(value, int | float):
            yield (*path, key)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, on the way to a refusal
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=how_many(25, full=1000), deadline=None)
@given(data=st.data())
def test_whatever_the_numbers_the_answer_is_finite_or_points_at_them(doors, kind, data):
    body = example(kind)
    for *outer, last in data.draw(st.sets(st.sampled_from(list(numbers_of(body))), min_size=1)):
        part = body
        for key in outer:
            part = part[key]
        part[last] = data.draw(st.sampled_from([0, -1, 1, 5e-324, 1e-300, 1e30, 1e60, -1e60]))

    answer = doors.post(f"/v1/evaluations/{kind}", json=body)

    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        assert all(pointer.startswith("/") for pointer in pointers(answer))
        return
    found = REQUESTS[kind].model_validate(body).evaluate()
    assert all(map(as_shown, found.report.figures))
    assert found.plot is None or draw_values(found.plot).marks


# ── Files ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_can_be_evaluated_and_says_the_same_as_json(kind):
    asked = file.read(kind, file.example(kind).encode())
    as_json = file.read(kind, asked.model_dump_json(exclude_unset=True).encode())

    assert as_json == asked
    assert as_json.evaluate().report == asked.evaluate().report


def test_a_file_may_be_toml_or_come_out_of_a_chinese_spreadsheet():
    toml = b'against = "material"\n' + b"".join(
        f'[[methods]]\nname = "{name}"\nerrors = [0.1, 0.2]\n'
        f"reference_standard_uncertainty = 0.05\n".encode()
        for name in ("material", "chain")
    )
    copied = file.example("belt-weigher-methods").replace(",", "\t").replace("chain", "链码")

    assert file.read("belt-weigher-methods", toml).evaluate().report.verdict == "pass"
    report = file.read("belt-weigher-methods", copied.encode("gb18030")).evaluate().report
    assert "链码" in {row.subject for row in report.figures}


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("A,gas,5,5.05", "A,gas,5,5.O5", "/lines/11/value: must be a number, got '5.O5'"),
        ("A,gas,5,5.05", "A,gas,5,inf", "/lines/11/value: must be a finite number"),
        ("A,gas,5,5.05", "A,gas,5,5.05,5.1", "/lines/11: has more cells than the heading"),
        ("monitor,test,", "monitor,trial,", "/lines/9/1: 'trial' is not one of monitor, test"),
        ("limits.linearity,2", "limits.zero_drift,2", "/lines/6/name: 'limits.zero_drift' stands"),
        ("A,full_scale,,20", "A,full_scale,,", "/monitors/0/full_scale: "),
        ("A,gas,5,5.05", "A,smell,5,5.05", "/monitors/A/test: 'smell' is not one of full_scale"),
    ],
)
def test_a_slip_in_a_file_is_pointed_at_by_its_line(old, new, place):
    text = file.example("emission-monitors")
    assert old in text
    # line 1 is the first of the file; the table starts after an empty line

    with pytest.raises(SpecialFileInvalid) as refused:
        file.read("emission-monitors", ("name,value\n" + text).replace(old, new, 1).encode())

    assert place in str(refused.value)


def test_the_csv_of_an_answer_has_every_figure_and_no_formula_in_it():
    text = file.example("belt-weigher-methods").replace("weights", "=1+1")
    report = file.read("belt-weigher-methods", text.encode()).evaluate().report

    rows = list(csv.DictReader(StringIO(file.as_csv(report))))

    assert len(rows) == len(report.figures) + 1
    assert {row["subject"] for row in rows} >= {"material", "chain", "'=1+1"}
    assert float(rows[0]["value"]) == report.figures[0].value
    assert rows[-1]["quantity"] == "conclusion"


def test_a_value_is_shown_to_the_last_digit_of_its_uncertainty_and_unknown_is_no_number():
    figure = EvaluationFigure(
        subject="", quantity="q", label={"zh": "", "en": ""}, value=12345.678, unit="1"
    )

    assert as_shown(figure) == ("12346", "", "")
    assert as_shown(figure.model_copy(update={"expanded_uncertainty": 0.0963})) == (
        "12 345.678", "0.096", "",
    )  # fmt: skip
    assert as_shown(figure.model_copy(update={"value": None, "limit": 0.2})) == ("—", "", "≤ 0.2")
    assert worst([None, None]) is None


# ── The command ──────────────────────────────────────────────────────────────────────────────


def test_the_command_prints_an_example_evaluates_it_and_exits_with_3_where_it_fails(tmp_path):
    runner = CliRunner()
    for kind in KINDS:
        printed = runner.invoke(command_line, ["procedure", "evaluate", kind, "--example"])
        (tmp_path / f"{kind}.csv").write_text(printed.stdout, encoding="utf-8")

    runs = runner.invoke(
        command_line,
        ["procedure", "evaluate", "heat-capacity", str(tmp_path / "heat-capacity.csv"), "--json"],
    )
    monitors = runner.invoke(
        command_line,
        ["procedure", "evaluate", "emission-monitors", str(tmp_path / "emission-monitors.csv")],
    )

    assert (runs.exit_code, json.loads(runs.stdout)["verdict"]) == (0, "pass")
    assert monitors.exit_code == 3


# ── The page ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_each_offers_an_example_and_shows_what_it_comes_to(doors, kind):
    form = doors.get(f"/evaluations/{kind}").text
    page = doors.post(f"/evaluations/{kind}", data={"text": file.example(kind)})

    report = file.read(kind, file.example(kind).encode()).evaluate().report
    assert file.example(kind).splitlines()[0] in form
    assert page.status_code == 200
    for row in report.figures:
        assert row.label.en.replace("&", "&amp;") in page.text
    if kind != "remote-record":
        assert 'class="chart"' in page.text


def test_a_slip_on_the_page_is_told_and_what_was_typed_is_not_lost(doors):
    typed = file.example("heat-capacity").replace("1.0012", "1.OO12")

    page = doors.post("/evaluations/heat-capacity", data={"text": typed})

    assert page.status_code == 422
    assert "must be a number" in page.text
    assert "1.OO12,2.6520,50" in page.text


def test_a_file_sent_counts_more_than_the_text_and_the_answer_may_be_a_file(doors):
    sent = {"file": ("runs.csv", file.example("heat-capacity").encode("gb18030"), "text/csv")}

    as_csv = doors.post("/evaluations/heat-capacity", data={"text": "x", "as": "csv"}, files=sent)
    as_json = doors.post("/evaluations/heat-capacity", data={"text": "x", "as": "json"}, files=sent)

    assert as_csv.headers["content-disposition"] == 'attachment; filename="heat-capacity.csv"'
    assert as_csv.content.startswith("\ufeffsubject,quantity".encode())
    assert as_json.json()["verdict"] == "pass"


def test_an_evaluation_that_there_is_not_is_not_found(doors):
    assert doors.get("/evaluations/nonsense").status_code == 404
    assert "heat-capacity" in doors.get("/evaluations").text


def test_the_digest_of_a_record_can_be_made_by_anyone(doors):
    """The canonical form is docs/special-evaluations.md's: made here without our code."""
    body = example("remote-record")
    readings = [
        [row["at"], row["symbol"], repr(float(row["nominal"])), repr(row["value"])]
        for row in body["readings"]
    ]
    content = {
        "readings": readings,
        "standard": ["T-204", "NIM-2026-00417", "S-7781"],
        "video_sha256": body["video_sha256"],
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    remarks = ask(doors, "remote-record", body)["remarks"]

    assert sha256(text.encode()).hexdigest() in remarks[-1]["en"]
