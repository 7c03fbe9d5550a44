"""A certificate as PDF/A-3a and PDF/UA-1, with its digital calibration certificate attached."""

from certificates.pdf.typeset import Typesetter

__all__ = ["Typesetter"]
