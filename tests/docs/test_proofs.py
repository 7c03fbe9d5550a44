"""Every proof that the documents name is a test that is there, under that name."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_proof_that_is_named_is_a_test():
    named = [
        match for page in (ROOT / "docs").glob("*.md") for match in NAMED.findall(page.read_text())
    ]

    missing = [
        f"{path}::{name}"
        for path, name in named
        if f"def {name}(" not in (ROOT / path).read_text("utf-8")
    ]
    assert missing == []
    assert len(named) > 20
