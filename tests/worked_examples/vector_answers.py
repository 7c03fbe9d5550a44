"""What our public functions answer to each kind of vector in tests/data/vectors.json.

One function a kind: it takes the vector as read and returns numbers in the shape of its `expected`.
"""

from collections.abc import Callable, Mapping
from math import inf, isinf
from typing import Any

from procedures import comparisons, conformity, curves, intervals, observations, risks
from procedures.budget import evaluate
from procedures.coverage import coverage_factor, trapezoidal_coverage_factor
from procedures.errors import ProcedureError
from procedures.models import compile_model
from procedures.monte_carlo import simulate
from procedures.multivariate import (
    ComplexQuantity,
    complex_degrees_of_freedom,
    evaluate_all,
    evaluate_complex,
)
from procedures.quantities import (
    Correlation,
    CurvilinearTrapezoidal,
    Distribution,
    Ensemble,
    Exponential,
    Gamma,
    InputQuantity,
    Normal,
    Rectangular,
    StudentT,
    Trapezoidal,
    Triangular,
    UShaped,
)
from procedures.rounding import report, shorthand

Vector = Mapping[str, Any]


def distribution_of(item: Vector) -> Distribution:
    makers: dict[str, Callable[[Vector], Distribution]] = {
        "normal": lambda d: Normal(d["mean"], d["sd"]),
        "t": lambda d: StudentT(d["mean"], d["scale"], d["dof"]),
        "rect": lambda d: Rectangular(d["low"], d["high"]),
        "tri": lambda d: Triangular(d["low"], d["high"]),
        "u_shaped": lambda d: UShaped(d["low"], d["high"]),
        "trapezoid": lambda d: Trapezoidal(d["low"], d["high"], d["beta"]),
        "ctrap": lambda d: CurvilinearTrapezoidal(d["low"], d["high"], d["d"]),
        "exponential": lambda d: Exponential(d["mean"]),
        "gamma": lambda d: Gamma(d["shape"], d["scale"]),
    }
    return makers[item["dist"]](item)


def quantity_of(symbol: str, item: Vector) -> InputQuantity:
    if "dist" in item:
        # a t-distribution carries its own ν; elsewhere `dof` is that of the stated limits
        nu = inf if item["dist"] == "t" else item.get("dof", inf)
        return InputQuantity.distributed(symbol, distribution_of(item), degrees_of_freedom=nu)
    return InputQuantity(
        symbol=symbol,
        estimate=float(item["value"]),
        standard_uncertainty=item["u"],
        degrees_of_freedom=item.get("dof", inf),
    )


def budget(vector: Vector) -> dict[str, Any]:
    inputs = [quantity_of(symbol, item) for symbol, item in vector["inputs"].items()]
    model = compile_model(vector["models"], [x.symbol for x in inputs])
    result = evaluate_all(
        model,
        inputs,
        correlations=[Correlation(*pair) for pair in vector["correlations"]],
        ensembles=[Ensemble(tuple(g["names"]), g["dof"]) for g in vector["dof_groups"]],
    )
    answer: dict[str, Any] = {
        "_correlation": {
            f"{a},{b}": result.correlation(a, b) for a in model.outputs for b in model.outputs
        }
    }
    for one in result.budgets:
        nu = one.effective_degrees_of_freedom
        p = vector["expected"][one.output].get("coverage", {}).get("p", 0.95)
        truncated, real = (one.coverage_factor(p, truncated=flag) for flag in (True, False))
        u = one.combined_standard_uncertainty
        answer[one.output] = {
            "y": one.estimate,
            "u": u,
            "U_k2": one.expanded_uncertainty(2),
            "dof_eff": "inf" if nu is not None and isinf(nu) else nu,
            "coverage": {
                "p": p,
                "k": truncated,
                "U": truncated * u,
                "k_dof_truncated": truncated,
                "U_dof_truncated": truncated * u,
                "k_dof_real": real,
                "U_dof_real": real * u,
            },
            "components_signed": {row.symbol: row.component for row in one.contributions},
        }
    return answer


