"""Requests that nobody thought of, made from the API's own description, by three roles.

Each answer is held to the description: its status, its form, its schema; nothing breaks, whatever
was sent, and what is not valid is refused. All checks of schemathesis run.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi import checks as _  # noqa: F401  (which registers them)

from tests.proofs import how_many
from tests.service import entering
from tests.service.test_canary import Secrets, ids_for
from tests.service.test_canary import secrets as secrets_of_the_laboratory
from tests.service.test_wall import story as full_book

secrets = secrets_of_the_laboratory
story = full_book
ROLES = ("anonymous", "metrologist", "administrator")
EXAMPLES = how_many(3, full=18)  # of each operation, role and engine
SHARES = how_many(3, full=1)  # each role asks every third operation, or in full all of them
# What is well formed is never told to be malformed (400, 415); but it may name no item or no form
# of a certificate that there is, or no lawful step.
OF_WELL_FORMED = ["2xx", "304", "401", "403", "404", "406", "409", "412", "422", "428", "429"]
# Whoever is logged in sends a cookie that the check cannot take away; nobody's requests it judges.
OF_WHO_IS_IN = {"ignored_auth"}
OF_FORMS = {"negative_data_rejection"}  # whose fields are all text, whatever was meant


@pytest.fixture(params=ROLES)
def role(request):
    return request.param


@pytest.fixture
def visitor(database, tmp_path, names, role):
    """The service, and a client of a role in it."""
    clock = entering.Clock(datetime(2026, 3, 2, 8, tzinfo=UTC))
    with entering.application(
        database.application, tmp_path, clock, requests_a_minute=10**7
    ) as app:
        inside = role != "anonymous"
        yield app, entering.entered(app, names.LAB, role, "wang") if inside else None


def requests_of(operation, secrets):
    """Return requests of an operation: right ones, wrong ones, ones of what LAB's book holds."""
    names = [parameter.name for parameter in operation.path_parameters]
    held = {
        name: str(ids_for(name, secrets)[0]) if name.endswith("_id") else secrets.words[0]
        for name in names
    }
    return st.one_of(
        *(operation.as_strategy(generation_mode=mode) for mode in GenerationMode),
        operation.as_strategy(path_parameters=held),
    )


@dataclass
class Inquiry:
    """Requests that were asked of the service, how they were answered, what broke a promise."""

    client: Any
    secrets: Secrets
    asked: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def ask_all(self, operation):
        """Ask an operation so many times; remember what it breaks."""

        @given(case=requests_of(operation, self.secrets))
        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate],
            verbosity=Verbosity.quiet,
        )  # fmt: skip
        def ask(case):
            self.ask(operation.label, case)

        try:
            ask()
        except (Failure, FailureGroup, Exception) as failure:  # noqa: BLE001  (each is told)
            self.broken.append(f"{operation.label}: {failure}")

    def ask(self, label, case):
        cookies = dict(self.client.cookies) if self.client else {}
        answer = case.call(cookies=cookies, base_url="https://testserver")
        self.asked[label] += 1
        self.statuses[answer.status_code] += 1
        dropped = set(OF_FORMS if case.media_type == "multipart/form-data" else ())
        dropped |= OF_WHO_IS_IN if self.client else set()
        case.validate_response(answer, excluded_checks=[CHECKS.get_one(name) for name in dropped])


def test_no_request_breaks_a_promise(visitor, secrets, role):
    app, client = visitor
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    schema.config.generation.update(with_security_parameters=client is None)  # or no log-in counts
    schema.config.checks.positive_data_acceptance.expected_statuses = OF_WELL_FORMED
    inquiry = Inquiry(client, secrets)

    operations = [found.ok() for found in schema.get_all_operations()]  # type: ignore[union-attr]
    for operation in operations[ROLES.index(role) % SHARES :: SHARES]:
        inquiry.ask_all(operation)

    print(f"\n{role}: {sum(inquiry.asked.values())} requests, {dict(inquiry.statuses)}")  # noqa: T201
    assert inquiry.broken == [], "\n\n".join(inquiry.broken)
    assert len(inquiry.asked) > 100 // SHARES - 10
