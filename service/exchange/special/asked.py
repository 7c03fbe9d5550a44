"""What the requests of all special evaluations share: their form, bounds, pointers and answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Annotated, ClassVar, Final

from pydantic import Field

from procedures.comparisons import Performance
from procedures.conformity import Verdict
from procedures.errors import InvalidInput, ProcedureError
from service.errors import InvalidField
from service.exchange.budget_answer import Said
from service.exchange.budget_request import Strict
from service.exchange.special.answer import (
    Evaluated,
    EvaluationFigure,
    EvaluationReport,
    Mark,
    Plot,
)

MOST_RUNS: Final = 100
MOST_POINTS: Final = 1_000
MOST_SAMPLES: Final = 10_000
MOST_MARKS: Final = 40  # drawn; the figures have all of them

OUT_OF_RANGE: Final = "the numbers are too large or too small to calculate with"
Name = Annotated[str, Field(min_length=1, max_length=100)]

VERDICT_OF_PERFORMANCE: Final = {
    Performance.SATISFACTORY: Verdict.PASS,
    Performance.QUESTIONABLE: Verdict.UNDETERMINED,
    Performance.UNSATISFACTORY: Verdict.FAIL,
}


class SpecialRequest(Strict):
    """What one evaluation is asked: the body of its door, and the content of its file.

    `KIND` is its name in addresses and commands; `PROCEDURES` are the editions it goes with.
    """

    KIND: ClassVar[str]
    TITLE: ClassVar[Said]
    PROCEDURES: ClassVar[tuple[str, ...]] = ()

    def evaluate(self) -> Evaluated:
        """Return the answer.

        Raises:
            InvalidField: pointing at what cannot be evaluated.
        """
        raise NotImplementedError

    def answered(
        self,
        *,
        verdict: Verdict | None,
        conclusion: Said,
        figures: list[EvaluationFigure],
        plot: Plot | None,
        remarks: Sequence[Said] = (),
    ) -> Evaluated:
        """Return what was found as the answer to this request.

        Raises:
            InvalidField: a figure left the range of a float on the way.
        """
        for figure in figures:
            known = (figure.value, figure.expanded_uncertainty, figure.limit)
            if not all(isfinite(number) for number in known if number is not None):
                raise InvalidField("/", f"{figure.quantity}: {OUT_OF_RANGE}")
        report = EvaluationReport(
            kind=self.KIND,
            title=self.TITLE,
            verdict=verdict,
            conclusion=conclusion,
            figures=figures,
            remarks=list(remarks),
            procedures=list(self.PROCEDURES),
        )
        return Evaluated(report=report, plot=plot)


@contextmanager
def pointing_at(where: str) -> Iterator[None]:
    """Turn an error of the science into one that points at a part of the request.

    Raises:
        InvalidField: instead of the error inside, which is its cause.
    """
    try:
        yield
    except InvalidInput as error:
        place = error.field.replace(".", "/").replace("[", "/").replace("]", "")
        raise InvalidField(f"{where}/{place}", error.reason) from error
    except ProcedureError as error:
        raise InvalidField(where or "/", str(error)) from error
    except (ArithmeticError, ValueError) as error:
        raise InvalidField(where or "/", OUT_OF_RANGE) from error


def require_once(names: Sequence[str], where: str) -> None:
    """Refuse a name that stands twice in a list of the request.

    Raises:
        InvalidField: pointing at its second place.
    """
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InvalidField(f"/{where}/{place}/name", f"{name!r} stands twice")


def plot(
    title: Said,
    unit: str,
    marks: Sequence[Mark],
    *,
    limits: tuple[float | None, float | None] = (None, None),
) -> Plot | None:
    """Return a drawing of the first marks; None where there is none."""
    if not marks:
        return None
    return Plot(title=title, unit=unit, marks=tuple(marks[:MOST_MARKS]), limits=limits)