def monte_carlo(vector: Vector) -> dict[str, Any]:
    inputs = [quantity_of(symbol, item) for symbol, item in vector["inputs"].items()]
    model = compile_model(vector["models"], [x.symbol for x in inputs])
    answer = {}
    for output in model.outputs:
        p = vector["expected"][output]["p"]
        result = simulate(
            model,
            inputs,
            seed=20,
            correlations=[Correlation(*pair) for pair in vector["correlations"]],
            output=output,
            coverage_probability=p,
            rule="fixed",
            trials=4 * vector["trials_at_least"],
        )
        answer[output] = {
            "mean": result.estimate,
            "u": result.standard_uncertainty,
            "p": p,
            "symmetric": [result.symmetric.low, result.symmetric.high],
            "shortest": [result.shortest.low, result.shortest.high],
            "sym_lo": result.symmetric.low,
            "sym_hi": result.symmetric.high,
            "short_lo": result.shortest.low,
            "short_hi": result.shortest.high,
        }
    return answer


def trapezoid(vector: Vector) -> dict[str, Any]:
    shape = distribution_of(vector["distribution"])
    k = trapezoidal_coverage_factor(vector["p"], vector["distribution"]["beta"])
    return {"k": k, "half_width": k * shape.standard_uncertainty}


def coverage_factors(vector: Vector) -> dict[str, Any]:
    expected = vector["expected"]
    if "items" in expected:
        return {
            "items": [
                row | {"k": coverage_factor(row["p"], row["dof"], truncated=False)}
                for row in expected["items"]
            ]
        }
    p = expected["p"]
    return {"p": p, "k": {nu: coverage_factor(p, float(nu)) for nu in expected["k"]}}


def complex_sum(vector: Vector) -> dict[str, Any]:
    terms = list(zip(vector["covariances"], vector["dofs"], strict=True))
    inputs = [
        ComplexQuantity(
            symbol=f"x{i}",
            estimate=0j,
            covariance=(tuple(v[0]), tuple(v[1])),
            degrees_of_freedom=nu,
        )
        for i, (v, nu) in enumerate(terms, start=1)
    ]
    result = evaluate_complex(vector["model"], inputs)
    return {"cov": result.covariance, "dof": complex_degrees_of_freedom(terms)}


def distributions(vector: Vector) -> dict[str, Any]:
    items = vector["expected"]["items"]
    return {"items": [i | {"u": distribution_of(i).standard_uncertainty} for i in items]}


def reporting(vector: Vector) -> dict[str, Any]:
    y, u, unit, p = vector["y"], vector["u"], vector["unit"], vector["p"]
    k = coverage_factor(p, vector["dof"])
    stated = report(y, k * u, unit=unit, coverage_factor=k, coverage_probability=p)
    return {
        "k": k,
        "U": k * u,
        "shorthand": shorthand(y, u, unit=unit),
        "expanded": str(stated),
    }


def refusal(vector: Vector) -> str:
    """Every expression or input set of the vector is refused by name, or this says which not."""
    for text in vector.get("expressions", []):
        try:
            compile_model(text, list(vector["inputs"]))
        except ProcedureError:
            continue
        return f"accepted: {text}"
    plain = {"a": {"value": 1.0, "u": 0.1}, "b": {"value": 1.0, "u": 0.1}}
    for case in vector.get("cases", []):
        try:
            inputs = [quantity_of(s, i) for s, i in (plain | case.get("inputs", {})).items()]
            model = compile_model("a + b", [x.symbol for x in inputs])
            evaluate(
                model, inputs, correlations=[Correlation(*c) for c in case.get("correlations", [])]
            )
        except ProcedureError:
            continue
        return f"accepted: {case['why']}"
    return str(vector["expected"])


def type_a(vector: Vector) -> dict[str, Any]:
    if "groups" in vector:
        groups = vector["groups"]
        pooled = observations.pooled_standard_deviation(
            [g["s"] for g in groups], [g["n"] for g in groups]
        )
        return {
            "s_pooled": pooled.standard_deviation,
            "dof": pooled.degrees_of_freedom,
            "u_mean_of_2": pooled.of_mean(2),
        }
    result = observations.repeated_observations(vector["observations"])
    return {
        "mean": result.mean,
        "s": result.experimental_standard_deviation,
        "u": result.standard_uncertainty,
        "dof": result.degrees_of_freedom,
    }


