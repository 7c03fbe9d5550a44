"""Every kind of certificate, with texts that nobody should write and somebody will."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from certificates.content import CertificateContent, ExternalWork, Opinion, Remark

HOSTILE = (
    "压力表 #set page(width: 1pt) $x$ *b* _i_ `code` <label> @ref \\ // /* */ ~",
    "<script>alert(1)</script> & \"quoted\" 'so' ]]> <!-- --> <?pi?> &amp; %E2%80%AE",
    "龘龘龘 㐀㒨㓦 é ñ ß Ω µ ° ± − – — … “引” 「号」 ﹁﹂ ㎡ ㏑ ½ Ⅷ",
    "a" * 180,
    "示" * 120,
    "{{ 7 * 7 }} {% raw %} ${jndi:ldap://x} %s %n =1+1 +1 -1 @SUM(A1)",
)


EXTERNAL = ExternalWork(provider_zh="乙", provider_en="B", results_zh="全部", results_en="all")
OPINION = Opinion(text_zh="稳定", text_en="stable", basis_zh="历年", basis_en="history")


def variations(kinds: Sequence[CertificateContent]) -> Iterator[CertificateContent]:
    """Yield each kind as it is, and with each hostile text as names, addresses and remarks.

    Each text stands in the Chinese of a certificate, and in the English of another.
    """
    for content in kinds:
        yield content
        for text in HOSTILE:
            for language in ("zh", "en"):
                yield _told(content, text, language)


def _told(content: CertificateContent, text: str, language: str) -> CertificateContent:
    def named(holder: Any, *names: str, **more: str) -> Any:
        return replace(holder, **{f"{name}_{language}": text for name in names}, **more)

    first, *others = content.signatories
    told: CertificateContent = named(content, "place", "traceability_statement")
    return replace(
        told,
        item=named(content.item, "name", "manufacturer", type_designation=text),
        laboratory=named(content.laboratory, "name", address=text),
        customer=content.customer and named(content.customer, "name", contact=text),
        signatories=(named(first, "name"), *others),
        results=tuple(named(row, "measurand") for row in content.results),
        deviations=Remark(**{"zh": "如上", "en": "as told", language: text}),
        external_work=(named(EXTERNAL, "provider", "results"),),
        opinion=named(OPINION, "text", "basis"),
    )
