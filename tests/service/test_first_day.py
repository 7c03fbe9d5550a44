"""From an empty installation to the first certificate, by the operator's commands and the pages.

Nothing is prepared: an organization, four people, a standard with its certificate on paper, a
gauge. It is 28 November 2026. docs/first-day.md tells the same.
"""

import re
from datetime import UTC, datetime
from io import BytesIO

import pyotp
import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from service.cli import app as commands
from tests.seals import SEALS
from tests.service import entering
from tests.service.test_work_order_pages import fields_of

NOW = datetime(2026, 11, 28, 2, tzinfo=UTC)
KINDS = {"kind": "measuring_instrument", "status": "in_use", "is_mandatory": "false",
         "is_carbon_meter": "false"}  # fmt: skip
STANDARD = KINDS | {
    "name_zh": "数字压力计", "name_en": "Digital pressure standard", "serial_number": "DPS-1",
    "type_designation": "DPI 620", "range_text": "(0~2.5) MPa", "kind": "measurement_standard",
    "quantity": "pressure", "maximum_permissible_error": "0.05", "maximum_permissible_error_of":
    "span",
}  # fmt: skip
GAUGE = KINDS | {
    "name_zh": "压力表", "name_en": "Pressure gauge", "serial_number": "77123",
    "type_designation": "Y-150", "range_text": "(0~2.5) MPa", "accuracy_text": "1.6级",
    "procedure_code": "JJG 52", "maximum_permissible_error": "1.6",
    "maximum_permissible_error_of": "span",
}  # fmt: skip
PAPER = {
    "number": "NIM-2026-001", "laboratory": "示例国家院", "serial_number": "DPS-1",
    "kind": "calibration", "performed_on": "2026-05-01", "valid_until": "2027-04-30",
    "recognized": "true", "measurand": "value", "unit": "MPa", "k": "2",
} | {
    f"{name}_{row}": value
    for row, at in enumerate(("0", "0.5", "1.0", "1.6", "2.5"))
    for name, value in (("nominal", at), ("estimate", at), ("expanded", "0.0004"))
}  # fmt: skip
READINGS = "\n".join("\t".join([at] * 5) for at in ("0.0", "0.625", "1.25", "1.875", "2.5"))


@pytest.fixture
def operate(database, monkeypatch):
    """Run a command of the operator; return what it prints."""
    monkeypatch.setenv("SUYUAN_DATABASE_URL", database.application)
    monkeypatch.setenv("SUYUAN_OWNER_DATABASE_URL", database.owner)

    def run(*arguments):
        answer = CliRunner().invoke(commands, arguments)
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    return run


@pytest.fixture
def app(database, tmp_path):
    clock = entering.Clock(NOW)
    with entering.application(database.application, tmp_path, clock) as app:
        app.state.seals = SEALS
        yield app


def comes_in(app, path, name):
    """Take an invitation, with a second factor; return the person's browser."""
    client = entering.browser(app)
    client.headers.update({"accept": "text/html", "accept-language": "en"})
    secret = re.findall(r'<span class="code">([A-Z2-7]{32})</span>', client.get(path).text)[0]
    code = pyotp.TOTP(secret).at(NOW)
    taken = client.post(path, data={"name": name, "password": entering.PASSWORD, "code": code})
    assert taken.status_code == 303, taken.status_code
    return client


def sent(client, address, **data):
    """Send a form; return where it leads."""
    answer = client.post(address, data=data)
    assert answer.status_code == 303, (address, answer.text.partition('role="alert"')[2][:600])
    return answer.headers["location"]


def test_from_nothing_to_a_certificate_with_an_unbroken_chain(operate, app):
    made = operate(
        "organization", "create", "LAB", "--name-zh", "示例实验室", "--name-en", "Laboratory",
        "--kind", "accredited_laboratory", "--address", "1 Example Road", "--contact", "010-0",
        "--administrator-zh", "陈静", "--administrator-en", "Jing Chen",
    )  # fmt: skip
    operate("organization", "authorise", "LAB", "(省)法计〔2026〕0001号", "--for", "JJG 52",
            "--from", "2026-01-01", "--until", "2028-12-31")  # fmt: skip
    chen = comes_in(app, made.strip().partition("8000")[2], "chen")
    assert "How it begins" in chen.get("/").text

    # the people
    people = {}
    for name, role in (("wang", "metrologist"), ("lilei", "checker"), ("zhao", "approver")):
        told = chen.post("/people", data={"name_zh": name, "name_en": name, "role": role})
        people[role] = comes_in(app, re.findall(r"/invitations/[\w-]+", told.text)[0], name)
    for person in set(re.findall(r"/people/([0-9a-f-]{36})/auth", chen.get("/people").text)):
        sent(chen, f"/people/{person}/authorisations", procedure_code="JJG 52",
             valid_until="2028-12-31")  # fmt: skip
    wang, li, zhao = people.values()

    # the standard and its certificate, the gauge
    sent(wang, "/ledger/items/new", **STANDARD)
    sent(wang, "/intake/paper", **PAPER)
    gauge = sent(wang, "/ledger/items/new", **GAUGE)

    # from the order to three signatures
    order = sent(wang, "/work-orders/new", item=gauge.removeprefix("/i/"))
    sent(wang, f"{order}/answer", accepts="yes")
    line = re.findall(r"/work-orders/lines/([0-9a-f-]{36})/", wang.get(order).text)[0]
    steps = f"/work-orders/lines/{line}"
    sent(wang, f"{steps}/received", condition="sound")
    me = re.findall(r'<option value="([0-9a-f-]{36})"[^>]*>wang', wang.get(order).text)[0]
    sent(wang, f"{steps}/assigned", person_id=me, planned_on="2026-11-28")
    typed = fields_of(wang.get(f"{steps}/worksheet").text) | {
        "e.temperature": "20.5", "e.humidity": "50", "e.rest_time": "3", "p.division": "0.05",
    }  # fmt: skip
    sent(wang, f"{steps}/worksheet", **typed, act="paste", paste=READINGS)
    typed = fields_of(wang.get(f"{steps}/worksheet").text)
    sent(wang, f"{steps}/worksheet", **typed, act="submit")
    sent(li, f"{steps}/checked")
    sent(zhao, f"{steps}/approved")
    sent(zhao, f"{steps}/issued")

    # what anyone sees, and what the book keeps
    (number,) = set(re.findall(r"LAB-2026-00001-[0-9A-Z]", zhao.get(order).text))
    anyone = entering.browser(app)
    status = anyone.get(f"/v1/certificates/{number}/status").json()
    pdf = PdfReader(BytesIO(zhao.get(f"/c/{number}/certificate.pdf").content))
    assert status["status"] == "valid"
    assert "(省)法计〔2026〕0001号" in "".join(page.extract_text() for page in pdf.pages)
    assert "No findings" in wang.get("/findings").text
    chain = re.findall(r"/calibrations/[0-9a-f-]{36}/chain", wang.get(gauge).text)[0]
    assert "Unbroken" in wang.get(chain).text
