"""A lot of like instruments as a question, and its life as the answer; nothing is stored."""

import json
from math import floor
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, ValidationError

from procedures.errors import InvalidInput
from procedures.lots import (
    AtAge,
    LotLife,
    LotStatus,
    NoLife,
    evaluate_status,
    exponential_rate,
    fit_life,
)
from service.errors import InvalidField
from service.exchange.budget_answer import Said
from service.exchange.budget_request import NotNegative, Positive, Strict

MOST_ROWS: Final = 500
MOST_INSTRUMENTS: Final = 10**7  # of one row
POINTS: Final = 13  # of the curve
REJECTED: Final = 0.05  # p below which a constant rate is not told
Share = Annotated[float, Field(strict=True, gt=0, lt=1)]


class LotRow(Strict):
    """Instruments that fared alike: good at `after`, found failed by `by`; null: not failed."""

    after: NotNegative
    by: Positive | None = None
    count: Annotated[int, Field(strict=True, ge=1, le=MOST_INSTRUMENTS)] = 1


class LotRequest(Strict):
    """What became of a lot in use, and what is asked of it; all ages are in one `unit`."""

    rows: Annotated[list[LotRow], Field(min_length=1, max_length=MOST_ROWS)]
    unit: Annotated[str, Field(min_length=1, max_length=20)] = "a"
    target_reliability: Annotated[
        Share, Field(description="R that the lot shall keep: 0.95, not 95.")
    ] = 0.95
    confidence: Annotated[Share, Field(description="Of the two-sided limits.")] = 0.9
    next_age: Annotated[Positive, Field(description="When the lot is looked at next.")]
    latest: Annotated[
        Positive, Field(description="The age by which it is replaced in any case (到期轮换).")
    ]


class ReliabilityTold(BaseModel):
    """R at an age with its limits; `estimate` is null where nothing has failed."""

    age: float
    estimate: float | None
    low: float
    high: float
    is_extrapolated: bool


class RateTold(BaseModel):
    """A constant rate of failure per instrument and unit of age, where none is rejected."""

    estimate: float | None
    low: float
    high: float


class ReplacementTold(BaseModel):
    """Until which age the lower limit holds the target; `best_estimate` until which R does."""

    age: float
    best_estimate: float | None
    is_limited_by_latest: bool
    is_extrapolated: bool


class LotAnswer(BaseModel):
    """The life of a lot, what is to be done with it, and when it is to be replaced.

    `scale` and `shape` are η and β of Weibull's R = exp(-(t/η)^β), null with the `reason` where
    there is no estimate; `p_exponential` is that of β = 1 against any β.
    """

    instruments: int
    failures: int
    oldest: float
    unit: str
    scale: float | None
    shape: float | None
    reason: NoLife | None
    p_exponential: float | None
    constant_rate: RateTold | None
    target_reliability: float
    confidence: float
    status: LotStatus
    at_next_age: ReliabilityTold
    replacement: ReplacementTold
    curve: list[ReliabilityTold]
    sentences: list[Said]


def answer(said: LotRequest) -> LotAnswer:
    """Return the life of a lot by maximum likelihood, its status and when it is replaced.

    Raises:
        InvalidField: a row cannot be so; points at it.
    """
    life = fit_life([_row(row, i) for i, row in enumerate(said.rows)])
    status = evaluate_status(
        life,
        next_age=said.next_age,
        target_reliability=said.target_reliability,
        confidence=said.confidence,
    )
    replaced = life.replacement_age(
        said.target_reliability, confidence=said.confidence, latest=said.latest
    )
    farthest = max(said.next_age, said.latest, life.oldest)
    told = LotAnswer(
        instruments=life.instruments,
        failures=life.failures,
        oldest=life.oldest,
        unit=said.unit,
        scale=life.scale,
        shape=life.shape,
        reason=life.reason,
        p_exponential=life.p_exponential,
        constant_rate=_rate(life, said),
        target_reliability=said.target_reliability,
        confidence=said.confidence,
        status=status.status,
        at_next_age=_at(life, said.next_age, said.confidence),
        replacement=ReplacementTold(
            age=replaced.age,
            best_estimate=replaced.best_estimate,
            is_limited_by_latest=replaced.is_limited_by_latest,
            is_extrapolated=replaced.is_extrapolated,
        ),
        curve=[
            _at(life, farthest * step / POINTS, said.confidence) for step in range(1, POINTS + 1)
        ],
        sentences=[],
    )
    return told.model_copy(update={"sentences": list(_sentences(told))})


def read_lot(text: str) -> LotRequest:
    """Read a lot from JSON: the same as the door takes.

    Raises:
        InvalidField: it is no JSON, or something in it cannot be so.
    """
    try:
        said: Any = json.loads(text)
    except ValueError as error:
        raise InvalidField("", f"no JSON: {error}") from None
    try:
        return LotRequest.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidField("/" + "/".join(map(str, first["loc"])), first["msg"]) from None


def _row(row: LotRow, position: int) -> AtAge:
    try:
        return AtAge(after=row.after, by=row.by, count=row.count)
    except InvalidInput as error:
        raise InvalidField(f"/rows/{position}/{error.field}", error.reason) from error


def _at(life: LotLife, age: float, confidence: float) -> ReliabilityTold:
    found = life.reliability(age, confidence=confidence)
    return ReliabilityTold(
        age=age,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        is_extrapolated=found.is_extrapolated,
    )


