"""Calibration curves by least squares, with the covariance of what was fitted and read off them.

All four fits are one problem: adjust the observed points as little as their uncertainties allow
until they lie on the curve. Without uncertainties of x that is ordinary or weighted least squares,
with them generalized distance regression (York's problem with any covariance).
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any, Protocol

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, chdtri

from procedures.errors import InvalidInput, ProcedureError
from procedures.fields import require_finite, require_not_negative, require_probability

FloatArray = NDArray[np.floating[Any]]

MOST_STEPS = 1000
SETTLED = 1e-11  # of the standard uncertainty of a coefficient
NOISE = 1e-14  # of a coefficient
EXTRAPOLATION = 0.1  # of the calibrated interval, beyond which nothing is read off backwards
ROUNDING_OF_COVARIANCES = 1e-9
LARGEST_UNCERTAINTY = 1e150


class CurveNotFound(ProcedureError):
    """No curve of this form can be fitted to the points: they do not determine it."""


class NotOnCurve(ProcedureError):
    """No single x of the calibrated interval has this y; carries those found."""

    def __init__(self, y: float, found: tuple[float, ...]) -> None:
        several = f"at {', '.join(f'{x:g}' for x in found)}" if found else "nowhere"
        super().__init__(f"the curve has the value {y:g} {several} in its calibrated interval")
        self.y = y
        self.found = found


class CurveForm(Protocol):
    """A family of curves y = f(x; b_0, b_1, …)."""

    @property
    def coefficient_count(self) -> int:
        """How many coefficients b has."""

    def check(self, x: FloatArray) -> None:
        """Raise InvalidInput where f has no value."""

    def values(self, x: FloatArray, b: FloatArray) -> FloatArray:
        """Return f(x; b), shape (n,)."""

    def slopes(self, x: FloatArray, b: FloatArray) -> FloatArray:
        """Return ∂f/∂x, shape (n,)."""

    def gradients(self, x: FloatArray, b: FloatArray) -> FloatArray:
        """Return ∂f/∂b, shape (n, coefficients)."""

    def start(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return coefficients near enough to begin with."""

    def solve(self, y: float, b: FloatArray) -> list[float]:
        """Return every real x with f(x; b) = y."""


@dataclass(frozen=True, slots=True)
class Polynomial:
    """y = b_0 + b_1 x + … + b_m x^m, m being the order."""

    order: int

    def __post_init__(self) -> None:
        if not 0 < self.order <= 10:
            raise InvalidInput("order", f"must be 1 to 10, got {self.order}")

    @property
    def coefficient_count(self) -> int:
        return self.order + 1

    def check(self, x: FloatArray) -> None:
        """Every x will do."""

    def values(self, x: FloatArray, b: FloatArray) -> FloatArray:
        return np.asarray(polynomial.polyval(x, b), dtype=float)

    def slopes(self, x: FloatArray, b: FloatArray) -> FloatArray:
        return np.asarray(polynomial.polyval(x, polynomial.polyder(b)), dtype=float)

    def gradients(self, x: FloatArray, b: FloatArray) -> FloatArray:
        return np.vander(x, len(b), increasing=True)

    def start(self, x: FloatArray, y: FloatArray) -> FloatArray:
        return _least_squares(self.gradients(x, np.zeros(self.coefficient_count)), y)[0]

    def solve(self, y: float, b: FloatArray) -> list[float]:
        shifted = b.copy()
        shifted[0] -= y
        roots = polynomial.polyroots(polynomial.polytrim(shifted))
        return sorted(float(r.real) for r in roots if abs(r.imag) <= 1e-9 * max(abs(r), 1e-300))


@dataclass(frozen=True, slots=True)
class PolynomialFromZero:
    """y = b_1 x + … + b_m x^m, m being the order: 0 where x is."""

    order: int

    def __post_init__(self) -> None:
        Polynomial(self.order)

    @property
    def coefficient_count(self) -> int:
        return self.order

    def check(self, x: FloatArray) -> None:
        """Every x will do."""

    def values(self, x: FloatArray, b: FloatArray) -> FloatArray:
        return Polynomial(self.order).values(x, np.append(0.0, b))

    def slopes(self, x: FloatArray, b: FloatArray) -> FloatArray:
        return Polynomial(self.order).slopes(x, np.append(0.0, b))

    def gradients(self, x: FloatArray, b: FloatArray) -> FloatArray:
        return np.vander(x, len(b) + 1, increasing=True)[:, 1:]

    def start(self, x: FloatArray, y: FloatArray) -> FloatArray:
        return _least_squares(self.gradients(x, np.zeros(self.order)), y)[0]

    def solve(self, y: float, b: FloatArray) -> list[float]:
        return Polynomial(self.order).solve(y, np.append(0.0, b))


