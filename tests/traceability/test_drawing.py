"""The block diagram: boxes apart, text within them, lines that run through no foreign box."""

from datetime import date
from itertools import combinations, pairwise
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from traceability.chain import trace
from traceability.drawing import draw, text_width, wrap
from traceability.graph import Flaw, Link, Reference

GAUGE = "ev:TPP.PG.05:2026-06-12"


def link(n, references):
    return Link(
        calibration_id=UUID(int=n + 1),
        performed_on=date(2020, 1, 1),
        item_name_en=f"Standard {n}",
        references=tuple(
            Reference(position=p, reference_id=UUID(int=m + 1), method_en="comparison " * 3)
            for p, m in enumerate(references)
        ),
    )


@st.composite
def directed_acyclic_graphs(draw_from):
    """Return links of up to nine calibrations, each resting on some of those before it."""
    count = draw_from(st.integers(1, 9))
    return [
        link(n, draw_from(st.lists(st.integers(0, n - 1), max_size=3)) if n else [])
        for n in range(count)
    ]


def resting_on_one(users):
    """Return a standard, calibrations that rest on it twice each, and one that rests on these."""
    middle = range(1, users + 1)
    return [link(0, []), *(link(n, [0, 0]) for n in middle), link(users + 1, middle)]


def apart(a, b):
    return (
        a.x + a.width <= b.x
        or b.x + b.width <= a.x
        or a.y + a.height <= b.y
        or b.y + b.height <= a.y
    )


def runs_through(box, start, end):
    left, right = sorted((start[0], end[0]))
    top, bottom = sorted((start[1], end[1]))
    return (
        left < box.x + box.width and right > box.x and top < box.y + box.height and bottom > box.y
    )


@settings(max_examples=60, deadline=None)
@given(directed_acyclic_graphs())
@example(resting_on_one(4))  # eight edges leave one box: no room for their labels
def test_nothing_overlaps_in_the_drawing_of_any_chain(links):
    drawing = draw(trace(links, links[-1].calibration_id), language="en")
    boxes = {box.calibration_id: box for box in drawing.boxes}

    for a, b in combinations(drawing.boxes, 2):
        assert apart(a, b)
    for edge in drawing.edges:
        reference, user = boxes[edge.reference_id], boxes[edge.user_id]
        assert edge.points[0][1] == reference.y + reference.height
        assert edge.points[-1][1] == user.y
        assert reference.x < edge.points[0][0] < reference.x + reference.width
        assert user.x < edge.points[-1][0] < user.x + user.width
        for start, end in pairwise(edge.points):
            assert start[0] == end[0] or start[1] == end[1]
            assert not any(runs_through(box, start, end) for box in drawing.boxes)
    labels = [edge.label for edge in drawing.edges if edge.label]
    for label, other in combinations(labels, 2):
        assert apart(label, other)
    for label in labels:
        assert all(apart(label, box) for box in drawing.boxes)
    for box in drawing.boxes:
        assert box.x >= 0
        assert box.x + box.width <= drawing.width
        assert box.y + box.height <= drawing.height


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_text_of_the_demonstration_world_fits_its_box(demo_nation, language):
    links = demo_nation.links

    for link in links[::7]:
        for box in draw(trace(links, link.calibration_id), language=language).boxes:
            for line in box.lines:
                assert box.x < line.x
                assert line.x + text_width(line.text) <= box.x + box.width
                assert box.y < line.y < (box.bar.y if box.bar else box.y + box.height)


def test_the_gauge_stands_at_the_bottom_and_the_national_standard_on_top(demo_nation):
    drawing = draw(trace(demo_nation.links, demo_nation.id_of(GAUGE)), language="zh")

    by_height = sorted(drawing.boxes, key=lambda box: box.y)
    assert [box.level for box in by_height] == [4, 3, 2, 1, 0]
    assert by_height[0].terminal_reason == "si_realisation"
    assert len(drawing.bands) == 5
    assert drawing.bands[-1].separator_y is None
    assert by_height[-1].lines[0].text == "一般压力表（辅汽联箱）"
    assert drawing.edges[0].label
    assert drawing.edges[0].label.lines == ("直接比较法",)


def test_the_bar_grows_with_the_relative_uncertainty(demo_nation):
    drawing = draw(trace(demo_nation.links, demo_nation.id_of(GAUGE)), language="en")

    boxes = sorted(drawing.boxes, key=lambda box: box.y)
    bars = [box.bar for box in boxes if box.bar]
    assert len(bars) == 5
    assert [bar.filled for bar in bars] == sorted(bar.filled for bar in bars)
    assert bars[-1].relative_uncertainty == pytest.approx(0.007 / 0.8)


def test_a_broken_use_is_marked_on_its_line_and_its_box(demo_nation):
    fault = next(f for f in demo_nation.document["faults"] if f["id"] == "F4")
    nation = demo_nation.patched(fault["patch"])

    drawing = draw(trace(nation.links, nation.id_of("ev:TPP.PTR.04:2026-10-16")), language="en")

    flawed = [edge for edge in drawing.edges if edge.flaws]
    assert [edge.flaws for edge in flawed] == [(Flaw.REFERENCE_NOT_VALID_WHEN_USED,)]
    assert [box.calibration_id for box in drawing.boxes if box.flaws] == [flawed[0].reference_id]


@given(st.text(alphabet="ab 压力表 x", max_size=80), st.integers(40, 300), st.integers(1, 3))
def test_wrapped_text_fits_its_lines(text, width, lines):
    wrapped = wrap(text, width, lines=lines)

    assert len(wrapped) <= lines
    assert all(text_width(line) <= width for line in wrapped)


def test_latin_breaks_at_spaces_and_chinese_anywhere():
    assert wrap("piston gauge", 60, lines=2) == ("piston", "gauge")
    assert wrap("活塞式压力计", 40, lines=2) == ("活塞式", "压力计")
    assert wrap("活塞式压力计", 40, lines=1) == ("活塞…",)
