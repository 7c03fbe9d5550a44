"""The Chinese of the pages: complete, true to its placeholders, never mixed with English."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

WEB = Path(str(files("service.web")))
METHODS = [
    ("**.py", "python"),
    ("templates/**.html", "jinja2"),
    ("templates/**.svg", "jinja2"),
]
LOUD = {"silent": "false"}  # a template that cannot be read fails
OPTIONS = {"templates/**.html": LOUD, "templates/**.svg": LOUD}
CHINESE = "[\u4e00-\u9fff]"


def asked_for() -> set[str]:
    """Return every message that a page can say; of a plural its singular."""
    found = extract_from_dir(WEB, METHODS, OPTIONS)
    return {text if isinstance(text, str) else text[0] for _, _, text, _, _ in found}


def catalogue() -> Catalog:
    with (WEB / "locale/zh/LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file, locale="zh")


def translations() -> Iterator[tuple[str, str]]:
    """Yield each message with its Chinese; of a plural its last form, which has the number."""
    for message in catalogue():
        if message.id:
            source = message.id if isinstance(message.id, str) else message.id[-1]
            target = (
                message.string
                if isinstance(message.string, str)
                else str((message.string or [""])[0])
            )
            yield source, target


def test_every_message_has_a_translation_and_none_is_stale():
    entries = {m.id if isinstance(m.id, str) else m.id[0] for m in catalogue() if m.id}

    assert len(entries) > 150
    assert entries == asked_for()
    assert [source for source, target in translations() if not target] == []
    assert [message.id for message in catalogue() if message.id and message.fuzzy] == []


def test_a_translation_names_what_its_message_names():
    def names(text: str) -> list[str]:
        return sorted(re.findall(r"%\(\w+\)[sd]", text))

    for source, target in translations():
        assert names(source) == names(target), source


def test_chinese_is_followed_by_chinese_punctuation():
    for _, target in translations():
        assert not re.search(f"{CHINESE}[,:;!?]", target), target


def test_readers_of_both_languages_at_once_each_read_their_own(get):
    with ThreadPoolExecutor(8) as pool:
        html = list(pool.map(lambda language: get("item", language), ["zh", "en"] * 20))

    assert all("出厂编号" in page and "Serial number" not in page for page in html[::2])
    assert all("Serial number" in page and "出厂编号" not in page for page in html[1::2])
