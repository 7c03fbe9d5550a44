"""Somebody keeps an uncertainty budget as a file and evaluates it in a terminal.

Data goes to stdout; whatever is wrong is pointed at in the file.
"""

import io
import json
import tomllib
from xml.etree import ElementTree as ET

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from procedures.budget import recompute
from service.api.uncertainty_budgets import EXAMPLES
from service.commands import budget as command
from service.errors import InvalidField
from service.exchange import budget_file
from service.exchange.budget_answer import evaluated
from service.exchange.budget_file import BudgetFileInvalid
from service.exchange.budget_request import BudgetRequest

POWER = """\
output = "P"
expression = "U ** 2 / R"
unit = "W"
coverage_factor = 2

[[inputs]]
symbol = "U"
unit = "V"
observations = { values = [12.01, 12.03, 11.99, 12.02, 12.00] }

[[inputs]]
symbol = "R"
unit = "Ω"
source = "证书 2026-017"
certificate = { estimate = 100.0, expanded_uncertainty = 0.2 }
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    app = typer.Typer()
    app.command()(command.budget)
    monkeypatch.chdir(tmp_path)

    def run_(text, *options, name="power.toml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return CliRunner().invoke(app, [name, *options])

    return run_


def test_the_table_and_the_result_are_printed(run):
    result = run(POWER, "--lang", "en")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "P = U ** 2 / R"
    (voltage,) = [line for line in lines if line.startswith(" U ")]
    assert " ".join(voltage.split()) == "U 12.0100 V A t 0.0071 4 0.2402 0.0017 W 58.1 %"
    assert "P = (1.4424 ± 0.0045) W, k = 2" in lines
    assert "P = 1.4424(22) W, ν_eff = 11.85" in lines
    assert "second-order terms do not change two digits of u" in lines
    assert not result.stderr


def test_it_speaks_chinese(run):
    result = run(POWER, "--lang", "zh")

    assert "灵敏系数" in result.stdout
    assert "证书 2026-017" in result.stdout
    assert "二阶项不改变两位有效数字" in result.stdout


def test_a_narrow_terminal_loses_no_digit(run, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")

    narrow = run(POWER, "--lang", "en").stdout

    for text in ("c_i u(x_i)", "12.0100", "0.0017 W", "58.1 %", "证书 2026-017"):
        assert text in narrow
    assert "…" not in narrow


def test_json_is_the_answer_of_the_api_and_recomputes(run):
    answer = json.loads(run(POWER, "--json").stdout)

    assert answer == evaluated(budget_file.read(POWER.encode(), "toml")).answer.model_dump(
        mode="json"
    )
    assert recompute(answer["record"]).content_hash == answer["content_hash"]


def test_the_same_budget_as_json_has_the_same_hash(run):
    as_json = json.dumps(tomllib.loads(POWER))

    answers = [run(POWER, "--json"), run(as_json, "--json", name="power.json")]

    first, second = (json.loads(result.stdout)["content_hash"] for result in answers)
    assert first == second


def test_the_shares_are_drawn_as_svg(run, tmp_path):
    result = run(POWER, "--svg", "shares.svg")

    assert result.exit_code == 0
    drawing = ET.parse(tmp_path / "shares.svg")  # noqa: S314 — we have just drawn it
    texts = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["U", "58.1 %", "R", "41.9 %"]


@pytest.mark.parametrize("form", ["toml", "json"])
def test_an_exported_file_is_the_same_budget(run, tmp_path, form):
    run(POWER, "--export", f"again.{form}")

    again = budget_file.read((tmp_path / f"again.{form}").read_bytes(), form)
    assert again == budget_file.read(POWER.encode(), "toml")


@pytest.mark.parametrize("form", ["toml", "json"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_of_the_api_survives_a_file(name, form):
    request = BudgetRequest.model_validate(EXAMPLES[name]["value"])

    assert budget_file.read(budget_file.write(request, form).encode(), form) == request


@settings(deadline=None)
@given(
    source=st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    estimate=st.floats(-1e60, 1e60),
    correlated=st.booleans(),
)
def test_any_text_and_any_number_survive_toml(source, estimate, correlated):
    observed = {"values": [estimate, 1e-300], "autocorrelated": correlated}
    request = BudgetRequest.model_validate(
        {
            "expression": source or "x",
            "inputs": [{"symbol": "x", "source": source, "observations": observed}],
            "simultaneous_observations": [{"series": {"θ": [1, 2]}, "units": {"θ": "°C"}}],
        }
    )

    assert budget_file.read(budget_file.write(request, "toml").encode(), "toml") == request


# ── Several results ──────────────────────────────────────────────────────────────────────────

LOAD = """\
complex = ["Z"]

[[outputs]]
symbol = "Gamma"
expression = "(Z - Z_0) / (Z + Z_0)"

[[outputs]]
symbol = "m"
expression = "abs(Z)"
unit = "Ω"

[[inputs]]
symbol = "Z_re"
unit = "Ω"
value = { estimate = 48.0, standard_uncertainty = 0.5 }

