"""The digest that binds a document is of what was said, however it is written down."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates.errors import NotCanonical
from certificates.seal import canonical_bytes, digest, paper_code, sha256_hex

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


def test_the_canonical_bytes_are_sorted_compact_utf_8():
    assert canonical_bytes({"b": [1, None, True], "a": {"单位": "µm"}}) == (
        '{"a":{"单位":"µm"},"b":[1,null,true]}'.encode()
    )


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), plain))
def test_the_order_of_keys_does_not_matter(content):
    turned = dict(reversed(list(content.items())))

    assert digest(content) == digest(turned)


@pytest.mark.parametrize("value", [0.1, math.nan, math.inf, b"x", {1, 2}, object(), "\ud800"])
def test_what_has_no_canonical_form_is_refused_with_its_path(value):
    with pytest.raises(NotCanonical, match=r"content\.results\[1\]\.estimate"):
        canonical_bytes({"results": [{}, {"estimate": value}]})


def test_a_key_that_is_no_text_is_refused():
    with pytest.raises(NotCanonical):
        canonical_bytes({1: "one"})


def test_one_digit_changed_is_another_digest(verification):
    mapping = verification.as_mapping()
    before = digest(mapping)
    mapping["results"][0]["estimate"] = "0.000"  # 0.00 was said

    assert digest(mapping) != before
    assert sha256_hex(canonical_bytes(mapping)) == digest(mapping)


def test_the_code_on_the_paper_is_of_all_that_is_said_but_the_address(verification):
    mapping = verification.as_mapping()
    code = paper_code(mapping)

    assert len(code) == 12
    assert code == paper_code(
        mapping | {"verification_url": f"https://example.org/c/X?code={code}"}
    )
    assert code == digest({k: v for k, v in mapping.items() if k != "verification_url"})[:12]
    assert code != paper_code(mapping | {"number": "TPP-2026-00124-B"})
