"""Every vector of a file, answered by our public functions and compared within its tolerances.

The file is tests/data/vectors.json, or the one named in SUYUAN_VECTORS. A vector of a kind that
nothing here answers is reported as unhandled: it is not passed.
"""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.worked_examples.vector_answers import ANSWERS, differences

OURS = Path(__file__).parents[1] / "data" / "vectors.json"
FILE = Path(os.environ.get("SUYUAN_VECTORS") or OURS)
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_our_functions_answer_the_vector(vector):
    if vector["kind"] not in ANSWERS:
        pytest.xfail(f"unhandled kind of vector: {vector['kind']}")

    answer = ANSWERS[vector["kind"]](vector)

    assert differences(vector["expected"], answer) == []


def test_a_wrong_expectation_is_found():
    vector = copy.deepcopy(next(v for v in VECTORS if v["kind"] == "budget"))
    answer = ANSWERS["budget"](vector)
    output = next(iter(vector["models"]))
    vector["expected"][output]["u"]["value"] *= 1.001

    (found,) = differences(vector["expected"], answer)

    assert found.startswith(f".{output}.u: ")


def test_an_answer_that_is_missing_is_found():
    assert differences({"k": {"value": 2.0, "tol_abs": 0.1}}, {}) == [".k: 2.0 ± 0.1, got None"]
    assert differences({"items": [{"k": 1}]}, {"items": []}) == [".items: 1 items, got []"]
