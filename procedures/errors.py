"""The tree of errors of the science of measurement.

ProcedureError
├── InvalidInput                 one field of a question is not usable; names the field
├── ModelRefused                 an expression is not a measurement model; points into its text
├── QuantityUnknown              a quantity is named that the model or the inputs do not have
├── ModelUndefined               the model has no value, or no derivative, where it was asked
├── CorrelationsImpossible       no quantities can be correlated as stated
├── DegreesOfFreedomUnknown      a coverage factor was asked of an unknown ν_eff
└── UnitMismatch                 two units of different dimension, or not a unit at all

Errors that belong to one calculation only stand beside it in its module.
"""

from collections.abc import Iterable


class ProcedureError(Exception):
    """A question about a measurement that could not be asked as it was put."""


class InvalidInput(ProcedureError):
    """One field of a question is not usable: NaN, infinite, u < 0, ν < 1, an empty list."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class ModelRefused(ProcedureError):
    """An expression is not a measurement model; `position` counts its characters from 0."""

    def __init__(self, reason: str, *, expression: str, position: int) -> None:
        self.reason = reason
        self.expression = expression
        self.position = position
        super().__init__(f"{reason}, at character {position + 1}: {self.excerpt!r}")

    @property
    def excerpt(self) -> str:
        """The text from the refused place on, at most 20 characters of it."""
        rest = self.expression[self.position :]
        return rest if len(rest) <= 20 else rest[:19] + "…"


class QuantityUnknown(ProcedureError):
    """A quantity is named that the model or the inputs do not have."""

    def __init__(self, symbol: str, *, known: Iterable[str], where: str) -> None:
        self.symbol = symbol
        self.known = tuple(known)
        listed = ", ".join(self.known[:20]) + (", …" if len(self.known) > 20 else "")
        super().__init__(f"{symbol!r} is not among the {where}: {listed}")


class ModelUndefined(ProcedureError):
    """The model has no finite value, or no derivative by one of its inputs, at the estimates."""

    def __init__(self, output: str, reason: str) -> None:
        self.output = output
        self.reason = reason
        super().__init__(f"{output}: {reason}")


class CorrelationsImpossible(ProcedureError):
    """No quantities can be correlated as stated: the matrix is not positive semidefinite."""

    def __init__(self, symbols: Iterable[str], smallest_eigenvalue: float) -> None:
        self.symbols = tuple(symbols)
        self.smallest_eigenvalue = smallest_eigenvalue
        super().__init__(
            f"the correlation coefficients of {', '.join(self.symbols)} contradict each other: "
            f"their matrix is not positive semidefinite "
            f"(smallest eigenvalue {smallest_eigenvalue:.3g})"
        )


class DegreesOfFreedomUnknown(ProcedureError):
    """A coverage factor was asked of a budget whose effective degrees of freedom are unknown."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"effective degrees of freedom unknown: {reason}")


class UnitMismatch(ProcedureError):
    """Two units of different dimension were put together, or a text is not a unit."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")
