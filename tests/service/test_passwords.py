"""Which passwords are taken: long ones that follow from no rule anybody knows."""

import pytest

from service import passwords
from service.errors import InvalidField

ABOUT = ("Fang Wang", "Example Laboratory")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "copper lanterns over the frozen quay",
        "铜灯笼悬挂在结冰的码头上随风摇晃",
        "tR9#mv!x2Lq&8zKd",
        "ｆｕｌｌ ｗｉｄｔｈ lanterns",
    ],
)
def test_a_long_one_of_words_or_chance_is_taken(password):
    passwords.require_acceptable(password, second_factor=False, about=ABOUT)


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "P@ssw0rd12345678",
        "administrator2026!!",
        "qwertyuiopasdfgh",
        "abcdefghijklmnopq",
        "zyxwvutsrqponmlkj",
        "1qaz2wsx3edc4rfv",
        "aaaaaaaaaaaaaaaa",
        "123456789012345678",
        "suyuan-calibration",
        "FangWang19840131!",
        "examplelaboratory",
        "iloveyou iloveyou",
    ],
)
def test_one_of_the_first_that_anybody_tries_is_refused(password):
    with pytest.raises(InvalidField):
        passwords.require_acceptable(password, second_factor=False, about=ABOUT)


def test_fifteen_characters_or_eight_with_a_second_factor():
    with pytest.raises(InvalidField, match="between 15 and 128"):
        passwords.require_acceptable("frozen lantern", second_factor=False)
    with pytest.raises(InvalidField, match="between 8 and 128"):
        passwords.require_acceptable("9 lamps", second_factor=True)
    with pytest.raises(InvalidField):
        passwords.require_acceptable("frozen lantern " * 9, second_factor=False)

    passwords.require_acceptable("9 lamps!", second_factor=True)


def test_a_hash_tells_the_right_one_and_nothing_else():
    kept = passwords.hashed("９ lamps at sea")

    assert passwords.is_right("9 lamps at sea", kept)
    assert not passwords.is_right("9 lamps at see", kept)
    assert not passwords.is_right("no account has this name", None)
    assert not passwords.is_right("x", "no hash")
