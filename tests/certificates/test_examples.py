"""The examples in the docstrings say what the code does."""

import doctest
import importlib
import pkgutil

import certificates


def test_every_example_in_a_docstring_is_true():
    names = [
        module.name for module in pkgutil.walk_packages(certificates.__path__, "certificates.")
    ]

    outcomes = [doctest.testmod(importlib.import_module(name)) for name in names]

    assert sum(outcome.attempted for outcome in outcomes) >= 6
    assert all(outcome.failed == 0 for outcome in outcomes)
