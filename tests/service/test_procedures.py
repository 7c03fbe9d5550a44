"""The power plant looks at the catalogue and keeps a procedure of its own, by API and pages."""

import re
from datetime import date
from urllib.parse import quote

import pytest

from procedures.edition_reader import load_catalogue
from service.catalogue import edition_in_force, edition_named
from service.errors import NotFound
from service.store import procedures as store
from service.tenancy import TenantSession
from tests.service.demonstration import demonstration_client, links_of
from tests.service.nation import act_for

JJG_52 = edition_named("JJG 52", "2013").text
MINE = (
    JJG_52.replace('code = "JJG 52"', 'code = "TPP-M 01"')
    .replace('edition = "2013"', 'edition = "2026"\nbased_on = "JJG 52-2013"')
    .replace("in_force_from = 2013-12-27", "in_force_from = 2026-01-01")
)
WIDER_BUT_VERIFYING = MINE.replace("mpe_percent = 1.6,", "mpe_percent = 2.0,")
WIDER = (
    WIDER_BUT_VERIFYING.replace('kind = "verification"', 'kind = "calibration"')
    .replace('"verification_certificate"', '"calibration_certificate"')
    .replace('"notice_of_verification_result"', '"calibration_certificate"')
)
PAGE = {"accept": "text/html"}


@pytest.fixture
def doors(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="application/json") as client:
        act_for(client, "TPP")
        yield client


def keep(doors, text):
    return doors.post("/v1/procedures", json={"toml": text})


def address(code, edition):
    return f"/v1/procedures/{quote(code)}/{quote(edition)}"


def test_the_catalogue_is_listed_with_what_is_unsure_in_it(doors):
    rows = doors.get("/v1/procedures").json()

    assert {row["name"] for row in rows} == {edition.name for edition in load_catalogue()}
    thermometer = next(row for row in rows if row["code"] == "JJG 229")
    assert thermometer["unverified"] == [
        "ratio", "in_force_from", "classes.Cu", "inspections.alpha",
    ]  # fmt: skip
    assert (thermometer["in_force"], thermometer["in_force_from"]) == ("yes", None)


def test_on_a_day_only_what_was_in_force_is_listed(doors):
    then = doors.get("/v1/procedures", params={"on": "2013-12-26"}).json()
    now = doors.get("/v1/procedures", params={"on": "2013-12-27"}).json()

    assert [row["edition"] for row in then if row["code"] == "JJG 52"] == ["1999"]
    assert [row["edition"] for row in now if row["code"] == "JJG 52"] == ["2013"]


def test_every_edition_of_a_code_is_told_and_a_replaced_one_names_its_successor(doors):
    new, old = doors.get("/v1/procedures/JJG 52").json()

    assert (new["edition"], new["in_force"]) == ("2013", "yes")
    assert (old["edition"], old["in_force"]) == ("1999", "ended")
    assert (old["in_force_until"], old["replaced_by"]) == ("2013-12-26", "JJG 52-2013")


def test_one_edition_is_told_whole_and_in_its_own_words(doors):
    told = doors.get(address("JJG 1148", "2022 (试行)")).json()

    assert told["toml"] == edition_named("JJG 1148", "2022 (试行)").text
    assert [row["name"] for row in told["content"]["checks"]] == ["error", "clock", "resolution"]
    assert told["content"]["maximum_permissible_error"][1]["is_lower_bound"] is True


@pytest.mark.parametrize("path", ["/v1/procedures/JJG 1", "/v1/procedures/JJG 52/2001"])
def test_an_edition_nobody_has_is_not_found(doors, path):
    assert doors.get(path).status_code == 404


def test_new_work_by_a_replaced_edition_is_refused_and_the_reason_named():
    with pytest.raises(NotFound, match=r"JJG 443.*not_yet"):
        edition_in_force("JJG 443", on=date(2024, 4, 30))
    assert edition_in_force("JJG 52", on=date(2013, 12, 26)).edition.edition == "1999"


