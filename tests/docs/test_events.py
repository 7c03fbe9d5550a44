"""Every event that the service announces is on the page that tells of them."""

import re
from pathlib import Path

import service

ANNOUNCED = re.compile(r'announce\(\s*session,\s*f?"([a-z_]+\.[a-z_{][^"]*)"')
PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"


def test_the_page_lists_every_event():
    told = PAGE.read_text("utf-8")
    sources = (path.read_text("utf-8") for path in Path(service.__path__[0]).rglob("*.py"))
    announced = {name for source in sources for name in ANNOUNCED.findall(source)}

    documented = set(re.findall(r"`([a-z_]+\.(?:[a-z_]+|<[a-z]+>))`", told))

    assert len(announced) >= 5
    for name in announced:
        thing, _, happened = name.partition(".")
        assert name in documented or (happened.startswith("{") and f"{thing}.<state>" in documented)