def anova(vector: Vector) -> dict[str, Any]:
    result = observations.one_way_anova(vector["groups"])
    return {
        "grand_mean": result.mean,
        "MS_between": result.mean_square_between,
        "MS_within": result.mean_square_within,
        "F": result.f_statistic,
        "p": result.p_value,
        "F_crit_95": result.critical_f(significance=0.05),
        "n0": result.effective_group_size,
        "s_within": result.standard_deviation_within,
        "s_between2": result.variance_between,
        "s_between": result.standard_deviation_between,
        "u_star_bb": result.hidden_standard_deviation_between,
        "dof_between": result.degrees_of_freedom_between,
        "dof_within": result.degrees_of_freedom_within,
    }


def _fit(vector: Vector) -> curves.CalibrationCurve:
    if vector["method"] == "ols":
        return curves.fit_ordinary(vector["x"], vector["y"])
    if vector["method"] == "wls":
        return curves.fit_weighted(vector["x"], vector["y"], uncertainty_of_y=vector["u_y"])
    if vector["method"] == "gdr":
        return curves.fit_generalized(
            vector["x"], vector["y"], uncertainty_of_x=vector["u_x"], uncertainty_of_y=vector["u_y"]
        )
    # ISO 6143 writes the analysis function x(y): its ordinate is the content
    x, u_x, y, u_y = zip(*vector["calibration"], strict=True)
    return curves.fit_generalized(y, x, uncertainty_of_x=u_y, uncertainty_of_y=u_x)


def regression(vector: Vector) -> dict[str, Any]:
    curve = _fit(vector)
    answer: dict[str, Any] = {
        "intercept": curve.coefficients[0],
        "slope": curve.coefficients[1],
        "u_intercept": curve.standard_uncertainties[0],
        "u_slope": curve.standard_uncertainties[1],
        "cov": curve.covariance[0][1],
        "correlation": curve.correlation(0, 1),
        "s": curve.residual_standard_deviation,
        "ssr": (curve.residual_standard_deviation or 0.0) ** 2 * curve.degrees_of_freedom,
        "dof": curve.degrees_of_freedom,
        "chi2": curve.chi_squared,
        "chi2_over_dof": curve.chi_squared / curve.degrees_of_freedom,
        "chi2_crit_95": curve.critical_chi_squared(significance=0.05),
        "b": curve.coefficients,
        "u_b": curve.standard_uncertainties,
        "sum_sq": curve.chi_squared,
        "gamma_max_residual": curve.largest_weighted_deviation,
    }
    if vector["method"] == "iso6143_gdr":
        answer["cov"] = curve.covariance
        answer |= dict(zip(("b0", "b1"), curve.coefficients, strict=True))
        answer |= dict(zip(("u_b0", "u_b1"), curve.standard_uncertainties, strict=True))
        answer |= {"S": curve.chi_squared, "Gamma": curve.largest_weighted_deviation}
        found = [curve.predict(y, standard_uncertainty=u) for y, u in vector["measurements"]]
        answer["x"] = [{"value": one.value, "u": one.standard_uncertainty} for one in found]
    if vector["id"] == "GUM-H3":  # H.3.4: the correction at 30 °C, the abscissa being t − 20 °C
        at_30 = curve.predict(10.0)
        answer |= {"b_30": at_30.value, "u_b_30": at_30.standard_uncertainty}
    if "predict" in vector["expected"]:
        answer["predict"] = [_predicted(curve, row) for row in vector["expected"]["predict"]]
    if "inverse" in vector["expected"]:
        answer["inverse"] = [_inverted(curve, row) for row in vector["expected"]["inverse"]]
    return answer


def _predicted(curve: curves.CalibrationCurve, row: Vector) -> dict[str, Any]:
    mean = curve.predict(row["x"])
    single = curve.predict_observation(row["x"])
    return {
        "x": row["x"],
        "y": mean.value,
        "u": mean.standard_uncertainty,
        "mean": mean.value,
        "u_mean": mean.standard_uncertainty,
        "u_single": single.standard_uncertainty,
    }