def test_an_own_edition_is_kept_word_for_word_and_read_back(doors):
    answer = keep(doors, MINE)

    assert answer.status_code == 201
    assert answer.json()["is_own"] is True
    told = doors.get(address("TPP-M 01", "2026")).json()
    assert told["toml"] == MINE
    assert told["deviations"] == []
    assert keep(doors, MINE).status_code == 201
    listed = [row for row in doors.get("/v1/procedures").json() if row["is_own"]]
    assert [row["name"] for row in listed] == ["TPP-M 01-2026"]


def test_whoever_widens_a_limit_is_shown_to_have_left_the_regulation(doors):
    told = keep(doors, WIDER).json()

    assert told["name"] == "TPP-M 01-2026 (非规程)"
    assert told["deviations"] == ["classes"]
    page = doors.get(f"/procedures/{quote('TPP-M 01')}/2026?lang=zh", headers=PAGE).text
    assert "非规程" in page
    assert "准确度等级" in page


def test_a_kept_edition_is_never_rewritten(doors):
    keep(doors, MINE)

    again = keep(doors, WIDER)

    assert again.status_code == 409
    assert doors.get(address("TPP-M 01", "2026")).json()["toml"] == MINE


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (MINE.replace('rule = "simple_acceptance"', 'rule = "kind"'), "conformity.rule: must be"),
        (MINE.replace('limit = "mpe / 2"', 'limit = "mpe / two"'), "checks[2].limit: "),
        ("code = JJG", "is not TOML"),
        (JJG_52, "code: JJG 52-2013 is an edition of the catalogue"),
        (MINE.replace('"JJG 52-2013"', '"JJG 53-2013"'), "based_on: 'JJG 53-2013' is not in"),
        (WIDER_BUT_VERIFYING, "kind: it departs from JJG 52-2013 in classes, so it is no"),
        (
            WIDER.replace('pass = "calibration', 'pass = "verification'),
            "certificates.pass: it departs from JJG 52-2013",
        ),
    ],
    ids=[
        "word",
        "expression",
        "not TOML",
        "name of a regulation",
        "based on nothing",
        "verification by limits of one's own",
        "certificate of verification",
    ],
)
def test_what_cannot_be_kept_is_pointed_at_and_nothing_is_written(doors, text, told):
    answer = keep(doors, text)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/toml"
    assert told in error["detail"]
    assert not [row for row in doors.get("/v1/procedures").json() if row["is_own"]]


def test_an_own_edition_is_its_organizations_alone(doors, demo):
    keep(doors, MINE)

    act_for(doors, "STL")

    assert doors.get(address("TPP-M 01", "2026")).status_code == 404
    assert len(doors.get("/v1/procedures").json()) == len(load_catalogue())


def test_an_own_edition_in_force_comes_before_the_catalogues(doors, open_as_plant):
    keep(doors, MINE.replace('"TPP-M 01"', '"JJG 52"').replace('"2026"', '"2026 TPP"'))

    with open_as_plant() as session:
        found = store.in_force(session, "JJG 52", on=date(2026, 11, 21))
        before = store.in_force(session, "JJG 52", on=date(2025, 12, 31))

    assert found.edition.name == "JJG 52-2026 TPP"
    assert before.edition.name == "JJG 52-2013"


@pytest.fixture
def open_as_plant(doors):
    engine = doors.app.state.engine
    settings = doors.app.state.settings
    return lambda: TenantSession(engine, settings.demonstration_organization, read_only=True)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_list_leads_to_a_page_of_every_edition(doors, language):
    page = doors.get("/procedures", params={"lang": language}, headers=PAGE).text

    links = {link for link in links_of(page, "/") if link.startswith("/procedures/J")}
    links |= {link for link in links_of(page, "/") if link.startswith("/procedures/SUYUAN")}
    assert "/procedures/write" in links_of(page, "/")
    assert len(links) == len(load_catalogue())
    for link in links:
        answer = doors.get(link, params={"lang": language}, headers=PAGE)
        assert answer.status_code == 200, link