@dataclass(frozen=True, slots=True)
class Power:
    """y = b_0 + b_1 x^(1 + b_2), x > 0 (ISO 6143:2001, annex A)."""

    @property
    def coefficient_count(self) -> int:
        return 3

    def check(self, x: FloatArray) -> None:
        if np.any(x <= 0):
            raise InvalidInput("x", f"must be > 0 for a power curve, got {float(np.min(x))}")

    def values(self, x: FloatArray, b: FloatArray) -> FloatArray:
        powers: FloatArray = b[0] + b[1] * x ** (1 + b[2])
        return powers

    def slopes(self, x: FloatArray, b: FloatArray) -> FloatArray:
        slopes: FloatArray = b[1] * (1 + b[2]) * x ** b[2]
        return slopes

    def gradients(self, x: FloatArray, b: FloatArray) -> FloatArray:
        powers = x ** (1 + b[2])
        return np.column_stack((np.ones_like(x), powers, b[1] * powers * np.log(x)))

    def start(self, x: FloatArray, y: FloatArray) -> FloatArray:
        return np.append(Polynomial(1).start(x, y), 0.0)

    def solve(self, y: float, b: FloatArray) -> list[float]:
        if b[1] == 0 or 1 + b[2] == 0:
            return []
        share = (y - float(b[0])) / float(b[1])
        return [share ** (1 / (1 + float(b[2])))] if share > 0 else []


