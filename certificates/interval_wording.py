"""What the interval analysis says, as sentences: growth, proposal, legal cap, and warnings."""

from collections.abc import Iterator
from typing import Final

from certificates.wording import Bilingual
from procedures.drift import Growth, GrowthStatement, MemberDrift, Unanswered
from procedures.interval_advice import Ground, IntervalAdvice

SHOWS_LITTLE: Final = 0.1  # tolerances per year: a drift that uses the tolerance up in ten years

REASONS = {
    Unanswered.NO_HISTORY: Bilingual("没有校准历史。", "There is no history of calibrations."),
    Unanswered.TOO_FEW_CALIBRATIONS: Bilingual(
        "校准次数少于三次，只凭本件无法估计。",
        "Fewer than three calibrations: on its own the item allows no estimate.",
    ),
    Unanswered.AS_LEFT_UNKNOWN: Bilingual(
        "上次调整之后的示值没有记录，不知现在从何处开始。",
        "The last adjustment left no record of the error it left: where it starts from is unknown.",
    ),
    Unanswered.NO_VALUES: Bilingual(
        "历史中没有任何示值误差的数值。", "The history holds no value of an error."
    ),
    Unanswered.ALREADY_TOO_UNSURE: Bilingual(
        "刚校准之后的合格概率已低于目标：请调整，或放宽允许误差或目标。",
        "The target is missed right after the calibration: adjust the item, or ask less of it.",
    ),
}


def statement_wording(statement: GrowthStatement) -> Bilingual:
    """Return whether time is the risk."""
    if statement.growth is Growth.GROWS:
        return Bilingual(
            "误差随时间增长：时间是风险，间隔应据此确定。",
            "The errors grow with time: time is the risk, and sets the interval.",
        )
    if statement.growth is Growth.NOT_SETTLED:
        return Bilingual(
            "误差是否随时间增长尚无定论：需要更多校准数据。",
            "Whether the errors grow with time is not settled: more calibrations are needed.",
        )
    if statement.unseen_drift is None:
        return Bilingual(
            "未检出随时间的漂移，但这些数据也分辨不出。",
            "No drift is detectable, nor could these data show one.",
        )
    percent = f"{100 * statement.unseen_drift:.2g}"
    if statement.unseen_drift > SHOWS_LITTLE:
        return Bilingual(
            f"未检出漂移；但小于每年允许误差 {percent} % 的漂移用这些数据看不出来。",
            "No drift is detectable; but these data would not show one below "
            f"{percent} % of the tolerance per year.",
        )
    return Bilingual(
        f"未检出漂移：时间不是您的风险。小于每年允许误差 {percent} % 的漂移用这些数据看不出来。",
        "No drift is detectable: time is not your risk. "
        f"A drift below {percent} % of the tolerance per year would go unseen with these data.",
    )


def advice_wording(advice: IntervalAdvice, *, target_reliability: float) -> Bilingual:
    """Return the interval to go by, and why."""
    percent, proposal = f"{100 * target_reliability:g} %", advice.proposal
    months, statistical = advice.months, proposal.advised_months
    match advice.ground:
        case Ground.STATISTICS:
            return Bilingual(
                f"建议间隔 {months} 个月：此间合格概率不低于 {percent}。",
                f"Go by {_months(months)}: until then it is in tolerance with {percent}.",
            )
        case Ground.LEGAL_CAP:
            return Bilingual(
                f"统计上可到 {statistical} 个月，但属强制检定，周期上限 {months} 个月，不得延长。",
                f"The data would allow {_months(statistical)}; the verification is mandatory, "
                f"and its period of {_months(months)} is never extended.",
            )
        case Ground.LEGAL_PERIOD_UNKNOWN:
            return Bilingual(
                f"统计上可到 {statistical} 个月；属强制检定而法定周期未知，不得延长现行周期。",
                f"The data would allow {_months(statistical)}; the verification is mandatory and "
                "its legal period is unknown, so that the period in force is never extended.",
            )
        case Ground.NOTHING_REACHES_THE_TARGET:
            return Bilingual(
                f"不足一个月即低于目标 {percent}：请调整，或放宽允许误差或目标。",
                f"Within a month it falls below {percent}: adjust the item, or ask less of it.",
            )
    reason = REASONS[proposal.reason or Unanswered.NO_HISTORY]
    if months is None:
        return Bilingual(
            reason.zh + "也没有现行周期可沿用。", f"{reason.en} No period is in force either."
        )
    return Bilingual(
        f"{reason.zh}沿用现行周期 {months} 个月。",
        f"{reason.en} The period in force, {_months(months)}, stays.",
    )


def warnings_of(member: MemberDrift, statement: GrowthStatement | None) -> Iterator[Bilingual]:
    """Yield what to be careful of."""
    if member.needless_adjustments:
        count = len(member.needless_adjustments)
        yield Bilingual(
            f"有 {count} 次在误差小于 2u 时做了调整：这只会把校准的噪声加给器具。",
            f"{count} × adjusted at an error smaller than 2u: that only adds the calibration's "
            "noise to the item.",
        )
    if statement is not None and statement.has_equal_intervals:
        yield Bilingual(
            "各次间隔相等：分不清每次送检的阶跃与随时间的游走。",
            "All intervals are alike: a step at each calibration and a walk in time look the same.",
        )
    if member.unanswered is None and member.family_size < 5:
        yield Bilingual(
            "同型器具少于五件：突变的频度无从得知，按保守间隔取值。",
            "Fewer than five like items: how often they jump cannot be known, so the cautious "
            "interval counts.",
        )


def _months(count: int | None) -> str:
    return "1 month" if count == 1 else f"{count} months"
