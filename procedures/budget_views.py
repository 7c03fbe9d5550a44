"""How a budget is shown to people: its rows as text, Markdown, and a chart of the shares.

Numbers are rounded here for reading only: u to two digits, an estimate to the last digit of its u.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from math import isinf
from typing import Final, Literal

from procedures.budget import Contribution, Reason, Remark, UncertaintyBudget
from procedures.rounding import align, group_digits, report, round_uncertainty, shorthand

Language = Literal["zh", "en"]

HEADINGS: Final[dict[Language, tuple[str, ...]]] = {
    "zh": (
        "输入量",
        "估计值",
        "单位",
        "类别",
        "分布",
        "标准不确定度",
        "自由度",
        "灵敏系数",
        "不确定度分量",
        "占比",
        "来源",
    ),
    "en": (
        "Quantity",
        "Estimate",
        "Unit",
        "Type",
        "Distribution",
        "Standard uncertainty",
        "Degrees of freedom",
        "Sensitivity coefficient",
        "Contribution",
        "Share",
        "Source",
    ),
}
DISTRIBUTIONS: Final[dict[str, tuple[str, str]]] = {
    "normal": ("正态", "normal"),
    "t": ("t", "t"),
    "rectangular": ("均匀", "rectangular"),
    "triangular": ("三角", "triangular"),
    "u_shaped": ("反正弦", "U-shaped"),
    "trapezoidal": ("梯形", "trapezoidal"),
    "curvilinear_trapezoidal": ("曲边梯形", "curvilinear trapezoidal"),
    "exponential": ("指数", "exponential"),
    "gamma": ("伽马", "gamma"),
}
REMARKS: Final[dict[Reason, tuple[str, str]]] = {
    Reason.LINEAR: ("模型为线性", "the model is linear"),
    Reason.SECOND_ORDER_NEGLIGIBLE: (
        "二阶项不改变两位有效数字",
        "second-order terms do not change two digits of u",
    ),
    Reason.SECOND_ORDER_SIGNIFICANT: (
        "二阶项不可忽略",
        "second-order terms matter",
    ),
    Reason.SECOND_ORDER_UNKNOWN: (
        "模型过长或在此处不可导，未计算二阶项",
        "the second-order terms could not be calculated",
    ),
    Reason.DERIVATIVE_VANISHES: (
        "该处一阶导数为零，一阶法不反映其影响",
        "the derivative vanishes here, so that first order does not show its effect",
    ),
    Reason.DERIVATIVE_MISSING: ("该处不可导", "the model has no derivative here"),
    Reason.NOT_SMOOTH: (
        "模型含绝对值或极值函数，一阶法不反映其折点",
        "the model takes abs, min or max, whose kinks first order does not see",
    ),
    Reason.NOT_NORMAL: (
        "输出量分布与正态分布相差较大",
        "the distribution of the result is far from normal",
    ),
    Reason.CONFIRMED_BY_MONTE_CARLO: (
        "蒙特卡洛法验证通过（JCGM 101，8）",
        "confirmed by Monte Carlo (JCGM 101, 8)",
    ),
    Reason.REFUTED_BY_MONTE_CARLO: (
        "蒙特卡洛法验证未通过，采用其结果（JCGM 101，8）",
        "refuted by Monte Carlo, whose result is taken (JCGM 101, 8)",
    ),
    Reason.MONTE_CARLO_HAS_NO_VALUE: (
        "部分试验中模型无值，无法用蒙特卡洛法验证",
        "not validated: the model has no value in some Monte Carlo trials",
    ),
    Reason.TOLERANCE_NOT_REACHED: (
        "蒙特卡洛试验次数不足以达到数值容差",
        "the Monte Carlo trials did not reach the numerical tolerance",
    ),
    Reason.DEGREES_OF_FREEDOM_UNKNOWN: (
        "有效自由度未知：自由度有限的输入量相关，或仅经二阶项起作用",
        "ν_eff unknown: inputs with finite ν are correlated, or act in second order only",
    ),
}
METHODS: Final = {
    "first_order": ("不确定度传播律（一阶）", "law of propagation, first order"),
    "second_order": ("不确定度传播律（含高阶项）", "law of propagation with higher-order terms"),
    "monte_carlo": ("蒙特卡洛法", "Monte Carlo method"),
}
NOT_KNOWN: Final = "—"


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """One row of a budget as text, in the order of `HEADINGS`."""

    cells: tuple[str, ...]


def table(budget: UncertaintyBudget, *, language: Language = "zh") -> tuple[BudgetRow, ...]:
    """Return the rows of a budget as text."""
    return tuple(BudgetRow(_cells(row, budget, language)) for row in budget.contributions)


def remark_text(remark: Remark, *, language: Language = "zh") -> str:
    """Return a remark as a sentence, with the quantities it concerns."""
    text = _of(REMARKS[remark.reason], language)
    return f"{', '.join(remark.symbols)}: {text}" if remark.symbols else text


def result_text(budget: UncertaintyBudget, *, coverage_factor: float = 2) -> str:
    """Return y ± U with k, rounded together (JCGM 100:2008, 7.2.4)."""
    stated = report(
        budget.estimate,
        budget.expanded_uncertainty(coverage_factor),
        unit=_unit(budget.unit),
        coverage_factor=coverage_factor,
    )
    return f"{budget.output} = {stated}"


def markdown(
    budget: UncertaintyBudget, *, language: Language = "zh", coverage_factor: float = 2
) -> str:
    """Return the whole budget as a Markdown table with its result and remarks."""
    lines = [
        f"**{_plain(budget.output)} = `{budget.expression}`**",
        "",
        _line(HEADINGS[language]),
        _line(["---"] * len(HEADINGS[language])),
        *(_line(row.cells) for row in table(budget, language=language)),
        "",
        f"- {result_text(budget, coverage_factor=coverage_factor)}",
        f"- {_combined(budget)}",
        f"- {_of(METHODS[budget.method], language)}",
        *(f"- {_plain(remark_text(remark, language=language))}" for remark in budget.remarks),
    ]
    return "\n".join(lines) + "\n"


def text_table(
    budget: UncertaintyBudget, *, language: Language = "zh", coverage_factor: float = 2
) -> str:
    """Return the budget as aligned plain text, for a terminal."""
    rows = [HEADINGS[language], *(row.cells for row in table(budget, language=language))]
    widths = [max(_width(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True))
        for row in rows
    ]
    lines += ["", result_text(budget, coverage_factor=coverage_factor), _combined(budget)]
    lines.append(_of(METHODS[budget.method], language))
    lines += [remark_text(remark, language=language) for remark in budget.remarks]
    return "\n".join(line.rstrip() for line in lines) + "\n"


BAR_HEIGHT: Final = 22
LABEL_WIDTH: Final = 140
BAR_WIDTH: Final = 360


def share_chart(budget: UncertaintyBudget, *, language: Language = "zh") -> str:
    """Return an SVG drawing of each input's share of the variance, the largest on top.

    A negative share, of an input whose covariances outweigh it, is drawn pale with an outline: its
    length is its magnitude, its sign stands in its label. An unknown share has no bar. Colours
    follow the page (currentColor), so that it can be read in light and dark.
    """
    return share_charts([budget], language=language)


def share_charts(budgets: Sequence[UncertaintyBudget], *, language: Language = "zh") -> str:
    """Return one SVG drawing of the shares in several budgets, each under the name of its Y."""
    parts: list[str] = []
    top = 4.0
    for budget in budgets:
        if len(budgets) > 1:
            middle = top + BAR_HEIGHT * 0.65
            heading = f'x="{LABEL_WIDTH}" y="{middle:.1f}" font-weight="bold"'
            parts.append(f"<text {heading}>{escape(budget.output)}</text>")
            top += BAR_HEIGHT
        parts += _bars(budget, top)
        top += BAR_HEIGHT * len(budget.contributions)
    title = {"zh": "各输入量占方差的比例", "en": "Share of the variance by input quantity"}
    width = LABEL_WIDTH + BAR_WIDTH + 80
    size = f'width="{width}" height="{top + 4:.0f}" font-family="sans-serif" font-size="13"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} fill="currentColor">'
    return "\n".join([opening, f"<title>{title[language]}</title>", *parts, "</svg>"]) + "\n"


def _bars(budget: UncertaintyBudget, top: float) -> list[str]:
    shown = sorted(
        ((row.symbol, row.share) for row in budget.contributions),
        key=lambda item: -abs(item[1] or 0.0),
    )
    longest = max((abs(share or 0.0) for _, share in shown), default=0.0) or 1.0
    drawn = [
        _bar(symbol, share, longest, top + i * BAR_HEIGHT)
        for i, (symbol, share) in enumerate(shown)
    ]
    return [element for bar in drawn for element in bar]


def _bar(symbol: str, share: float | None, longest: float, top: float) -> Sequence[str]:
    width = abs(share or 0.0) / longest * BAR_WIDTH
    negative = share is not None and share < 0
    style = ' fill-opacity="0.25" stroke="currentColor"' if negative else ' fill-opacity="0.7"'
    label = symbol if len(symbol) <= 16 else symbol[:15] + "…"
    middle = top + BAR_HEIGHT * 0.65
    box = f'x="{LABEL_WIDTH}" y="{top + 3:.1f}" width="{width:.1f}" height="{BAR_HEIGHT - 6}"'
    return [
        f'<text x="{LABEL_WIDTH - 8}" y="{middle:.1f}" text-anchor="end">{escape(label)}</text>',
        f"<rect {box}{style}/>",
        f'<text x="{LABEL_WIDTH + width + 6:.1f}" y="{middle:.1f}">{_share(share)}</text>',
    ]


def _cells(row: Contribution, budget: UncertaintyBudget, language: Language) -> tuple[str, ...]:
    x = row.quantity
    u = round_uncertainty(x.standard_uncertainty)
    estimate = align(x.estimate, u) if u else Decimal(f"{x.estimate:.10g}")
    kind = "normal" if x.distribution is None else x.distribution.kind
    if x.distribution is None and not isinf(x.degrees_of_freedom):
        kind = "t"
    return (
        row.symbol,
        group_digits(estimate),
        _unit(x.unit),
        x.evaluation,
        _of(DISTRIBUTIONS[kind], language),
        _significant(u),
        _degrees_of_freedom(x.degrees_of_freedom),
        f"{row.sensitivity_coefficient:.4g}",
        f"{_significant(round_uncertainty(row.standard_uncertainty))} {_unit(budget.unit)}".strip(),
        _share(row.share),
        x.source,
    )


def _combined(budget: UncertaintyBudget) -> str:
    nu = budget.effective_degrees_of_freedom
    known = NOT_KNOWN if nu is None else _degrees_of_freedom(nu)
    unit = _unit(budget.unit)
    value = shorthand(budget.estimate, budget.combined_standard_uncertainty, unit=unit)
    return f"{budget.output} = {value}, ν_eff = {known}"


def _degrees_of_freedom(nu: float) -> str:
    return "∞" if isinf(nu) else f"{nu:.4g}"


def _significant(u: Decimal) -> str:
    small = u != 0 and not Decimal("1e-4") <= abs(u) < Decimal("1e7")
    return f"{u:.1e}".replace("e", "E") if small else group_digits(u)


def _share(share: float | None) -> str:
    return NOT_KNOWN if share is None else f"{100 * share + 0.0:.1f} %"


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def _of(pair: tuple[str, str], language: Language) -> str:
    return pair[0] if language == "zh" else pair[1]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |"


def _plain(text: str) -> str:
    """Keep text from being read as Markdown or HTML."""
    for character in "\\`*_|[]<>":
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")


def _width(text: str) -> int:
    """Columns a terminal needs: two for a Chinese character."""
    return sum(2 if "\u2e80" <= character <= "\uffef" else 1 for character in text)
