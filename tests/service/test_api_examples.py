"""Each request and each answer of the API's description has an example that fits its schema.

What is asked without a book, of numbers alone, is also accepted as its example says it.
"""

import re

import jsonschema_rs
import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.settings import Settings

SOME_ID = "0199f2c4-7d0e-7a31-9c1f-2a6d5b8e4f10"
STATELESS = ("/v1/uncertainty-budgets", "/v1/conformity-statements", "/v1/intervals")
BODIES = ("application/json", "multipart/form-data")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    settings = Settings(
        database_url=f"sqlite:///{folder}/none.db", lookup_key_file=folder / "key",
        worker_in_process=False,
    )  # fmt: skip
    return TestClient(create_app(settings), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def described(client):
    return client.get("/openapi.json").json()


def bodies(described):
    """Yield every body of a request or of a good answer: where it stands, and what it is."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            told = {"asked": operation.get("requestBody", {})}
            told |= {s: a for s, a in operation["responses"].items() if s.startswith("2")}
            for what, body in told.items():
                for media_type, content in body.get("content", {}).items():
                    if media_type in BODIES:
                        yield f"{method} {path} {what}", content


def examples_of(content):
    told = [content["example"]] if "example" in content else []
    told += [one["value"] for one in content.get("examples", {}).values()]
    return told + content.get("schema", {}).get("examples", [])


def test_each_body_has_an_example_that_fits_its_schema(described):
    wrong, seen = [], 0
    for where, content in bodies(described):
        found = examples_of(content)
        schema = content.get("schema", {}) | {"components": described["components"]}
        fits = jsonschema_rs.validator_for(schema)
        wrong += [f"{where}: none"] * (not found)
        wrong += [
            f"{where}: {error.message} at {'/'.join(map(str, error.instance_path))}"
            for example in found
            for error in fits.iter_errors(example)
        ]
        seen += 1

    assert wrong == []
    assert seen > 150


def test_nobody_is_told_what_the_description_calls_closed(client, described):
    """Nobody asks every operation: refused are those that ask for a key or a log-in, and no other.

    The list of the book's certificates shares its address with an open look-up.
    """
    closed, refused = set(), set()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            address = re.sub(r"\{\w+\}", SOME_ID, path)
            if {} not in operation["security"]:
                closed.add((method, path))
            if client.request(method, address).status_code == 401:
                refused.add((method, path))

    assert refused - closed == {("get", "/v1/certificates")}
    assert closed <= refused
    assert len(closed) > 80


@pytest.mark.parametrize("path", STATELESS)
def test_what_is_asked_of_numbers_alone_is_accepted_as_its_example(client, described, path):
    (content,) = described["paths"][path]["post"]["requestBody"]["content"].values()

    for example in examples_of(content):
        answer = client.post(path, json=example)
        assert answer.status_code == 200, answer.text
