"""What stands around a page: headers, language, theme, errors, and refusals of other sites."""

import re

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import Headers

from service.web.frame import CONTENT_SECURITY_POLICY, comes_from_another_site
from service.web.i18n import choose_language


@pytest.mark.parametrize(
    ("query", "cookies", "accepted", "language"),
    [
        ({"lang": "zh"}, {"lang": "en"}, "en", "zh"),
        ({"lang": "xx"}, {"lang": "zh"}, "en", "zh"),
        ({}, {}, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ({}, {}, "en;q=0.2, zh-Hant-TW;q=0.7", "zh"),
        ({}, {}, "zh;q=0, fr", "en"),
        ({}, {}, "zh;q=many", "en"),
        ({}, {}, "", "en"),
    ],
)
def test_a_language_is_asked_for_or_remembered_or_accepted(query, cookies, accepted, language):
    assert choose_language(query, cookies, accepted) == language


def test_an_answer_says_its_language_and_what_it_varies_with(client: TestClient):
    answer = client.get("/sample/home", headers={"accept-language": "zh-CN"})

    assert answer.headers["content-language"] == "zh-Hans"
    assert '<html lang="zh-Hans"' in answer.text
    assert "Accept-Language, Cookie" in answer.headers["vary"]
    assert "set-cookie" not in answer.headers


def test_a_language_asked_for_is_remembered(client: TestClient):
    answer = client.get("/sample/home?lang=zh")
    again = client.get("/sample/home", headers={"accept-language": "en"})
    client.cookies.clear()

    assert "lang=zh" in answer.headers["set-cookie"]
    assert "查证书" in again.text


def test_the_other_language_keeps_the_question(client: TestClient):
    html = client.get("/sample/one?q=00 12&on=2026-11-21").text

    assert 'href="?q=00+12&amp;on=2026-11-21&amp;lang=zh"' in html


@pytest.mark.parametrize("path", ["/sample/home", "/static/app.css", "/openapi.json", "/nowhere"])
def test_every_answer_carries_the_security_headers(client: TestClient, path):
    answer = client.get(path)

    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"


def test_the_policy_allows_nothing_inline():
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_a_theme_is_remembered_and_leads_back(client: TestClient):
    answer = client.post(
        "/prefs",
        data={"theme": "dark"},
        headers={"referer": "http://testserver/due?q=x", "sec-fetch-site": "same-origin"},
    )
    html = client.get("/sample/home").text
    client.cookies.clear()

    assert (answer.status_code, answer.headers["location"]) == (303, "/due?q=x")
    assert 'data-theme="dark"' in html


@pytest.mark.parametrize(
    "referer", ["http://elsewhere.example/due", "http://testserver//elsewhere.example", ""]
)
def test_a_theme_never_leads_to_another_site(client: TestClient, referer):
    answer = client.post("/prefs", data={"theme": "neon"}, headers={"referer": referer})
    client.cookies.clear()

    assert answer.headers["location"] == "/"
    assert "theme=auto" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "http://elsewhere.example", "host": "testserver"}, True),
        ({"origin": "null", "host": "testserver"}, True),
        ({"origin": "http://testserver", "host": "testserver"}, False),
        ({}, False),
    ],
)
def test_a_browser_that_writes_for_another_site_is_refused(headers, refused):
    assert comes_from_another_site("POST", Headers(headers)) == refused
    assert not comes_from_another_site("GET", Headers(headers))


def test_a_refusal_changes_nothing(client: TestClient):
    answer = client.post("/prefs", data={"theme": "dark"}, headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/nowhere", 404, "There is no such page"),
        ("/sample-number?on=tomorrow", 422, "The request cannot be read"),
        ("/sample-crash", 500, "Something broke here"),
    ],
)
def test_a_browser_is_told_of_an_error_on_a_page(client: TestClient, path, status, told):
    answer = client.get(path)

    assert answer.status_code == status
    assert told in answer.text
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


def test_an_unreadable_field_is_named(client: TestClient):
    assert '<dt class="code">on</dt>' in client.get("/sample-number?on=tomorrow").text


def test_a_program_is_told_of_an_error_as_before(client: TestClient):
    answer = client.get("/nowhere", headers={"accept": "application/json"})

    assert answer.json() == {"detail": "Not Found"}


def test_the_page_of_the_api_asks_only_our_own_server(client: TestClient):
    html = client.get("/api/docs").text

    named = re.findall(r'(?:href|src)="(/(?:static|vendor)/[^"]+)"', html)
    assert 'data-url="/openapi.json"' in html
    assert len(named) == 5
    assert [client.get(path).status_code for path in named] == [200] * 5
    assert "validatorUrl: null" in client.get("/static/apidocs.js").text


def test_the_pages_are_no_part_of_the_api(client: TestClient):
    paths = client.get("/openapi.json").json()["paths"]

    assert not {"/prefs", "/api/docs", "/static/certificate.css"} & set(paths)


def test_a_drawing_stands_alone(client: TestClient):
    answer = client.get("/sample-drawing", headers={"accept-language": "zh"})

    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.text.startswith("<svg xmlns=")
    assert "中国计量科学研究院" in answer.text
