"""The law of propagation over and over: y, u_c(y) and ν_eff of one model for many measurements.

What a batch or a benchmark needs of a budget, without its rows: first order, uncorrelated inputs.
"""

from collections.abc import Mapping, Sequence
from math import inf, isfinite, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from procedures.differentiation import keep_freed_memory
from procedures.errors import InvalidInput, ModelUndefined, QuantityUnknown
from procedures.models import MeasurementModel

FloatArray = NDArray[np.float64]

ROWS_AT_ONCE: Final = 16384


class Propagation:
    """First order only, uncorrelated, for speed: y, u_c(y) and ν_eff of one model, over and over.

    The degrees of freedom are fixed; estimates and uncertainties are given anew each time, in the
    order of the model's names.
    """

    def __init__(
        self,
        model: MeasurementModel,
        degrees_of_freedom: Mapping[str, float] | None = None,
        *,
        output: str | None = None,
    ) -> None:
        """Prepare a propagation.

        Args:
            model: Y = f(X_1, …, X_N).
            degrees_of_freedom: ν_i ≥ 1 by name; infinite where not given.
            output: which output quantity, where the model has several.
        """
        given = dict(degrees_of_freedom or {})
        for name, nu in given.items():
            if name not in model.names:
                raise QuantityUnknown(name, known=model.names, where="inputs of the model")
            if not nu >= 1:
                raise InvalidInput(f"{name}.degrees_of_freedom", f"must be ≥ 1, got {nu}")
        self.output = model.output_named(output)
        nus = [given.get(name, inf) for name in model.names]
        self._weights = [1 / nu for nu in nus if isfinite(nu)]
        finite = tuple(isfinite(nu) for nu in nus)
        self._on_floats, self._on_arrays = model.propagation(self.output, finite)
        constant = model.constant_derivatives(self.output)
        self._curved = [i for i in range(len(constant)) if not constant[i]]

    def one(
        self, estimates: Sequence[float], standard_uncertainties: Sequence[float]
    ) -> tuple[float, float, float]:
        """Return y, u_c(y) and ν_eff of one measurement.

        Raises:
            ModelUndefined: y or u_c(y) is not finite, every derivative vanishes, or ν_eff cannot be
                calculated because u_c(y) to the fourth power leaves the range of a float.
        """
        try:
            y, variance, denominator = self._on_floats(
                *estimates, *standard_uncertainties, *self._weights
            )
            u = sqrt(variance)
        except (ArithmeticError, ValueError):
            y = u = inf
        if y - y or u - u:  # NaN or infinite
            raise ModelUndefined(self.output, "no finite value or derivative at these estimates")
        if not u and any(standard_uncertainties[i] for i in self._curved):
            raise ModelUndefined(self.output, "no uncertainty in first order at these estimates")
        squared = variance * variance
        if self._weights and u and not 0 < squared < inf:
            raise ModelUndefined(self.output, "the fourth power of u_c(y) is no longer a float")
        return y, u, squared / denominator if denominator else inf

    def many(
        self,
        estimates: Sequence[FloatArray | float],
        standard_uncertainties: Sequence[FloatArray | float],
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return y, u_c(y) and ν_eff of many measurements, each of shape (m,).

        What has no finite value is NaN or infinite in y or u_c(y); u_c(y) is NaN too where every
        derivative vanishes, so that first order knows no uncertainty. ν_eff is NaN where u_c(y) to
        the fourth power leaves the range of a float.

        Args:
            estimates: x_i in the order of the model's names, each of shape (m,) or a number.
            standard_uncertainties: u(x_i), likewise.
        """
        columns = [np.asarray(column) for column in (*estimates, *standard_uncertainties)]
        (rows,) = np.broadcast_shapes((1,), *(column.shape for column in columns))
        keep_freed_memory()
        results = np.empty((3, rows))
        with np.errstate(all="ignore"):
            for start in range(0, rows, ROWS_AT_ONCE):
                part = slice(start, start + ROWS_AT_ONCE)
                block = [column[part] if column.size > 1 else column for column in columns]
                y, variance, denominator = self._on_arrays(*block, *self._weights)
                results[0, part] = y
                np.sqrt(variance, out=results[1, part])
                np.multiply(variance, variance, out=results[2, part])
                results[2, part] /= denominator
        certain = results[1] == 0
        if certain.any():
            results[2, certain] = inf
            moving = [np.broadcast_to(standard_uncertainties[i], (rows,)) for i in self._curved]
            results[1, certain & (np.sum(moving, axis=0) > 0)] = np.nan
        return results[0], results[1], results[2]
