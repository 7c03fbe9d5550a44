"""What a digest says: what falls due, the most urgent first, in its reader's language."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from service.tables.items import Item
from traceability.escalation import Stage

NAMED: Final = 200  # lines of one stage
ORDER: Final = (Stage.OVERDUE, Stage.WITHIN_30, Stage.WITHIN_60, Stage.WITHIN_90)
ACTIVITIES: Final = {
    "verification": "检定", "calibration": "校准", "intermediate_check": "期间核查",
    "maintenance": "维护", "replacement": "到期轮换",
}  # fmt: skip
STAGES: Final = {
    "zh": {"overdue": "已超期", "30": "30 天内到期", "60": "31–60 天到期", "90": "61–90 天到期"},
    "en": {"overdue": "overdue", "30": "due within 30 days", "60": "due in 31 to 60 days",
           "90": "due in 61 to 90 days"},
}  # fmt: skip
WORDS: Final = {
    "zh": {
        "subject": "到期提醒 {on}：{counts}",
        "more": "另有 {count} 项",
        "all": "全部到期项：{url}",
        "why": "每项到期在每个阶段只提醒一次。提醒方式可在您的账户中更改。",
        "and": "，",
    },
    "en": {
        "subject": "Due dates {on}: {counts}",
        "more": "and {count} more",
        "all": "All due dates: {url}",
        "why": "Each due date is told of once a stage. How you are told is set in your account.",
        "and": ", ",
    },
}


def letter(
    lines: Sequence[Mapping[str, Any]],
    items: Mapping[UUID, Item],
    *,
    language: str,
    on: date,
    url: str,
) -> tuple[str, str]:
    """Return the subject and the text of a digest's mail.

    Args:
        lines: as the digest keeps them.
        items: by their ids; what is no longer in the ledger is told by its id.
        url: of the page of due dates.
    """
    words, stages = WORDS[language], STAGES[language]
    parts, counts = [], []
    for stage in ORDER:
        of_stage = [line for line in lines if line["stage"] == stage.value]
        if not of_stage:
            continue
        counts.append(f"{stages[stage.value]} {len(of_stage)}")
        told = [_line(line, items, language) for line in of_stage[:NAMED]]
        if len(of_stage) > NAMED:
            told.append(words["more"].format(count=len(of_stage) - NAMED))
        parts.append("\n".join([f"{stages[stage.value]} ({len(of_stage)})", *told]))
    subject = words["subject"].format(on=on, counts=words["and"].join(counts))
    text = "\n\n".join([*parts, words["all"].format(url=url), words["why"]])
    return subject, text + "\n"


def _line(line: Mapping[str, Any], items: Mapping[UUID, Item], language: str) -> str:
    item = items.get(UUID(line["item_id"]))
    activity = line["activity"]
    said = ACTIVITIES[activity] if language == "zh" else activity.replace("_", " ")
    if item is None:
        return f"  {line['due_on']}  {said}  {line['item_id']}"
    name = item.name_zh if language == "zh" else item.name_en
    place = " / ".join(item.location)
    numbers = " ".join(part for part in (item.asset_number, item.serial_number) if part)
    return f"  {line['due_on']}  {said}  {name} {numbers}  {place}".rstrip()
