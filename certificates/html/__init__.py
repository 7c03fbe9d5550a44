"""A certificate as a page for the screen and the printer."""

from certificates.html.page import render_fragment, render_html, stylesheet

__all__ = ["render_fragment", "render_html", "stylesheet"]
