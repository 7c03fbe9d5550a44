"""Certificate numbers with a check character, as printed and as people type them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from certificates.errors import CheckCharacterWrong, NumberError, NumberMalformed
from certificates.numbers import (
    check_character,
    format_number,
    normalize_number,
    normalize_serial_number,
    other_readings,
    parse_number,
)

codes = st.from_regex(r"[A-Z][A-Z0-9]{1,11}", fullmatch=True)
years = st.integers(1900, 9999)
sequences = st.integers(1, 999_999_999)
numbers = st.builds(format_number, codes, years, sequences)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def test_the_published_example_of_mod_37_36_has_its_check_character():
    """The Global Release Identifier standard's own example: A1-2425G-ABC1234002-M."""
    assert check_character("A1-2425G-ABC1234002") == "M"


def test_a_number_reads_as_organization_year_and_sequence():
    assert format_number("TPP", 2026, 123) == "TPP-2026-00123-D"

    number = parse_number("TPP-2026-00123-D")

    assert (number.code, number.year, number.sequence) == ("TPP", 2026, 123)
    assert str(number) == "TPP-2026-00123-D"


@given(numbers)
def test_every_number_reads_back_as_itself(number):
    assert str(parse_number(number)) == number
    assert normalize_number(number) == number


@given(numbers, st.data())
def test_one_wrong_character_is_always_noticed(number, data):
    place = data.draw(st.sampled_from([i for i, letter in enumerate(number) if letter != "-"]))
    wrong = data.draw(st.sampled_from(ALPHABET))
    assume(wrong != number[place])
    mistyped = number[:place] + wrong + number[place + 1 :]

    try:
        read = str(parse_number(mistyped))
    except NumberError:
        return
    assert read == number  # O for 0 or I for 1: the only reading that is right


def test_nearly_every_swap_of_two_neighbours_is_noticed():
    pairs = [(one, other) for one in ALPHABET for other in ALPHABET if one != other]

    missed = [
        (place, one, other)
        for place in range(8)
        for one, other in pairs
        if check_character("A" * place + one + other) == check_character("A" * place + other + one)
    ]

    assert len(missed) <= 8 * len(pairs) * 0.002


@pytest.mark.parametrize(
    "typed",
    [
        "tpp-2026-00123-d",
        " TPP2026 00123D ",
        "ＴＰＰ－２０２６－００１２３－Ｄ",
        "TPP–2026—00123‐D",
        "TPP-2O26-OOI23-D",
        "TPP_2026_00123_D",
    ],
)
def test_what_people_type_is_read_as_it_was_meant(typed):
    assert normalize_number(typed) == "TPP-2026-00123-D"


@pytest.mark.parametrize(
    ("number", "typed"),
    [
        ("NIM-2026-00001-", "N1M-2026-00001-"),
        ("OIL1-2026-00007-", "0ILI-2026-00007-"),
        ("LAB0-2026-00012-", "labo 2O26 OOO12 "),
    ],
)
def test_a_code_that_looks_like_another_is_read_as_what_its_check_character_fits(number, typed):
    check = check_character(number)

    with pytest.raises(NumberError):
        parse_number(typed + check)
    assert number + check in other_readings(typed + check)


def test_a_check_character_that_looks_like_another_is_read_as_it():
    numbers = [format_number("TPP", 2026, sequence) for sequence in range(1, 200)]
    alike = {"0": "O", "O": "0", "1": "l", "I": "1", "L": "I"}
    mistyped = {
        number: number[:-1] + alike[number[-1]] for number in numbers if number[-1] in alike
    }

    assert len({number[-1] for number in mistyped}) == 5
    assert all(other_readings(typed) == (number,) for number, typed in mistyped.items())


@given(numbers)
def test_a_number_as_it_is_printed_is_no_other_reading_of_itself(number):
    assert number not in other_readings(number)
    assert all(parse_number(reading) for reading in other_readings(number))


def test_a_wrong_check_character_is_told():
    with pytest.raises(CheckCharacterWrong):
        parse_number("TPP-2026-00123-E")


@pytest.mark.parametrize(
    "text", ["", "TPP", "TPP-26-00123-D", "TPP-2026-123-D", "7PP-2026-00123-", "火电-2026-00123-D"]
)
def test_what_is_no_number_is_told(text):
    with pytest.raises(NumberMalformed):
        parse_number(text)


@pytest.mark.parametrize(
    ("code", "year", "sequence"),
    [
        ("tpp", 2026, 1),
        ("T", 2026, 1),
        ("T-P", 2026, 1),
        ("TPP", 26, 1),
        ("TPP", 2026, 0),
        ("TPP", 2026, 10**9),
    ],
)
def test_a_number_of_impossible_parts_is_not_formed(code, year, sequence):
    with pytest.raises(NumberMalformed):
        format_number(code, year, sequence)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("PROV-2026-00016", "PROV-2026-00016"),
        ("prov–2026–00016", "PROV-2026-00016"),
        ("LSyl2026-00123", "LSyl2026-00123"),
        ("  校字第 2019001  号 ", "校字第 2019001 号"),
    ],
)
def test_numbers_without_check_character_are_carried_as_their_issuer_wrote_them(typed, number):
    assert normalize_number(typed) == number


@pytest.mark.parametrize(
    "typed", ["KS25-0417", "ks25-0417", "ＫＳ２５－０４１７", "KS25 0417", "KS250417", "KS25–0417"]
)
def test_spellings_of_one_serial_number_are_alike(typed):
    assert normalize_serial_number(typed) == "KS250417"


def test_serial_numbers_that_differ_in_leading_zeros_or_letters_stay_apart():
    assert normalize_serial_number("0083105") != normalize_serial_number("83105")
    assert normalize_serial_number("A0") != normalize_serial_number("AO")
