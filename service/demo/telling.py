"""Tells the story in a terminal, in Chinese or English: what happened, and what to open next."""

import os
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from procedures.conformity import Verdict
from procedures.rounding import plain, round_to_step, round_uncertainty
from service.demo.story import SEAL_FILE, SYMBOLS, Story
from traceability.chain import ChainStep
from traceability.errors import TraceabilityBroken
from traceability.standards import Ineligibility

VERDICTS = {
    Verdict.PASS: ("合格", "pass"),
    Verdict.FAIL: ("不合格", "fail"),
    Verdict.UNDETERMINED: ("待定", "undetermined"),
}
REASONS = {
    Ineligibility.NOT_YET_CALIBRATED: ("尚未校准", "not calibrated yet"),
    Ineligibility.EXPIRED: ("已过有效期", "expired"),
    Ineligibility.SUPERSEDED: ("证书已被替代", "superseded"),
    Ineligibility.OUT_OF_SERVICE: ("停用", "out of service"),
    Ineligibility.FAILED: ("检定不合格", "failed its verification"),
    Ineligibility.UNIT_MISMATCH: ("单位不同", "another unit"),
    Ineligibility.RANGE_NOT_COVERED: ("测量范围不覆盖", "range not covered"),
    Ineligibility.UNCERTAINTY_UNKNOWN: ("不确定度未知", "uncertainty unknown"),
    Ineligibility.PERMISSIBLE_ERROR_UNKNOWN: (
        "最大允许误差未知",
        "maximum permissible error unknown",
    ),
    Ineligibility.RATIO_UNKNOWN: ("比例未知", "ratio unknown"),
    Ineligibility.RATIO_EXCEEDS_RULE: ("比例超出规程", "ratio above the rule"),
}
ENDS = {
    "si_realisation": ("SI 单位复现", "SI realisation"),
    "crm_certification": ("标准物质定值", "certified reference material"),
    "recognized_certificate": ("获承认实验室的证书", "certificate of a recognized laboratory"),
}
MEANINGS = {
    "calibrated": ("检定员", "verified by"),
    "checked": ("核验员", "checked by"),
    "approved": ("批准人", "approved by"),
}


class Teller:
    """Writes to a console in one language; plain text where there is no terminal."""

    def __init__(self, console: Console, language: str) -> None:
        self.console = console
        self.language = language

    def say(self, zh: str, en: str) -> str:
        """Return the text in the teller's language."""
        return zh if self.language == "zh" else en

    def line(self, zh: str, en: str) -> None:
        """Write one line."""
        self.console.print(self.say(zh, en), highlight=False, soft_wrap=True)

    def heading(self, number: int, zh: str, en: str) -> None:
        """Begin a step of the story."""
        self.console.print(f"\n[bold]{number}. {self.say(zh, en)}[/bold]", highlight=False)

    def table(self, *columns: tuple[str, str]) -> Table:
        """Return an empty table with columns in the teller's language."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        for zh, en in columns:
            table.add_column(self.say(zh, en))
        return table


def language_of_locale() -> str:
    """Return zh where the environment's locale is Chinese, else en."""
    names = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "zh" if next((name for name in names if name), "").startswith("zh") else "en"


def tell(teller: Teller, story: Story) -> None:
    """Tell the whole story, step by step."""
    for step in (
        _tell_due,
        _tell_order,
        _tell_standards,
        _tell_readings,
        _tell_budget,
        _tell_verdict,
        _tell_signatures,
        _tell_certificate,
        _tell_chain,
        _tell_found,
    ):
        step(teller, story)


def tell_refusal(teller: Teller, refusal: TraceabilityBroken) -> None:
    """Tell that a certificate was asked for and refused, and why."""
    teller.heading(11, "拒绝出证", "A certificate is refused")
    for found in refusal.breaks:
        teller.line(f"   [red]{found.flaw.value}[/red]", f"   [red]{found.flaw.value}[/red]")
    teller.line(
        "   测量记录保留,未签发证书,也未占用编号",
        "   the measurement stays on record; no certificate, and no number used",
    )


def tell_files(teller: Teller, paths: Iterable[Path]) -> None:
    """Name the files that were written."""
    paths = list(paths)
    for path in paths:
        teller.line(f"   已写入 {path}", f"   written {path}")
    proof = next(path for path in paths if path.suffix == ".proof")
    command = f"./suyuan authenticate {proof.with_suffix('.*')} --key {proof.with_name(SEAL_FILE)}"
    teller.line(f"   离线查验:{command}", f"   authenticate offline: {command}")


def _tell_due(teller: Teller, story: Story) -> None:
    today = story.calibration.performed_on
    teller.heading(
        1,
        f"{today},三十天内到期的计量器具",
        f"{today}: instruments due within thirty days",
    )
    table = teller.table(
        ("器具", "item"),
        ("出厂编号", "serial no."),
        ("到期", "due on"),
        ("天", "days"),
    )
    for item, due_on in story.due:
        name = teller.say(item.name_zh, item.name_en)
        mark = " ←" if item.id == story.calibration.item_id else ""
        table.add_row(name, item.serial_number, str(due_on), f"{(due_on - today).days}{mark}")
    teller.console.print(table)


