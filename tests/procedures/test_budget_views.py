"""A budget on paper: rows a metrologist can read, in Chinese and in English."""

from math import inf
from xml.etree import ElementTree as ET

import pytest

from procedures.budget import Reason, Remark, evaluate
from procedures.budget_views import (
    HEADINGS,
    REMARKS,
    markdown,
    remark_text,
    result_text,
    share_chart,
    share_charts,
    table,
    text_table,
)
from procedures.models import compile_model
from procedures.quantities import Correlation, InputQuantity, Rectangular


@pytest.fixture
def weight():
    """EA-4/02 S2: a 10 kg weight by comparison, in grams."""
    inputs = [
        InputQuantity(symbol="m_S", estimate=10000.005, standard_uncertainty=0.0225, unit="g",
                      source="certificate M-17"),
        InputQuantity(symbol="dm", estimate=0.020, standard_uncertainty=0.0144, unit="g",
                      degrees_of_freedom=14, evaluation="A"),
        InputQuantity.distributed("dB", Rectangular.about(0, 0.010), unit="g"),
    ]  # fmt: skip
    return evaluate(compile_model("m_S + dm + dB", ["m_S", "dm", "dB"]), inputs, unit="g")


def test_a_row_says_what_the_quantity_contributes(weight):
    first, second, third = table(weight, language="en")

    assert first.cells == (
        "m_S", "10 000.005", "g", "B", "normal", "0.022", "∞", "1", "0.022 g", "67.8 %",
        "certificate M-17",
    )  # fmt: skip
    assert second.cells[3:7] == ("A", "t", "0.014", "14")
    assert table(weight)[2].cells[4] == "均匀"
    assert len(third.cells) == len(HEADINGS["en"]) == len(HEADINGS["zh"])


def test_the_result_is_rounded_with_its_uncertainty(weight):
    assert result_text(weight) == "y = (10 000.025 ± 0.055) g, k = 2"


def test_markdown_has_a_line_for_each_row_and_remark(weight):
    text = markdown(weight, language="en")

    lines = text.splitlines()
    assert lines[0] == "**y = `m_S + dm + dB`**"
    assert lines[2].startswith("| Quantity | Estimate |")
    assert lines[4].startswith("| m\\_S | 10 000.005 | g | B |")
    assert "- law of propagation, first order" in lines


def test_a_source_cannot_break_out_of_the_table():
    x = InputQuantity(
        symbol="x", estimate=1, standard_uncertainty=0.1, source="a | b <script>\n| c"
    )

    text = markdown(evaluate(compile_model("x", ["x"]), [x]))

    assert "a \\| b \\<script\\> \\| c" in text


def test_plain_text_is_aligned_though_chinese_is_wide(weight):
    lines = text_table(weight).splitlines()

    assert lines[0].startswith("输入量  估计值")
    assert lines[1].startswith("m_S     10 000.005")


def test_the_chart_is_a_drawing_with_one_bar_for_each_input(weight):
    drawing = ET.fromstring(share_chart(weight, language="en"))  # noqa: S314 our own text

    name = "{http://www.w3.org/2000/svg}"
    bars = drawing.findall(f"{name}rect")
    texts = [text.text for text in drawing.findall(f"{name}text")]
    assert [float(bar.get("width", "0")) for bar in bars] == sorted(
        (float(bar.get("width", "0")) for bar in bars), reverse=True
    )
    assert texts[:2] == ["m_S", "67.8 %"]


def test_a_negative_share_keeps_its_sign_in_the_chart():
    inputs = [
        InputQuantity(symbol=s, estimate=1, standard_uncertainty=u)
        for s, u in {"a": 0.1, "b": 0.3}.items()
    ]
    budget = evaluate(
        compile_model("b - a", ["a", "b"]), inputs, correlations=[Correlation("a", "b", 0.9)]
    )

    assert ">-37.0 %<" in share_chart(budget)


def test_a_result_without_uncertainty_has_no_shares():
    x = InputQuantity(symbol="x", estimate=1, standard_uncertainty=0, degrees_of_freedom=inf)
    budget = evaluate(compile_model("x", ["x"]), [x])

    assert table(budget)[0].cells[9] == "—"
    assert ">—<" in share_chart(budget)


def test_several_budgets_are_drawn_under_their_names(weight):
    drawing = ET.fromstring(share_charts([weight, weight], language="en"))  # noqa: S314 our own

    name = "{http://www.w3.org/2000/svg}"
    headings = [t.text for t in drawing.findall(f"{name}text") if t.get("font-weight") == "bold"]
    bottoms = [
        float(r.get("y", 0)) + float(r.get("height", 0)) for r in drawing.iter(f"{name}rect")
    ]
    assert headings == ["y", "y"]
    assert len(bottoms) == 6
    assert bottoms == sorted(bottoms)
    assert max(bottoms) < float(drawing.get("height", 0))


def test_every_reason_has_words_in_both_languages():
    assert set(REMARKS) == set(Reason)
    remark = Remark(Reason.DERIVATIVE_VANISHES, ("x", "z"))
    assert remark_text(remark, language="en").startswith("x, z: the derivative vanishes")
    assert remark_text(remark).startswith("x, z: 该处")
