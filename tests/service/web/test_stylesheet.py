"""The stylesheet: small, and its colours far enough apart to be read, light and dark.

Ratios by WCAG 2.2, 1.4.3 (text, 4.5) and 1.4.11 (graphics, 3).
"""

import gzip
import re
from importlib.resources import files

import pytest

STATIC = files("service.web") / "static"
STYLESHEET = (STATIC / "app.css").read_text(encoding="utf-8")
TEXT = [
    *[("ink", ground) for ground in ("page", "card", "sunk", "accent-pale", "soon-pale")],
    *[("ink-soft", ground) for ground in ("page", "card", "sunk", "accent-pale", "over-pale")],
    *[("accent", ground) for ground in ("page", "card", "sunk")],
    ("on-accent", "accent"),
    *[(status, f"{status}-pale") for status in ("ok", "soon", "over")],
    *[(status, ground) for status in ("ok", "soon", "over") for ground in ("card", "sunk")],
    *[(status, "permitted") for status in ("soon", "over")],
]
GRAPHICS = [
    *[(colour, "card") for colour in ("graph", "graph-soft", "over", "soon", "ink-soft")],
    *[(colour, "permitted") for colour in ("graph", "over", "soon")],
    ("accent", "page"),
]


def tokens(selector: str) -> dict[str, str]:
    """Return the colours of the first block that a selector opens."""
    block = STYLESHEET.split(selector + " {", 1)[1].split("}", 1)[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


LIGHT = tokens(":root")
DARK = tokens(":root[data-theme=dark]")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_black_on_white_has_the_contrast_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("colour", "ground"), TEXT)
def test_a_text_can_be_read_on_its_ground(theme, colour, ground):
    assert contrast(theme[colour], theme[ground]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("colour", "ground"), GRAPHICS)
def test_a_line_or_area_can_be_seen_on_its_ground(theme, colour, ground):
    assert contrast(theme[colour], theme[ground]) >= 3


def test_the_dark_chosen_by_the_system_is_the_dark_chosen_by_the_reader():
    assert tokens(":root:not([data-theme=light])") == DARK
    assert DARK.keys() == LIGHT.keys()


def test_every_token_that_is_used_is_set():
    used = set(re.findall(r"var\(--([\w-]+)\)", STYLESHEET))

    assert used - {"font", "mono", "round"} == LIGHT.keys()


def test_what_a_page_transfers_stays_small():
    script = (STATIC / "app.js").read_bytes()

    assert len(STYLESHEET.encode()) <= 26_000
    assert len(gzip.compress(STYLESHEET.encode())) <= 8_000
    assert len(script) <= 5_000


def test_the_stylesheet_and_the_scripts_name_no_other_server():
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text), file.name