def _rate(life: LotLife, said: LotRequest) -> RateTold | None:
    """Return the constant rate where the lot does not speak against one."""
    if life.reason is NoLife.ONLY_FAILURES_AT_ONCE:
        return None
    if life.p_exponential is not None and life.p_exponential < REJECTED:
        return None
    exposure = sum(row.count * (row.after if row.by is None else row.by) for row in said.rows)
    rate = exponential_rate(life.failures, exposure, confidence=said.confidence)
    return RateTold(estimate=rate.estimate, low=rate.low, high=rate.high)


# ── In words ─────────────────────────────────────────────────────────────────────────────────

STATUSES: Final[dict[LotStatus, tuple[str, str]]] = {
    LotStatus.KEEP: (
        "可继续使用：至 {age} {unit}，可靠度下限 {low} 不低于目标 {target}。",
        "Keep it: at {age} {unit} the lower limit of R, {low}, holds the target {target}.",
    ),
    LotStatus.WATCH: (
        ("应加强关注：至 {age} {unit}，目标 {target} 落在可靠度的限值之内（下限 {low}），"
        "数据尚不足以判定；宜提前抽检或增加样本。"),
        ("Watch it: at {age} {unit} the data do not settle whether R holds the target {target} "
        "(lower limit {low}). Look sooner, or at more instruments."),
    ),
    LotStatus.REPLACE: (
        "应予更换：至 {age} {unit}，可靠度估计值已低于目标 {target}（下限 {low}）。",
        ("Replace it: at {age} {unit} the estimate of R falls below the target {target} "
        "(lower limit {low})."),
    ),
}  # fmt: skip
REASONS: Final[dict[NoLife, tuple[str, str]]] = {
    NoLife.NO_FAILURES: (
        "尚无失效：没有寿命的点估计，仅有单侧限值，且以失效率恒定为前提。",
        (
            "Nothing has failed: there is no estimate of the life, only a one-sided limit, which "
            "holds for a constant rate."
        ),
    ),
    NoLife.ONLY_FAILURES_AT_ONCE: (
        "全部在首次检查时即已失效，且无更早的合格记录：无法估计寿命。",
        "All had failed when they were first looked at: their life cannot be estimated.",
    ),
}


def _sentences(told: LotAnswer) -> list[Said]:
    """Return what the answer comes to, the status first."""
    facts = {
        "age": f"{told.at_next_age.age:g}",
        "unit": told.unit,
        "low": f"{told.at_next_age.low:.3f}",
        "target": f"{told.target_reliability:g}",
        "replaced": f"{floor(10 * told.replacement.age) / 10:g}",  # never later than it holds
    }
    lines = [STATUSES[told.status]]
    if told.reason is not None:
        lines.append(REASONS[told.reason])
    elif told.shape is not None and told.p_exponential is not None:
        lines.append(_of_shape(told.shape, told.p_exponential))
    if told.replacement.is_limited_by_latest:
        lines.append(
            (
                "适前更换：以规定的最长使用年限 {replaced} {unit} 为限，数据未要求更早。",
                (
                    "Replace it at {replaced} {unit}, the latest allowed: the data ask for nothing "
                    "sooner."
                ),
            )
        )
    else:
        lines.append(
            (
                "适前更换：不迟于 {replaced} {unit}，此前可靠度下限不低于目标 {target}。",
                (
                    "Replace it by {replaced} {unit}: until then the lower limit of R holds the "
                    "target {target}."
                ),
            )
        )
    if told.at_next_age.is_extrapolated or told.replacement.is_extrapolated:
        lines.append(
            (
                "所述年限超出已观测最大年限的 1.5 倍，属外推。",
                "These ages lie more than half again beyond the oldest one seen: extrapolated.",
            )
        )
    return [Said(zh=zh.format(**facts), en=en.format(**facts)) for zh, en in lines]


def _of_shape(shape: float, p_exponential: float) -> tuple[str, str]:
    if p_exponential >= REJECTED:
        return (
            f"数据与失效率恒定不矛盾（p = {p_exponential:.2f}）。",
            f"The data do not speak against a constant rate (p = {p_exponential:.2f}).",
        )
    if shape > 1:
        return (
            f"呈磨损型失效（β = {shape:.2f}），失效率随使用年限上升。",
            f"They wear out (β = {shape:.2f}): the rate of failure grows with age.",
        )
    return (
        f"呈早期失效（β = {shape:.2f}），失效率随使用年限下降。",
        f"They fail early (β = {shape:.2f}): the rate of failure falls with age.",
    )


EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "electricity_meters": {
        "summary": "400 electricity meters looked at after 2, 4, 6 and 8 years; 24 had failed",
        "value": {
            "rows": [
                {"after": 0, "by": 2, "count": 1},
                {"after": 2, "by": 4, "count": 3},
                {"after": 4, "by": 6, "count": 8},
                {"after": 6, "by": 8, "count": 12},
                {"after": 8, "count": 376},
            ],
            "next_age": 9,
            "latest": 16,
            "target_reliability": 0.9,
        },
    },
    "nothing_failed": {
        "summary": "Nothing has failed yet: a limit, and no estimate",
        "value": {"rows": [{"after": 5, "count": 60}], "next_age": 6, "latest": 8},
    },
}
