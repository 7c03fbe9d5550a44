"""What a special evaluation answers: its figures one by one, a verdict, and what is to be known.

Seven computations that no procedure edition can say give one form of answer, so that a door, a
command and a page each show all of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel

from procedures.conformity import Verdict
from procedures.rounding import align, group_digits, plain, round_uncertainty
from service.exchange.budget_answer import Said


class EvaluationFigure(BaseModel):
    """One figure of an evaluation; unknown is null.

    `subject` is what it is of, in the words of the request: a monitor, a method, a period, a run.
    `expanded_uncertainty` is U with k = 2, in `unit`. `limit` is of |value|. `verdict` is null
    where nothing is required of the figure.
    """

    subject: str
    quantity: str
    label: Said
    value: float | None
    unit: str
    expanded_uncertainty: float | None = None
    limit: float | None = None
    verdict: Verdict | None = None


class EvaluationReport(BaseModel):
    """A special evaluation: verdict, conclusion and figures.

    `verdict` is `fail` where one requirement is not met, else `undetermined` where one cannot be
    decided, and null where nothing was required. `procedures` names the editions that it goes
    with. Nothing is stored.
    """

    kind: str
    title: Said
    verdict: Verdict | None
    conclusion: Said
    figures: list[EvaluationFigure]
    remarks: list[Said] = []
    procedures: list[str] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A value to be drawn, with the half-width U about it where it is known."""

    label: str
    value: float
    expanded_uncertainty: float | None = None
    is_beyond: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Values side by side, on one axis.

    Attributes:
        limits: the permitted values from the lower to the upper; None on a side that is open.
    """

    title: Said
    unit: str
    marks: tuple[Mark, ...]
    limits: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """The answer of an evaluation, and its drawing; None where there is nothing to draw."""

    report: EvaluationReport
    plot: Plot | None


def worst(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    """Return fail before undetermined before pass; None where nothing was required.

    >>> worst([Verdict.PASS, None, Verdict.UNDETERMINED])
    <Verdict.UNDETERMINED: 'undetermined'>
    """
    found = {verdict for verdict in verdicts if verdict is not None}
    order: Sequence[Verdict] = (Verdict.FAIL, Verdict.UNDETERMINED, Verdict.PASS)
    return next((verdict for verdict in order if verdict in found), None)


def as_shown(figure: EvaluationFigure) -> tuple[str, str, str]:
    """Return value, U and limit as people read them: U to two digits, the value to its last.

    A value without U is shown to five digits; what is unknown as "—", what there is none of as "".
    """
    limit = "" if figure.limit is None else f"≤ {_to_five(figure.limit)}"
    if figure.value is None:
        return "—", "", limit
    if not figure.expanded_uncertainty:
        return _to_five(figure.value), "", limit
    expanded = round_uncertainty(figure.expanded_uncertainty)
    return group_digits(align(figure.value, expanded)), group_digits(expanded), limit


def _to_five(value: float) -> str:
    return plain(Decimal(f"{value:.5g}"))
