"""`docs/api.md` and `/openapi.json` say what the doors are, for whoever reads without running."""

import json
from collections import Counter

import pytest

from service.idempotency import takes_key
from tests.api_page import PAGE, REFRESH, application, page_text


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    return application(tmp_path_factory.mktemp("api"))


def test_the_page_of_the_api_is_the_api(app):
    assert PAGE.read_text("utf-8") == page_text(app), f"to refresh it: {REFRESH}"


def test_every_operation_is_told_and_has_a_name_of_its_own(app):
    operations = [
        (method, path, operation)
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
    ]

    names = Counter(operation["operationId"] for _, _, operation in operations)
    assert len(operations) > 40
    assert {name: n for name, n in names.items() if n > 1} == {}
    assert [path for _, path, operation in operations if not operation.get("description")] == []
    assert [path for _, path, operation in operations if not operation.get("tags")] == []


def test_every_reference_within_the_description_leads_somewhere(app):
    told = app.openapi()
    schemas = told["components"]["schemas"]

    text = json.dumps(told)

    named = {part.split('"', 1)[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named - schemas.keys() == set()


def test_every_writing_post_of_the_api_answers_once_under_a_key(app):
    from fastapi.routing import iter_route_contexts  # noqa: PLC0415

    posts = [
        door
        for door in iter_route_contexts(app.routes)
        if str(door.path).startswith("/v1/") and "POST" in (door.methods or ())
    ]

    assert len(posts) > 15
    assert [door.path for door in posts if not takes_key(door.original_route)] == []
