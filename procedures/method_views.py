"""What an edition and a result say to people, in Chinese and in English."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from procedures.conformity import Verdict
from procedures.edition import (
    Bilingual,
    Case,
    Confidence,
    InForce,
    LimitSegment,
    ProcedureEdition,
    ProcedureKind,
)
from procedures.method import CheckValue, Objection
from procedures.rounding import plain, round_to_step

VERDICTS: Final[Mapping[Verdict, Bilingual]] = {
    Verdict.PASS: Bilingual(zh="合格", en="conforms"),
    Verdict.FAIL: Bilingual(zh="不合格", en="does not conform"),
    Verdict.UNDETERMINED: Bilingual(zh="待定", en="not determined"),
    Verdict.CONDITIONAL_PASS: Bilingual(zh="有条件合格", en="conforms, conditionally"),
    Verdict.CONDITIONAL_FAIL: Bilingual(zh="有条件不合格", en="does not conform, conditionally"),
}
KINDS: Final[Mapping[ProcedureKind, Bilingual]] = {
    ProcedureKind.VERIFICATION: Bilingual(zh="检定", en="verification"),
    ProcedureKind.CALIBRATION: Bilingual(zh="校准", en="calibration"),
    ProcedureKind.IN_SITU: Bilingual(zh="在线/现场校准", en="calibration in situ"),
    ProcedureKind.REMOTE: Bilingual(zh="远程校准", en="remote calibration"),
}
IN_FORCE: Final[Mapping[InForce, Bilingual]] = {
    InForce.YES: Bilingual(zh="有效", en="in force"),
    InForce.NOT_YET: Bilingual(zh="尚未实施", en="not yet in force"),
    InForce.ENDED: Bilingual(zh="已被代替", en="replaced"),
    InForce.UNKNOWN: Bilingual(zh="实施日未知", en="unknown whether in force"),
}
RULES: Final[Mapping[str, Bilingual]] = {
    "simple_acceptance": Bilingual(zh="简单接受", en="simple acceptance"),
    "guarded_acceptance": Bilingual(zh="保护带接受 (w = U)", en="guarded acceptance (w = U)"),
    "jjf_1094": Bilingual(zh="JJF 1094", en="JJF 1094"),
    "no_statement": Bilingual(zh="不作符合性声明", en="no statement of conformity"),
}
MARKS: Final[Mapping[Confidence, Bilingual]] = {
    Confidence.SOURCE: Bilingual(zh="见于来源", en="read in a source"),
    Confidence.KNOWN: Bilingual(zh="已知", en="known"),
    Confidence.UNSURE: Bilingual(zh="未核实", en="unverified"),
}
FIELDS: Final[Mapping[str, Bilingual]] = {
    "edition": Bilingual(zh="版本", en="edition"),
    "title": Bilingual(zh="名称", en="title"),
    "measurand": Bilingual(zh="被测量", en="measurand"),
    "measuring_interval": Bilingual(zh="测量区间", en="measuring interval"),
    "period": Bilingual(zh="周期", en="period"),
    "period_months": Bilingual(zh="周期", en="period"),
    "period_cases": Bilingual(zh="分级周期", en="periods of classes"),
    "classes": Bilingual(zh="准确度等级", en="accuracy classes"),
    "maximum_permissible_error": Bilingual(zh="最大允许误差", en="maximum permissible errors"),
    "test_points": Bilingual(zh="测试点", en="test points"),
    "further_tests": Bilingual(zh="其他项目", en="further tests"),
    "readings": Bilingual(zh="读数与重复次数", en="readings and repeats"),
    "derived": Bilingual(zh="导出量", en="derived quantities"),
    "summaries": Bilingual(zh="汇总量", en="summaries"),
    "checks": Bilingual(zh="检定项目", en="checks"),
    "inspections": Bilingual(zh="检查项目", en="inspections"),
    "environment": Bilingual(zh="环境条件", en="environment"),
    "standards": Bilingual(zh="标准器", en="standards"),
    "ratio": Bilingual(zh="标准器比值", en="ratio to the standard"),
    "model": Bilingual(zh="测量模型", en="measurement model"),
    "contributors": Bilingual(zh="不确定度来源", en="contributors"),
    "rounding": Bilingual(zh="修约", en="rounding"),
    "conformity": Bilingual(zh="符合性判定", en="conformity"),
    "certificates": Bilingual(zh="证书", en="certificates"),
    "parameters": Bilingual(zh="参数", en="parameters"),
    "options": Bilingual(zh="选项", en="options"),
    "in_force_from": Bilingual(zh="实施日", en="first day in force"),
}


def field_title(path: str) -> Bilingual:
    """Return what a field of an edition is called, with the part of it that is meant.

    >>> field_title("classes.0.3").en
    'accuracy classes: 0.3'
    """
    name, _, part = path.partition(".")
    title = FIELDS.get(name, Bilingual(zh=name, en=name))
    if not part:
        return title
    return Bilingual(zh=f"{title.zh}: {part}", en=f"{title.en}: {part}")


def limit_text(value: CheckValue) -> str:
    """Return a limit as it is written: ±, ≤ or ≥, with a + where it is at least that.

    An unknown limit is a question mark, no requirement a dash.
    """
    if value.sense == "none":
        return "—"
    if value.limit is None:
        return "?"
    figure = plain(round_to_step(value.limit, "0.0000001"))
    if value.sense == "at_least":
        return f"≥ {figure}"
    return f"± {figure}{'+' if value.limit_is_lower_bound else ''}"


def objection_sentence(edition: ProcedureEdition, objection: Objection) -> Bilingual:
    """Return why nothing is decided, as one sentence in each language."""
    what, _, name = objection.field.partition(".")
    match what:
        case "environment":
            return _of_environment(edition, objection, name)
        case "ratio":
            return Bilingual(
                zh=f"标准器与被检器具之比 {objection.actual:.4g} 超过 {objection.highest:.4g}",
                en=f"the standard's ratio {objection.actual:.4g} exceeds {objection.highest:.4g}",
            )
        case "measuring_interval":
            at = f"{objection.nominal:g} {edition.test_points.unit}"
            return Bilingual(
                zh=f"点 {at} 不在测量区间内", en=f"{at} lies outside the measuring interval"
            )
        case "readings" | "inspections" | "checks":
            return _of_requirement(edition, objection, what, name)
    return _of_points(edition, objection, name)


def _of_requirement(
    edition: ProcedureEdition, objection: Objection, what: str, name: str
) -> Bilingual:
    at = "" if objection.nominal is None else f"{objection.nominal:g}"
    if what == "inspections":
        title = next(row.title for row in edition.inspections if row.name == name)
        return Bilingual(zh=f"“{title.zh}”没有记录", en=f"nobody has recorded “{title.en}”")
    if what == "checks":
        title = edition.check(name.removesuffix(".limit")).title
        return Bilingual(
            zh=f"“{title.zh}”在点 {at} 的限值未知, 不能判定",
            en=f"the limit of “{title.en}” at {at} is not known: it cannot be judged",
        )
    label = next(row.label for row in edition.readings if row.symbol == name)
    count = f"{objection.actual:g} < {objection.lowest:g}"
    return Bilingual(
        zh=f"点 {at} 的“{label.zh}”重复次数不足: {count}",
        en=f"too few repeats of “{label.en}” at {at}: {count}",
    )


def _of_environment(edition: ProcedureEdition, objection: Objection, name: str) -> Bilingual:
    condition = next(row for row in edition.environment if row.name == name)
    allowed = interval_text(objection.lowest, objection.highest, condition.unit)
    if objection.actual is None:
        return Bilingual(
            zh=f"{condition.title.zh}没有记录 (要求 {allowed})",
            en=f"{condition.title.en} is not recorded (required: {allowed})",
        )
    return Bilingual(
        zh=f"{condition.title.zh} {objection.actual:g} {condition.unit} 超出 {allowed}",
        en=f"{condition.title.en} {objection.actual:g} {condition.unit} is outside {allowed}",
    )


def _of_points(edition: ProcedureEdition, objection: Objection, name: str) -> Bilingual:
    """Say which point or test is missing."""
    test_name = name.removesuffix("at_least").rstrip(".")
    test = next((row for row in edition.further_tests if row.name == test_name), None)
    title = test.title if test else None
    if objection.actual is not None:
        count = f"{objection.actual:g} < {objection.lowest:g}"
        return Bilingual(
            zh=f"{title.zh if title else ''}点数不足: {count}",
            en=f"too few points{f' of {title.en}' if title else ''}: {count}",
        )
    if objection.nominal is None:
        return Bilingual(
            zh=f"没有做“{title.zh if title else '主要项目'}”",
            en=f"“{title.en if title else 'the main test'}” was not done",
        )
    unit = (test or edition.test_points).unit
    return Bilingual(
        zh=f"缺少测试点 {objection.nominal:g} {unit}{f' ({title.zh})' if title else ''}",
        en=f"the point at {objection.nominal:g} {unit} is missing"
        f"{f' ({title.en})' if title else ''}",
    )


def interval_text(lowest: float | str | None, highest: float | str | None, unit: str) -> str:
    """Return an interval with its unit: (15 ~ 25) °C, ≤ 85 %, ≥ 2 h."""
    low, high = (
        end if isinstance(end, str) or end is None else f"{end:g}" for end in (lowest, highest)
    )
    if low is None:
        return f"≤ {high} {unit}".rstrip()
    if high is None:
        return f"≥ {low} {unit}".rstrip()
    return f"({low} ~ {high}) {unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What options, conditions and their choices are called, by their names and words."""

    titles: Mapping[str, Bilingual]
    choices: Mapping[tuple[str, str], Bilingual]

    def title(self, name: str) -> Bilingual:
        """Return what an option or condition is called; its name where nothing is."""
        return self.titles.get(name, Bilingual(zh=name, en=name))

    def word(self, name: str, word: str) -> Bilingual:
        """Return what a choice is called; the word itself where nothing is."""
        return self.choices.get((name, word), Bilingual(zh=word, en=word))