def test_the_page_shows_limits_points_readings_and_every_mark(doors):
    edition = edition_named("JJG 596", "2012").edition

    page = doors.get("/procedures/JJG 596/2012?lang=en", headers=PAGE).text

    assert len(re.findall(r'<span class="tag">unverified</span>', page)) == 9  # of class 2
    assert "class 0.2S, power factor 1, load balanced, 0.01 * i_n ≤ nominal &lt; 0.05 * i_n" in page
    assert page.count("<dt>") >= len(edition.marks)
    assert "3 fields are not verified against the regulation" in page
    zh = doors.get("/procedures/JJG 596/2012?lang=zh", headers=PAGE).text
    assert "0.2S 级, 功率因数 1, 负载 平衡" in zh


def test_an_unknown_limit_is_shown_as_not_known(doors):
    page = doors.get("/procedures/JJG 640/2016?lang=en", headers=PAGE).text

    assert "<b>not known</b>" in page


def test_a_replaced_edition_leads_to_the_one_that_replaces_it(doors):
    page = doors.get("/procedures/JJG 52/1999?lang=en", headers=PAGE).text

    assert "replaced" in page
    assert "/procedures/JJG%2052/2013" in links_of(page, "/")


def test_words_of_a_title_find_an_edition(doors):
    page = doors.get("/procedures", params={"q": "热量 2024"}, headers=PAGE).text

    assert "JJG 225-2024" in page
    assert "JJG 52-2013" not in page
    assert "JJG 225" not in doors.get("/procedures", params={"q": "none"}, headers=PAGE).text


def write(doors, **form):
    return doors.post("/procedures/write?lang=en", data=form, headers=PAGE)


def test_a_metrologist_starts_a_procedure_from_a_regulation_without_a_programmer(doors):
    regulation = doors.get("/procedures/JJG 52/2013?lang=en", headers=PAGE).text
    (start,) = {link for link in links_of(regulation, "/") if link.startswith("/procedures/write?")}
    page = doors.get(start, headers=PAGE).text
    assert "mpe_percent_90_100" in page

    checked = write(doors, toml=MINE.replace("\n", "\r\n"))

    assert checked.status_code == 200
    assert "TPP-M 01-2026" in checked.text
    kept = write(doors, toml=MINE.replace("\n", "\r\n"), keep="1")
    assert (kept.status_code, kept.headers["location"]) == (303, "/procedures/TPP-M%2001/2026")
    assert doors.get(address("TPP-M 01", "2026")).json()["toml"] == MINE


def test_a_slip_is_pointed_at_and_nothing_of_the_text_is_lost(doors):
    slip = MINE.replace('limit = "mpe / 2"', 'limit = "mpe / two"')

    answer = write(doors, toml=slip, readings="what,name,value", keep="1")

    assert answer.status_code == 422
    assert "checks[2].limit: &#39;mpe / two&#39;" in answer.text
    assert "limit = &#34;mpe / two&#34;" in answer.text
    assert "what,name,value" in answer.text
    assert not [row for row in doors.get("/v1/procedures").json() if row["is_own"]]


READINGS = """\
what,name,value
class,,1.6
parameter,span,1.6
parameter,division,0.05
environment,temperature,20
environment,humidity,50
environment,rest_time,2
standard,maximum_permissible_error,0.00125

nominal,up_before_tapping,up_after_tapping,down_before_tapping,down_after_tapping
0,0,0,0,0
0.8,0.82,0.81,0.82,0.82
1.6,1.61,1.61,1.61,1.65
"""


def test_readings_are_judged_on_the_page_and_not_recorded(doors):
    answer = write(doors, toml=MINE, readings=READINGS)

    assert answer.status_code == 200
    assert "Does not conform" in answer.text
    assert answer.text.count("exceeded") == 2  # the error falling, and the hysteresis, at 1.6 MPa
    hot = write(doors, toml=MINE, readings=READINGS.replace("temperature,20", "temperature,30"))
    assert "ambient temperature 30 °C is outside (15 ~ 25) °C" in hot.text


def test_readings_that_do_not_suit_are_pointed_at(doors):
    answer = write(doors, toml=MINE, readings=READINGS.replace("span,1.6", "span,wide"))

    assert answer.status_code == 422
    assert "/lines/3/value: must be a number" in answer.text


def test_the_text_of_an_edition_is_sent_to_start_another_from(doors):
    answer = doors.get("/procedures/JJG 52/2013/edition.toml")

    assert answer.text == JJG_52
    assert answer.headers["content-type"].startswith("application/toml")