[[inputs]]
symbol = "Z_im"
unit = "Ω"
value = { estimate = 3.0, standard_uncertainty = 0.5 }

[[inputs]]
symbol = "Z_0"
unit = "Ω"
value = { estimate = 50.0, standard_uncertainty = 0.1 }
"""


def test_several_complex_results_are_printed_with_their_correlations(run, tmp_path):
    result = run(LOAD, "--lang", "en", "--svg", "shares.svg", "--export", "again.toml")

    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert [line for line in lines if " = (Z - Z_0) / (Z + Z_0)" in line] == [
        "Gamma_re = (Z - Z_0) / (Z + Z_0)",
        "Gamma_im = (Z - Z_0) / (Z + Z_0)",
    ]
    assert "m_re = 48.09(50) Ω, ν_eff = ∞" in lines
    assert "Correlation Gamma_re Gamma_im m_re m_im" in lines
    assert "m_im — — — —" in lines
    assert "Gamma: ν_eff = ∞" in lines
    assert (tmp_path / "shares.svg").read_text().count('font-weight="bold"') == 4
    again = budget_file.read((tmp_path / "again.toml").read_bytes(), "toml")
    assert again == budget_file.read(LOAD.encode(), "toml")


def test_json_of_several_results_is_the_answer_of_the_api(run):
    answer = json.loads(run(LOAD, "--json").stdout)

    assert answer["outputs"] == ["Gamma_re", "Gamma_im", "m_re", "m_im"]
    for budget in answer["budgets"]:
        assert recompute(budget["record"]).content_hash == budget["content_hash"]


def test_the_refused_one_of_several_models_is_marked(run):
    error = run(LOAD.replace("abs(Z)", "Z + sinh(Z)")).exception

    assert isinstance(error, InvalidField)
    assert error.pointer == "/outputs/1/expression"
    *_, line, mark = str(error).splitlines()
    assert (line, mark.index("^")) == ("  Z + sinh(Z)", line.index("sinh"))


# ── What is wrong is pointed at ──────────────────────────────────────────────────────────────


def test_a_refused_model_is_marked_where_it_is_refused(run):
    error = run(POWER.replace("U ** 2 / R", "U ** 2 / open(R)")).exception

    assert isinstance(error, InvalidField)
    assert error.pointer == "/expression"
    *_, line, mark = str(error).splitlines()
    assert line == "  U ** 2 / open(R)"
    assert mark.index("^") == line.index("open")


def test_every_field_in_error_is_told_at_once(run):
    wrong = POWER.replace("k = 2", "").replace("0.2 }", "-0.2 }").replace("100.0", "nan")

    error = run(wrong + 'colour = "red"\n').exception

    assert isinstance(error, BudgetFileInvalid)
    assert [pointer for pointer, _ in error.faults] == [
        "/inputs/1/certificate/estimate",
        "/inputs/1/certificate/expanded_uncertainty",
        "/inputs/1/colour",
    ]
    assert "/inputs/1/colour: Extra inputs are not permitted" in str(error)


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("a = [", "a.toml", "not TOML"),
        ("{", "a.json", "not JSON"),
        ("[" * 100_000, "a.json", "not JSON"),
        ("[]", "a.json", "valid dictionary"),
        ("", "a.toml", "give either an expression or outputs"),
    ],
    ids=["toml", "json", "deep", "list", "empty"],
)
def test_a_file_that_is_no_budget_is_refused(run, text, name, told):
    error = run(text, name=name).exception

    assert isinstance(error, BudgetFileInvalid)
    assert told in str(error)


def test_what_is_too_large_or_not_text_is_refused():
    for content, told in ((b" " * 10_000_001, "larger than 10 000 000 bytes"), (b"\xff", "utf-8")):
        with pytest.raises(BudgetFileInvalid, match=told):
            budget_file.read(content, "toml")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--lang", "fr"], "power.toml"),
        ([], "power.xls"),
        (["--export", "again.xls"], "power.toml"),
        (["--svg", "nowhere/shares.svg"], "power.toml"),
    ],
)
def test_a_wrong_use_is_exit_code_2(run, options, name):
    result = run(POWER, *options, name=name)

    assert result.exit_code == 2
    assert not result.stdout


# ── Progress ─────────────────────────────────────────────────────────────────────────────────


def watched(wait, monkeypatch):
    monkeypatch.setattr(command, "WAIT_BEFORE_PROGRESS", wait)
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80)
    with command.ProgressOfTrials(console, "en") as progress:
        progress(10_000, 200_000)
        progress(200_000, 200_000)
    return progress.is_shown, written.getvalue()


def test_a_long_run_shows_its_progress(monkeypatch):
    is_shown, written = watched(0.0, monkeypatch)

    assert is_shown
    assert "Monte Carlo trials" in written
    assert "100%" in written


def test_a_short_run_shows_nothing(monkeypatch):
    assert watched(60.0, monkeypatch) == (False, "")
