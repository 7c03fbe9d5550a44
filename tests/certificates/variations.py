"""Every kind of certificate, with texts that nobody should write and somebody will."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from certificates.content import CertificateContent

HOSTILE = (
    "压力表 #set page(width: 1pt) $x$ *b* _i_ `code` <label> @ref \\ // /* */ ~",
    "<script>alert(1)</script> & \"quoted\" 'so' ]]> <!-- --> <?pi?> &amp; %E2%80%AE",
    "龘龘龘 㐀㒨㓦 é ñ ß Ω µ ° ± − – — … “引” 「号」 ﹁﹂ ㎡ ㏑ ½ Ⅷ",
    "a" * 180,
    "示" * 120,
    "{{ 7 * 7 }} {% raw %} ${jndi:ldap://x} %s %n =1+1 +1 -1 @SUM(A1)",
)


def variations(kinds: Sequence[CertificateContent]) -> Iterator[CertificateContent]:
    """Yield each kind as it is, and with each hostile text as names, addresses and remarks.

    A text stands in one language or in both: readers of either see it.
    """
    for content in kinds:
        yield content
        for n, text in enumerate(HOSTILE):
            yield _told(content, text, in_english=n % 2 == 0)


def _told(content: CertificateContent, text: str, *, in_english: bool) -> CertificateContent:
    first, *others = content.signatories
    item = replace(content.item, name_zh=text, type_designation=text)
    results = [replace(row, measurand_zh=text) for row in content.results]
    if in_english:
        item = replace(item, name_en=text)
        results = [replace(row, measurand_en=text) for row in results]
    return replace(
        content,
        item=item,
        laboratory=replace(content.laboratory, name_zh=text, address=text),
        customer=content.customer and replace(content.customer, name_zh=text, contact=text),
        place_zh=text,
        traceability_statement_zh=text,
        signatories=(replace(first, name_zh=text), *others),
        results=tuple(results),
    )