def _inverted(curve: curves.CalibrationCurve, row: Vector) -> dict[str, Any]:
    point = curve.invert(row["y"], standard_uncertainty=row["u_y"])
    return dict(row) | {"x": point.value, "u_x": point.standard_uncertainty}


def comparison(vector: Vector) -> dict[str, Any]:
    results = [
        comparisons.LaboratoryResult(laboratory=str(i), value=x, standard_uncertainty=u)
        for i, (x, u) in enumerate(zip(vector["x"], vector["u"], strict=True))
    ]
    mean = comparisons.weighted_mean(results)
    laird = comparisons.dersimonian_laird(results)
    mandel = comparisons.mandel_paule(results)
    consistency = mean.consistency
    assert consistency is not None
    return {
        "x_ref": mean.value,
        "u_ref": mean.standard_uncertainty,
        "chi2": consistency.chi_squared,
        "dof": consistency.degrees_of_freedom,
        "p": consistency.p_value,
        "consistent_at_5pct": consistency.holds(significance=0.05),
        "tau_dl": laird.between_laboratory_standard_deviation,
        "x_dl": laird.value,
        "u_dl": laird.standard_uncertainty,
        "tau_mp": mandel.between_laboratory_standard_deviation,
        "x_mp": mandel.value,
        "u_mp": mandel.standard_uncertainty,
        "degrees_of_equivalence": [
            {"d": one.difference, "U": one.expanded_uncertainty(coverage_factor=2)}
            for one in comparisons.degrees_of_equivalence(results, mean)
        ],
    }


def scores(vector: Vector) -> dict[str, Any]:
    items = []
    for row in vector["expected"]["items"]:
        score = comparisons.normalized_error(
            row["x"],
            row["X"],
            expanded_uncertainty=row["U"],
            reference_expanded_uncertainty=row["U_ref"],
        )
        items.append(row | {"En": score.value, "verdict": score.performance.value})
    return {"items": items}


def _process(vector: Vector) -> risks.Process:
    process = vector["process"]
    return risks.Process(mean=process["mean"], standard_deviation=process["sd"])


def global_risk(vector: Vector) -> dict[str, Any]:
    low, high = vector["tolerance"]
    w = vector["guard_band_each_side"]
    result = risks.global_risks(
        _process(vector),
        vector["measurement_sd"],
        tolerance=conformity.ToleranceInterval(lower=low, upper=high),
        acceptance=conformity.AcceptanceInterval(lower=low + w, upper=high - w),
    )
    return {
        "PFA": result.false_acceptance,
        "PFR": result.false_rejection,
        "conditional_PFA": result.conditional_false_acceptance,
        "accepted_fraction": result.accepted_fraction,
    }


def guard_band(vector: Vector) -> dict[str, Any]:
    low, high = vector["tolerance"]
    band = risks.guard_band_for_false_acceptance(
        _process(vector),
        vector["measurement_sd"],
        tolerance=conformity.ToleranceInterval(lower=low, upper=high),
        target=vector["target_PFA"],
    )
    return {"w": band.width}


def guard_band_of_ratio(vector: Vector) -> dict[str, Any]:
    limit = conformity.ToleranceInterval(lower=-1.0, upper=1.0)
    items = []
    for row in vector["expected"]["items"]:
        u = 1 / row["TUR"]
        items.append(
            row
            | {
                "method6": 1 - risks.guard_band_method_6(u, tolerance=limit).width,
                "rss": 1 - risks.guard_band_root_sum_square(u, tolerance=limit).width,
                "test95": 1 - risks.guard_band_of_uncertainty(u).width,
                "rp10": 1 - risks.guard_band_rp_10(u, tolerance=limit).width,
            }
        )
    return {"items": items}


def specific_risk(vector: Vector) -> dict[str, Any]:
    items = []
    for row in vector["expected"]["items"]:
        if "r" in row:
            items.append(row | {"risk": risks.risk_at_acceptance_limit(row["r"])})
            continue
        limits = conformity.ToleranceInterval(lower=row.get("lower"), upper=row.get("upper"))
        below, above = conformity.tail_probabilities(row["y"], row["u"], limits)
        p = conformity.conformance_probability(row["y"], row["u"], limits)
        answer = {"risk_lower": below, "risk_upper": above, "risk": below + above, "p_conform": p}
        items.append(row | answer)
    return {"items": items}


