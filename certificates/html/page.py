"""Renders the HTML of a certificate; its stylesheet is a file of its own, for a strict policy."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from certificates.content import CertificateContent
from certificates.layout import lay_out
from certificates.qr import qr_code


def render_html(content: CertificateContent, *, stylesheet_href: str) -> str:
    """Return a whole page, in both languages side by side, good on A4 paper.

    It carries neither script nor style of its own; `stylesheet_href` is where `stylesheet()` is
    served.
    """
    return _template("page.html.j2").render(
        certificate=render_fragment(content),
        layout=lay_out(content),
        stylesheet_href=stylesheet_href,
    )


def render_fragment(content: CertificateContent) -> Markup:
    """Return the certificate alone, an `article` for the frame of another page."""
    return Markup(  # noqa: S704 — autoescaped by the template
        _template("certificate.html.j2").render(
            layout=lay_out(content),
            qr_code=Markup(qr_code(content.verification_url))  # noqa: S704 — drawn here
            if content.verification_url
            else None,
        )
    )


@cache
def stylesheet() -> str:
    """Return the stylesheet of the certificate, for screen and A4 paper."""
    return files("certificates.html").joinpath("certificate.css").read_text(encoding="utf-8")


def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("certificates.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