def _tell_order(teller: Teller, story: Story) -> None:
    item = story.content.item
    teller.heading(2, "委托单", "Work order")
    teller.line(
        f"   {story.order.number}:{item.name_zh} {item.type_designation}, "
        f"出厂编号 {item.serial_number},按 {story.edition.name} 检定",
        f"   {story.order.number}: {item.name_en} {item.type_designation}, "
        f"serial {item.serial_number}, to be verified by {story.edition.name}",
    )


def _tell_standards(teller: Teller, story: Story) -> None:
    teller.heading(3, "可用的计量标准", "Which standards may be used")
    table = teller.table(
        ("计量标准", "standard"), ("证书", "certificate"), ("有效期至", "valid until"),
        ("允差比", "MPE ratio"), ("规程上限", "rule"), ("可用", "eligible"),
    )  # fmt: skip
    for proposal in story.proposals:
        link = proposal.candidate.link
        reasons = ", ".join(teller.say(*REASONS[reason]) for reason in proposal.reasons)
        table.add_row(
            teller.say(link.item_name_zh, link.item_name_en),
            link.certificate_number or "—",
            str(link.valid_until or "—"),
            "—" if proposal.ratio is None else f"{proposal.ratio:.3f}",
            "—" if proposal.ratio_limit is None else f"{proposal.ratio_limit:g}",
            reasons or teller.say("✓ 是", "✓ yes"),
        )
    teller.console.print(table)


def _tell_readings(teller: Teller, story: Story) -> None:
    environment = story.readings.environment
    teller.heading(4, "示值读数 (MPa)", "Readings (MPa)")
    table = teller.table(
        ("标称值", "nominal"), ("升压 轻敲前", "rising"), ("轻敲后", "tapped"),
        ("降压 轻敲前", "falling"), ("轻敲后", "tapped"),
        ("升压误差", "error rising"), ("降压误差", "error falling"), ("允许", "limit"),
    )  # fmt: skip
    for point, found in zip(story.readings.points, story.result.points, strict=True):
        up, down = found.value("error_up"), found.value("error_down")
        table.add_row(
            f"{point.nominal:g}",
            *(f"{point.readings[symbol]:.2f}" for symbol in SYMBOLS),
            f"{up.reported}",
            f"{down.reported}",
            f"±{_limit(found.maximum_permissible_error)}",
        )
    teller.console.print(table)
    temperature, humidity = environment["temperature"], environment["humidity"]
    teller.line(
        f"   环境 {temperature:g} °C,{humidity:g} %RH,静置 {environment['rest_time']:g} h",
        f"   {temperature:g} °C, {humidity:g} %RH, at rest for {environment['rest_time']:g} h",
    )


def _limit(limit: float | None) -> str:
    return "—" if limit is None else plain(round_to_step(limit, "0.0001"))


def _tell_budget(teller: Teller, story: Story) -> None:
    budget, decisive = story.result.budget, story.result.decisive
    teller.heading(
        5,
        f"不确定度评定 ({decisive.nominal:g} MPa 点)",
        f"Uncertainty budget (at {decisive.nominal:g} MPa)",
    )
    sources = {row.symbol: row.source for row in story.edition.contributors}
    table = teller.table(
        ("来源", "source"), ("类", "type"), ("分布", "distribution"),
        ("u_i / MPa", "u_i / MPa"), ("占比", "share"),
    )  # fmt: skip
    for row in budget.contributions:
        source = sources[row.symbol]
        table.add_row(
            teller.say(source.zh, source.en),
            row.quantity.evaluation,
            next(c.distribution for c in story.edition.contributors if c.symbol == row.symbol),
            f"{row.standard_uncertainty:.6f}",
            "—" if row.share is None else f"{100 * row.share:.1f} %",
        )
    teller.console.print(table)
    u, expanded = budget.combined_standard_uncertainty, story.result.expanded_uncertainty
    told = f"u_c = {u:.6f} MPa, U = {round_uncertainty(expanded)} MPa (k = 2)"
    ratio = f"{story.result.uncertainty_ratio:.3f}"
    teller.line(f"   {told},U/MPEV = {ratio}", f"   {told}, U/MPEV = {ratio}")


def _tell_verdict(teller: Teller, story: Story) -> None:
    teller.heading(6, "结论", "Verdict")
    table = teller.table(
        ("检定项目", "check"),
        ("最不利值", "worst"),
        ("允许", "limit"),
        ("结论", "verdict"),
    )
    for check in story.result.checks:
        table.add_row(
            teller.say(check.title.zh, check.title.en),
            f"{check.worst.reported}",
            _limit(check.worst.limit),
            teller.say(*VERDICTS[check.verdict]),
        )
    teller.console.print(table)
    verdict, guarded = VERDICTS[story.result.verdict], VERDICTS[story.result.guarded_verdict]
    until = story.calibration.valid_until
    teller.line(
        f"   简单接受:[bold]{verdict[0]}[/bold](保护带接受会是:{guarded[0]});有效期至 {until}",
        f"   simple acceptance: [bold]{verdict[1]}[/bold] (guarded acceptance would say "
        f"{guarded[1]}); valid until {until}",
    )