STRAIGHT_LINE = Polynomial(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """A value read off a curve, in either direction.

    Attributes:
        standard_uncertainty: of the curve and of the value it was read at.
        is_extrapolated: whether x lies outside the calibrated interval.
    """

    value: float
    standard_uncertainty: float
    is_extrapolated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationCurve:
    """A fitted curve.

    Attributes:
        coefficients: b_0, b_1, …
        covariance: of the coefficients, row by row.
        degrees_of_freedom: points minus coefficients.
        chi_squared: weighted sum of squares; of an ordinary fit, whose weights are unknown, the
            plain sum of squared residuals.
        residual_standard_deviation: s of an ordinary fit (None where it has no degrees of
            freedom); None of the other fits, whose uncertainties were given.
        largest_weighted_deviation: Γ, the largest |adjusted - observed|/u of any coordinate (ISO
            6143 wants Γ ≤ 2); None of an ordinary fit.
        interval: the calibrated interval of x.
    """

    form: CurveForm
    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    degrees_of_freedom: int
    chi_squared: float
    residual_standard_deviation: float | None
    largest_weighted_deviation: float | None
    interval: tuple[float, float]

    @property
    def standard_uncertainties(self) -> tuple[float, ...]:
        """The standard uncertainties of b_0, b_1, …, in this order."""
        return tuple(sqrt(row[i]) for i, row in enumerate(self.covariance))

    def correlation(self, i: int, j: int) -> float:
        """Return r(b_i, b_j); 0 where the points lie on the curve exactly."""
        product = self.standard_uncertainties[i] * self.standard_uncertainties[j]
        return self.covariance[i][j] / product if product else 0.0

    @property
    def p_value(self) -> float | None:
        """The probability of a chi-squared at least as large if model and uncertainties are right.

        None of an ordinary fit, and of a curve through as many points as it has coefficients.
        """
        if self.residual_standard_deviation is not None or self.degrees_of_freedom == 0:
            return None
        return float(chdtrc(self.degrees_of_freedom, self.chi_squared))

    def critical_chi_squared(self, *, significance: float = 0.05) -> float:
        """Return the chi-squared exceeded with that probability by a curve of the right form."""
        require_probability("significance", significance)
        return float(chdtri(self.degrees_of_freedom, significance))

    def predict(self, x: float, *, standard_uncertainty: float = 0.0) -> CurvePoint:
        """Return f(x) of the curve, for an x with standard uncertainty u(x) ≥ 0.

        Raises:
            InvalidInput: x is not finite or has no value on the curve, or u(x) < 0.

        Source: ISO/TS 28037:2010, clause 11; ISO 6143:2001, 5.2.
        """
        at = self._at(x)
        require_not_negative("standard_uncertainty", standard_uncertainty)
        b = np.array(self.coefficients)
        slope = float(self.form.slopes(at, b)[0])
        return CurvePoint(
            value=float(self.form.values(at, b)[0]),
            standard_uncertainty=sqrt(
                self._variance_of_curve(at) + (slope * standard_uncertainty) ** 2
            ),
            is_extrapolated=self._is_outside(x),
        )

    def predict_observation(self, x: float) -> CurvePoint:
        """Return f(x) with the uncertainty of one new observation there, s included.

        Raises:
            InvalidInput: the fit was not an ordinary one, so that s is not known.
        """
        if self.residual_standard_deviation is None:
            raise InvalidInput("residual_standard_deviation", "is not known of this fit")
        mean = self.predict(x)
        u = sqrt(mean.standard_uncertainty**2 + self.residual_standard_deviation**2)
        return CurvePoint(
            value=mean.value, standard_uncertainty=u, is_extrapolated=mean.is_extrapolated
        )

    def invert(self, y: float, *, standard_uncertainty: float = 0.0) -> CurvePoint:
        """Return the x at which the curve has a value y, measured with u(y) ≥ 0.

        A straight line is inverted everywhere, other curves in their calibrated interval and a
        tenth of it on either side.

        Raises:
            InvalidInput: y is not finite, or u(y) < 0.
            NotOnCurve: no x has that value, or several have, or the curve is level there.

        Source: ISO/TS 28037:2010, 11.1.
        """
        require_finite("y", y)
        require_not_negative("standard_uncertainty", standard_uncertainty)
        b = np.array(self.coefficients)
        found = tuple(x for x in self.form.solve(y, b) if self._is_reachable(x))
        at = np.array(found)
        slope = float(self.form.slopes(at, b)[0]) if len(found) == 1 else 0.0
        if slope == 0:
            raise NotOnCurve(y, found)
        u = sqrt(standard_uncertainty**2 + self._variance_of_curve(at)) / abs(slope)
        return CurvePoint(
            value=found[0], standard_uncertainty=u, is_extrapolated=self._is_outside(found[0])
        )

    def _at(self, x: float) -> FloatArray:
        at = np.array([require_finite("x", x)])
        self.form.check(at)
        return at

    def _variance_of_curve(self, at: FloatArray) -> float:
        gradient = self.form.gradients(at, np.array(self.coefficients))[0]
        return max(0.0, float(gradient @ np.array(self.covariance) @ gradient))

    def _is_outside(self, x: float) -> bool:
        return not self.interval[0] <= x <= self.interval[1]

    def _is_reachable(self, x: float) -> bool:
        if self.form == STRAIGHT_LINE:
            return True
        margin = EXTRAPOLATION * (self.interval[1] - self.interval[0])
        return self.interval[0] - margin <= x <= self.interval[1] + margin


def fit_ordinary(
    x: ArrayLike, y: ArrayLike, *, form: CurveForm = STRAIGHT_LINE
) -> CalibrationCurve:
    """Fit a curve to points whose y all have the same unknown uncertainty, x being exact.

    The scatter of the points estimates that uncertainty, with n minus coefficients degrees of
    freedom.

    Raises:
        InvalidInput: x and y do not match, are not finite, or have no more points than the curve
            has coefficients.
        CurveNotFound: the points do not determine the curve.

    Source: ISO/TS 28037:2010, annex E; JCGM 100:2008, H.3.
    """
    points = _points(x, y, form)
    n = len(points) // 2
    if n <= form.coefficient_count:
        raise InvalidInput("x", f"needs more than {form.coefficient_count} points, got {n}")
    fit = _fit(form, points, _block_diagonal(np.zeros((n, n)), np.eye(n)))
    variance = fit.chi_squared / (n - form.coefficient_count)
    return _curve(form, points, fit, residual_variance=variance)


def fit_weighted(
    x: ArrayLike, y: ArrayLike, *, uncertainty_of_y: ArrayLike, form: CurveForm = STRAIGHT_LINE
) -> CalibrationCurve:
    """Fit a curve to points with known uncertainties of y, x being exact.

    Args:
        x: abscissae, shape (n,).
        y: ordinates, shape (n,).
        uncertainty_of_y: standard uncertainties, shape (n,), or their covariance matrix (n, n).
        form: the family of curves.

    Raises:
        InvalidInput: a shape does not match, or a covariance matrix is not one.
        CurveNotFound: the points do not determine the curve.

    Source: ISO/TS 28037:2010, clauses 6 and 9.
    """
    points = _points(x, y, form)
    n = len(points) // 2
    of_y = _covariance(uncertainty_of_y, n, "uncertainty_of_y")
    covariance = _block_diagonal(np.zeros((n, n)), of_y)
    return _curve(form, points, _fit(form, points, covariance), covariance=covariance)


def fit_generalized(
    x: ArrayLike,
    y: ArrayLike,
    *,
    uncertainty_of_x: ArrayLike,
    uncertainty_of_y: ArrayLike,
    covariance_of_x_and_y: ArrayLike | None = None,
    form: CurveForm = STRAIGHT_LINE,
) -> CalibrationCurve:
    """Fit a curve to points uncertain in both coordinates, by generalized distance regression.

    The covariance of the coefficients is the full Gauss-Newton one, at the adjusted points.

    Args:
        x: abscissae, shape (n,).
        y: ordinates, shape (n,).
        uncertainty_of_x: standard uncertainties, shape (n,), or their covariance matrix (n, n).
        uncertainty_of_y: likewise.
        covariance_of_x_and_y: cov(x_i, y_j), shape (n, n); none if not given.
        form: the family of curves.

    Raises:
        InvalidInput: a shape does not match, or the covariance matrix is not one.
        CurveNotFound: the points do not determine the curve.

    Source: ISO/TS 28037:2010, clauses 7, 8 and 10; ISO 6143:2001, annex A; D. York, Earth Planet.
    Sci. Lett. 5 (1969) 320.
    """
    points = _points(x, y, form)
    n = len(points) // 2
    covariance = _block_diagonal(
        _covariance(uncertainty_of_x, n, "uncertainty_of_x"),
        _covariance(uncertainty_of_y, n, "uncertainty_of_y"),
    )
    if covariance_of_x_and_y is not None:
        mixed = _numbers(covariance_of_x_and_y, "covariance_of_x_and_y")
        if mixed.shape != (n, n):
            raise InvalidInput("covariance_of_x_and_y", f"must be {n} by {n}, got {mixed.shape}")
        covariance[:n, n:], covariance[n:, :n] = mixed, mixed.T
        _require_semidefinite(covariance, "covariance_of_x_and_y")
    return _curve(form, points, _fit(form, points, covariance), covariance=covariance)


# ── The adjustment ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Fit:
    coefficients: FloatArray
    covariance: FloatArray
    chi_squared: float
    corrections: FloatArray


def _fit(form: CurveForm, observed: FloatArray, covariance: FloatArray) -> _Fit:
    """Fit a curve in numbers that stay in the range of a float, or say that they do not."""
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return _adjust(form, observed, covariance)
    except FloatingPointError:
        raise CurveNotFound("the points are too far apart to calculate with") from None


def _adjust(form: CurveForm, observed: FloatArray, covariance: FloatArray) -> _Fit:
    """Adjust the points and the coefficients until the points lie on the curve.

    Gauss-Helmert: with g = y - f(x; b) = 0, B = ∂g/∂(x, y), A = -∂f/∂b and M = B V Bᵀ, each step
    solves min (w + A δ)ᵀ M⁻¹ (w + A δ), w = g + B (observed - adjusted), and moves the points by
    -V Bᵀ M⁻¹ (w + A δ). V may be singular (exact x), M may not.
    """
    n = len(observed) // 2
    if n < form.coefficient_count:
        raise InvalidInput("x", f"needs at least {form.coefficient_count} points, got {n}")
    adjusted, b = observed.copy(), form.start(observed[:n], observed[n:])
    for _ in range(MOST_STEPS):
        slopes = form.slopes(adjusted[:n], b)
        # B (observed - adjusted), and V Bᵀ, with B = (-diag f', 1)
        moved = (observed - adjusted)[n:] - slopes * (observed - adjusted)[:n]
        misclosure = adjusted[n:] - form.values(adjusted[:n], b) + moved
        spread = covariance[:, n:] - covariance[:, :n] * slopes
        lower = _root(spread[n:] - slopes[:, None] * spread[:n])
        whitened = np.linalg.solve(lower, form.gradients(adjusted[:n], b))
        target = np.linalg.solve(lower, misclosure)
        step, coefficient_covariance = _least_squares(whitened, target)
        multipliers = np.linalg.solve(lower.T, target - whitened @ step)
        b, previous, adjusted = b + step, adjusted, observed - spread @ multipliers
        if not (np.all(np.isfinite(b)) and np.all(np.isfinite(adjusted))):
            break
        form.check(adjusted[:n])
        if _is_settled(step, b, coefficient_covariance) and _is_settled(
            adjusted - previous, adjusted, covariance
        ):
            chi_squared = float(np.sum((target - whitened @ step) ** 2))
            return _Fit(b, coefficient_covariance, chi_squared, adjusted - observed)
    raise CurveNotFound("the adjustment does not settle: is the form of the curve the right one?")


def _is_settled(step: FloatArray, values: FloatArray, covariance: FloatArray) -> bool:
    noise = SETTLED * np.sqrt(np.diag(covariance)) + NOISE * np.abs(values)
    return bool(np.all(np.abs(step) <= noise))


def _least_squares(design: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the solution of design @ b ≈ target and (designᵀ design)⁻¹, by scaled QR."""
    scale = np.sqrt(np.sum(design**2, axis=0))
    if np.any(scale == 0):
        raise CurveNotFound("the points do not determine the curve: a coefficient has no effect")
    q, r = np.linalg.qr(design / scale)
    diagonal = np.abs(np.diag(r))
    if np.min(diagonal) <= len(design) * np.finfo(float).eps * np.max(diagonal):
        raise CurveNotFound("the points do not determine the curve: too few different x")
    inverse = np.linalg.inv(r) / scale[:, None]
    return inverse @ (q.T @ target), inverse @ inverse.T


def _root(matrix: FloatArray) -> FloatArray:
    """Return the lower Cholesky factor of a covariance matrix of the misclosures."""
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise CurveNotFound("a point, or a combination of points, has no uncertainty") from None


def _curve(
    form: CurveForm,
    observed: FloatArray,
    fit: _Fit,
    *,
    covariance: FloatArray | None = None,
    residual_variance: float | None = None,
) -> CalibrationCurve:
    n = len(observed) // 2
    with np.errstate(over="ignore"):
        of_coefficients = fit.covariance * (1.0 if residual_variance is None else residual_variance)
    if not np.isfinite(of_coefficients).all():
        raise CurveNotFound("the points do not determine the curve: its uncertainty is no float")
    return CalibrationCurve(
        form=form,
        coefficients=tuple(float(b) for b in fit.coefficients),
        covariance=tuple(tuple(float(c) for c in row) for row in of_coefficients),
        degrees_of_freedom=n - form.coefficient_count,
        chi_squared=fit.chi_squared,
        residual_standard_deviation=None if residual_variance is None else sqrt(residual_variance),
        largest_weighted_deviation=(
            None if covariance is None else _largest_weighted(fit.corrections, covariance)
        ),
        interval=(float(np.min(observed[:n])), float(np.max(observed[:n]))),
    )


def _largest_weighted(corrections: FloatArray, covariance: FloatArray) -> float:
    u = np.sqrt(np.diag(covariance))
    return float(np.max(np.abs(corrections[u > 0]) / u[u > 0]))


# ── Checks ───────────────────────────────────────────────────────────────────────────────────


def _points(x: ArrayLike, y: ArrayLike, form: CurveForm) -> FloatArray:
    """Return x and y in one array of shape (2n,)."""
    abscissae, ordinates = _numbers(x, "x"), _numbers(y, "y")
    if abscissae.ndim != 1 or abscissae.shape != ordinates.shape:
        raise InvalidInput("y", f"must match x: {ordinates.shape} and {abscissae.shape}")
    form.check(abscissae)
    return np.concatenate((abscissae, ordinates))


def _covariance(uncertainty: ArrayLike, n: int, field: str) -> FloatArray:
    """Return a covariance matrix, from standard uncertainties or as given."""
    given = _numbers(uncertainty, field)
    if given.shape == (n,):
        if np.any(given < 0):
            raise InvalidInput(field, f"must be ≥ 0, got {float(np.min(given))}")
        if np.any(given > LARGEST_UNCERTAINTY):
            raise InvalidInput(field, f"is too large to be squared, got {float(np.max(given))}")
        return np.diag(given**2)
    if given.shape != (n, n):
        raise InvalidInput(field, f"must have shape ({n},) or ({n}, {n}), got {given.shape}")
    _require_semidefinite(given, field)
    return given


def _require_semidefinite(matrix: FloatArray, field: str) -> None:
    if not np.allclose(matrix, matrix.T, rtol=1e-9, atol=0):
        raise InvalidInput(field, "is not a covariance matrix: not symmetric")
    eigenvalues = np.linalg.eigvalsh(matrix)
    if eigenvalues[0] < -ROUNDING_OF_COVARIANCES * max(abs(eigenvalues[-1]), 1e-300):
        raise InvalidInput(field, "is not a covariance matrix: not positive semidefinite")


def _numbers(values: ArrayLike, field: str) -> FloatArray:
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise InvalidInput(field, "must be numbers") from None
    if array.size == 0:
        raise InvalidInput(field, "there are none")
    if not np.all(np.isfinite(array)):
        raise InvalidInput(field, "must be finite")
    return array


def _block_diagonal(first: FloatArray, second: FloatArray) -> FloatArray:
    zeros = np.zeros((len(first), len(second)))
    return np.block([[first, zeros], [zeros.T, second]])