def interval_of_method_a3(vector: Vector) -> dict[str, Any]:
    tested = intervals.interval_test(
        vector["pass_fail"],
        current_interval=vector["current_interval_days"],
        target_reliability=vector["target_reliability"],
        confidence=vector["confidence"],
    )
    return {
        "interval_days": tested.interval,
        "rejection_confidence": tested.rejection_confidence,
        "reliability_low": tested.reliability_low,
        "reliability_high": tested.reliability_high,
    }


def interval_of_variables(vector: Vector) -> dict[str, Any]:
    drift = intervals.fit_drift(vector["days"], vector["deviations"], order=vector["order"])
    answer: dict[str, Any] = {f"b{i}": b for i, b in enumerate(drift.curve.coefficients, start=1)}
    answer |= {"s": drift.curve.residual_standard_deviation, "cov": drift.curve.covariance}
    if "u_target" in vector:
        until = drift.interval_for_uncertainty(
            vector["u_target"], initial_standard_uncertainty=vector["u0"]
        )
        answer["interval_days"] = until.length
    return answer


def interval_of_reliability(vector: Vector) -> dict[str, Any]:
    rows = zip(vector["weeks"], vector["n"], vector["in_tolerance"], strict=True)
    model = intervals.exponential_reliability(
        intervals.FoundAfter(interval=weeks, calibrations=n, in_tolerance=x) for weeks, n, x in rows
    )
    return {
        "lambda_per_week": model.failure_rate,
        "interval_weeks": model.interval(target_reliability=vector["target"]).length,
        "neg_log_likelihood": model.negative_log_likelihood,
    }


ANSWERS: dict[str, Callable[[Vector], Any]] = {
    "budget": budget,
    "monte_carlo": monte_carlo,
    "coverage_factor": trapezoid,
    "coverage_factor_table": coverage_factors,
    "complex": complex_sum,
    "distribution": distributions,
    "reporting": reporting,
    "refusal": refusal,
    "type_a": type_a,
    "anova": anova,
    "regression": regression,
    "comparison": comparison,
    "scores": scores,
    "conformity_global": global_risk,
    "conformity_specific": specific_risk,
    "guard_band": guard_band,
    "guard_band_tur": guard_band_of_ratio,
    "interval_a3": interval_of_method_a3,
    "interval_variables": interval_of_variables,
    "interval_reliability": interval_of_reliability,
}


def differences(expected: Any, got: Any, path: str = "") -> list[str]:
    """Where an answer differs from what is expected, in words; empty where it nowhere does.

    A number is expected as {value, tol_abs}, and a document's own as the same under `published`.
    """
    if isinstance(expected, dict) and "value" in expected and "tol_abs" in expected:
        close = isinstance(got, int | float) and abs(got - expected["value"]) <= expected["tol_abs"]
        return [] if close else [f"{path}: {expected['value']} ± {expected['tol_abs']}, got {got}"]
    if isinstance(expected, dict):
        return _differences_of_mappings(expected, got, path)
    if isinstance(expected, list):
        if not isinstance(got, list | tuple) or len(got) < len(expected):
            return [f"{path}: {len(expected)} items, got {got}"]
        pairs = enumerate(zip(expected, got, strict=False))
        return [text for i, (e, g) in pairs for text in differences(e, g, f"{path}[{i}]")]
    equal = got == expected
    if isinstance(expected, float) and isinstance(got, float):
        equal = abs(got - expected) <= 1e-6 * abs(expected)
    return [] if equal else [f"{path}: {expected!r}, got {got!r}"]


def _differences_of_mappings(expected: dict[str, Any], got: Any, path: str) -> list[str]:
    if not isinstance(got, Mapping):
        return [f"{path}: nothing was answered"]
    found = []
    for key, part in expected.items():
        if key == "published":
            found += differences(part, got, f"{path}.published")
        elif key not in {"basis", "notes", "exact", "published_x"}:
            found += differences(part, got.get(key), f"{path}.{key}")
    return found