def vocabulary(edition: ProcedureEdition) -> Vocabulary:
    """Return what the options and conditions of an edition are called."""
    titles = {option.name: option.title for option in edition.options}
    choices = {
        (option.name, word): said
        for option in edition.options
        for word, said in option.choices.items()
    }
    for test in edition.tests:
        for condition in test.conditions:
            titles[condition.name] = condition.title
            choices |= {(condition.name, word): said for word, said in condition.said.items()}
    return Vocabulary(titles, choices)


def case_text(case: Case, known: Vocabulary) -> Bilingual:
    """Return for which classes and choices something holds, in words; empty for all."""
    zh, en = [], []
    if case.classes:
        zh.append(f"{'、'.join(case.classes)} 级")
        en.append(f"class {', '.join(case.classes)}")
    for name, words in case.where.items():
        title, said = known.title(name), [known.word(name, word) for word in words]
        zh.append(f"{title.zh} {'、'.join(word.zh for word in said)}")
        en.append(f"{title.en} {', '.join(word.en for word in said)}")
    return Bilingual(zh=", ".join(zh), en=", ".join(en))


def segment_case(segment: LimitSegment, known: Vocabulary) -> Bilingual:
    """Return for what a limit holds, in words: classes, choices and bounds; empty for all."""
    case, bounds = case_text(segment, known), " ".join(_bounds(segment))
    return Bilingual(
        zh=", ".join(part for part in (case.zh, bounds) if part),
        en=", ".join(part for part in (case.en, bounds) if part),
    )


def _bounds(segment: LimitSegment) -> Iterator[str]:
    below = ("<", segment.below) if segment.below else ("≤", segment.up_to)
    if segment.from_ or segment.above:
        yield f"{segment.from_ or segment.above} {'≤' if segment.from_ else '<'}"
    if segment.from_ or segment.above or below[1]:
        yield segment.of
    if below[1]:
        yield f"{below[0]} {below[1]}"