def _tell_signatures(teller: Teller, story: Story) -> None:
    teller.heading(7, "三人签署", "Three persons sign")
    for meaning, person in story.signatories.items():
        title = teller.say(*MEANINGS[meaning])
        teller.line(f"   {title} {person.name_zh}", f"   {title} {person.name_en}")


def _tell_certificate(teller: Teller, story: Story) -> None:
    certificate = story.certificate
    content, seal = certificate.content_sha256[:16], story.seal.sha256[:16]
    teller.heading(8, "证书", "Certificate")
    sizes = ", ".join(
        f"{form.upper()} {len(document) / 1000:.0f} kB"
        for form, document in sorted(story.files.items())
        if form != "json"
    )
    teller.line(
        f"   检定证书 [bold]{certificate.number}[/bold](演示,非真实证书):{sizes}",
        f"   verification certificate [bold]{certificate.number}[/bold] "
        f"(DEMONSTRATION, not a real one): {sizes}",
    )
    teller.line(
        f"   内容摘要 SHA-256 {content}…;签章密钥 {seal}…(演示用),已载入透明日志",
        f"   content SHA-256 {content}…; sealed by {seal}… (a key of the demonstration), logged",
    )


def _tell_chain(teller: Teller, story: Story) -> None:
    teller.heading(9, "溯源链", "Traceability chain")
    teller.console.print(chain_tree(teller, story.chain.result))
    if story.chain.breaks:
        flaws = ", ".join(sorted({found.flaw.value for found in story.chain.breaks}))
        teller.line(f"   断链:{flaws}", f"   broken: {flaws}")
    else:
        teller.line(
            "   链条不间断(各级在使用时均有效)", "   unbroken: every link was valid when used"
        )


def chain_tree(teller: Teller, step: ChainStep) -> Tree:
    """Return a chain as a tree, each step with its U, certificate and method."""
    tree = Tree(_told_step(teller, step), highlight=False)
    _grow(teller, tree, step)
    return tree


def _grow(teller: Teller, tree: Tree, step: ChainStep) -> None:
    for behind in step.steps:
        _grow(teller, tree.add(_told_step(teller, behind), highlight=False), behind)


def _told_step(teller: Teller, step: ChainStep) -> str:
    link = step.link
    if link is None:
        return teller.say("未记录", "undocumented")
    parts = [f"[bold]{teller.say(link.item_name_zh, link.item_name_en)}[/bold]"]
    if step.expanded_uncertainty is not None:
        u = plain(round_uncertainty(step.expanded_uncertainty))
        at = "" if step.value is None else f" @ {step.value:g} {step.unit}"
        parts.append(f"U = {u} {step.unit} (k = {step.coverage_factor:g}){at}")
    laboratory = teller.say(link.laboratory_zh, link.laboratory_en)
    until = f" → {link.valid_until}" if link.valid_until else ""
    parts.append(f"{link.certificate_number or '—'} · {laboratory} · {link.performed_on}{until}")
    if step.reference is not None:
        method = teller.say(step.reference.method_zh or "", step.reference.method_en or "")
        parts.append(f"[dim]{teller.say('方法', 'by')} {method}[/dim]")
    if link.terminal_reason:
        end = ENDS.get(link.terminal_reason, (link.terminal_reason,) * 2)
        parts.append(f"[green]{teller.say('终点', 'ends at')}: {teller.say(*end)}[/green]")
    if link.claimed_terminal_reason:
        end = ENDS.get(link.claimed_terminal_reason, (link.claimed_terminal_reason,) * 2)
        claimed = teller.say("声称的终点，未经确认", "claimed end, not confirmed")
        parts.append(f"[yellow]{claimed}: {teller.say(*end)}[/yellow]")
    parts += [f"[red]{found.flaw.value}[/red]" for found in step.breaks]
    return "\n".join(parts)


def _tell_found(teller: Teller, story: Story) -> None:
    serial_number = story.content.item.serial_number
    teller.heading(
        10,
        f"按出厂编号 {serial_number} 查到的证书",
        f"Certificates found by serial number {serial_number}",
    )
    table = teller.table(
        ("编号", "number"),
        ("签发", "issued on"),
        ("有效期至", "valid until"),
        ("发证", "issuer"),
    )
    for entry in story.found[:5]:
        issuer = teller.say(entry.issuer_zh, entry.issuer_en)
        table.add_row(entry.number, str(entry.issued_on), str(entry.valid_until), issuer)
    teller.console.print(table)
    if len(story.found) > 5:
        more = len(story.found) - 5
        teller.line(f"   另有 {more} 份更早的", f"   and {more} older ones")
