"""Anyone's digital certificate: PTB's, Siemens' and lutaml's examples, ours, and hostile ones.

What a file says is counted here from the file itself, leaf by leaf, and compared with what the
reading holds in its fields; the list of unread leaves does not count.
"""

from collections import Counter
from dataclasses import fields, is_dataclass, replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from certificates.content import Amendment, ResultRow, Stage
from certificates.dcc import compile_schema, d_si_unit, read_dcc, schema_errors, write_dcc
from certificates.errors import DccUnreadable, SchemaUnknown
from procedures.conformity import Verdict

NOT_FACTS = ("dataBase64", "latex")


@pytest.fixture(scope="module")
def examples(shared_dir):
    """The example files that are digital calibration certificates, by their path."""
    root = shared_dir / "data/dcc/examples"
    files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.xml")}
    return {
        name: document
        for name, document in files.items()
        if b"digitalCalibrationCertificate" in document and "invalid_syntax" not in name
    }


@pytest.fixture(scope="module")
def schemas(dcc_schemas):
    """PTB's schemas by their path, as the caller holds them."""
    return {
        path.relative_to(dcc_schemas).as_posix(): path.read_bytes()
        for path in dcc_schemas.rglob("*.xsd")
    }


def facts_in(document):
    """Return the words and digits of all leaves of a file, but for files, formulas, signatures."""
    facts: Counter[str] = Counter()
    parser = etree.XMLParser(remove_comments=True, remove_pis=True)
    for leaf in etree.fromstring(document, parser).iter():
        above = [leaf.tag, *(ancestor.tag for ancestor in leaf.iterancestors())]
        foreign = any("xmldsig" in tag or tag.endswith(("}mathml", "}xml")) for tag in above)
        if not len(leaf) and not foreign and not leaf.tag.endswith(NOT_FACTS):
            facts.update((leaf.text or "").split())
    return facts


def facts_of(reading):
    """Return the words and digits that the fields of a reading hold, but for what is unread."""
    facts: Counter[str] = Counter()
    for text in texts_of(reading):
        facts.update(text.split())
    return facts


def texts_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, date):
        yield value.isoformat()
    elif isinstance(value, tuple):
        for member in value:
            yield from texts_of(member)
    elif is_dataclass(value):
        for field in fields(value):
            if field.name not in {"unread", "problems", "schema_version", "table"}:
                yield from texts_of(getattr(value, field.name))


def numbers_in(document, *names):
    """Return the words in all D-SI elements of these names, of single values or of lists."""
    found: Counter[str] = Counter()
    for element in etree.fromstring(document).iter("{https://ptb.de/si}*"):
        if etree.QName(element).localname.removesuffix("XMLList") in names:
            found.update((element.text or "").split())
    return found


# --- Everybody's ----------------------------------------------------------------------------------


def test_every_example_is_read_and_its_facts_are_kept(examples):
    kept = {}
    for name, document in examples.items():
        present = facts_in(document)
        lost = present - facts_of(read_dcc(document))
        kept[name] = 1 - lost.total() / present.total()

    assert len(kept) == 22
    assert min(kept.values()) >= 0.99, kept


def test_every_number_of_every_example_stands_as_a_number_in_the_reading(examples):
    counted = 0
    for name, document in examples.items():
        quantities = list(quantities_of(read_dcc(document)))
        numbers = [each for quantity in quantities for each in quantity.numbers + quantity.relative]
        stated = [each.uncertainty for each in numbers if each.uncertainty is not None]

        values = Counter(value for each in numbers for value in each.values)
        uncertainties = Counter(value for each in stated for value in each.values)

        assert values == numbers_in(document, "value"), name
        assert uncertainties == numbers_in(
            document, "uncertainty", "valueExpandedMU", "valueStandardMU", "standardUnc"
        ), name
        counted += values.total()
    assert counted > 400


def quantities_of(certificate):
    """Yield every quantity of a reading, wherever it stands."""
    for owner in (
        certificate,
        *certificate.items,
        *certificate.equipment,
        *certificate.methods,
        *certificate.conditions,
        *certificate.statements,
    ):
        for quantity in owner.quantities:
            yield quantity
            for statement in quantity.meta_data:
                yield from statement.quantities


def test_the_good_practice_example_of_a_thermometer_is_read_row_by_row(examples):
    certificate = read_dcc(examples["siemens-pydcc/dcc_gp_temperature_typical_v12.xml"])

    assert certificate.schema_version == "3.1.1"
    assert certificate.laboratory is not None
    assert certificate.laboratory.name.text("de") == "Kalibrierfirma GmbH"
    assert certificate.items[0].identifications[0].issuer == "manufacturer"
    assert certificate.equipment[0].name.text("en") == "Pt 100 thermometer"
    errors = [row for row in certificate.results() if row.expanded_uncertainty is not None]
    assert [row.nominal for row in errors] == [
        "306.248",
        "373.121",
        "448.253",
        "523.319",
        "593.154",
    ]
    assert [row.value for row in errors] == ["0.072", "0.089", "0.107", "-0.009", "-0.084"]
    assert {row.expanded_uncertainty for row in errors} == {"0.061"}
    assert {(row.coverage_factor, row.coverage_probability) for row in errors} == {("2", "0.95")}
    assert {row.unit for row in errors} == {r"\kelvin"}
    assert {row.conformity for row in errors} == {"pass"}


def test_the_certificates_of_the_standards_are_read(examples):
    certificate = read_dcc(examples["siemens-pydcc/dcc_gp_humidity_v1.0.xml"])

    referrals = [each.certificate for each in certificate.equipment if each.certificate]

    assert [(each.number, each.procedure) for each in referrals] == [
        ("GP-mE-Certificate-x", "analogue"),
        ("GP-mE-Certificate-y", "SHA256"),
    ]


def test_before_and_after_adjustment_are_told_apart_in_others_documents(examples):
    name = "siemens-pydcc/dcc_gp_temperature_typical_adjustment_v12.xml"

    conditions = read_dcc(examples[name]).conditions

    assert [each.status for each in conditions if each.status] == ["beforeAdjustment"]
    assert any(each.quantities for each in conditions if each.status == "beforeAdjustment")


def test_older_schemas_give_the_sphere_its_values_and_uncertainties(examples):
    certificate = read_dcc(examples["lutaml/spec/fixtures/dcc_examples/siliziumkugel.xml"])

    assert certificate.schema_version == "2.3.0"
    assert len(certificate.results()) == 2
    assert all(row.expanded_uncertainty and row.coverage_factor for row in certificate.results())


def test_signed_files_are_known_to_be_signed(examples):
    signed = {name for name, document in examples.items() if read_dcc(document).is_signed}

    assert signed == {name for name in examples if "signed" in name or "signature" in name}


def test_a_file_that_its_schema_refuses_is_read_and_its_errors_are_told(examples, schemas):
    wrong = examples["dcclib/invalid_schema.xml"]
    schema = compile_schema(schemas, "3.3.0")

    assert schema_errors(wrong, schema)
    assert schema_errors(examples["dcclib/valid.xml"], schema) == ()
    assert read_dcc(wrong).results()


# --- Ours -----------------------------------------------------------------------------------------


def test_what_we_export_is_what_we_import(certificate):
    read = read_dcc(write_dcc(certificate))

    assert read.number == certificate.number
    assert (read.issued_on, read.performed_to, read.received_on) == (
        certificate.issued_on,
        certificate.performed_on,
        certificate.received_on,
    )
    assert read.laboratory is not None
    assert read.laboratory.name.contents == (
        ("zh", certificate.laboratory.name_zh),
        ("en", certificate.laboratory.name_en),
    )
    assert read.items[0].name.text("en") == certificate.item.name_en
    assert [person.name.text("zh") for person in read.persons] == [
        signatory.name_zh for signatory in certificate.signatories
    ]
    assert [
        (each.certificate.number, each.certificate.value)
        for each in read.equipment
        if each.certificate is not None
    ] == [
        (standard.certificate_number, standard.certificate_sha256)
        for standard in certificate.standards
    ]
    assert [row_read(row) for row in read.results()] == [
        row_written(row) for row in certificate.results
    ]
    assert read.unread == ()
    assert read.problems == ()


DIGITS = st.decimals(-(10**6), 10**6, places=3).map(lambda number: f"{number:f}")
UNITS = st.sampled_from(["MPa", "°C", "%", "m³/h", "µmol/mol", "Ω", ""])
UNCERTAINTIES = st.tuples(
    st.integers(1, 99).map(lambda digits: f"{digits / 1000:.3f}"),
    st.sampled_from(["2", "2.00", "1.96", "2.87", "3"]),
    st.sampled_from(["0.95", "0.9545", "0.99"]),
)
ROWS = st.builds(
    lambda name, nominal, value, unit, uncertainty, limit, verdict: ResultRow(
        measurand_zh=name,
        measurand_en=name,
        nominal=nominal,
        unit=unit,
        estimate=value,
        expanded_uncertainty=uncertainty[0],
        coverage_factor=uncertainty[1],
        coverage_probability=uncertainty[2],
        limit=limit,
        verdict=verdict,
    ),
    st.sampled_from(["示值误差", "回程误差"]),
    st.none() | DIGITS,
    DIGITS,
    UNITS,
    UNCERTAINTIES,
    st.none() | st.sampled_from(["±0.5", "±1.25E-2"]),
    st.sampled_from([None, Verdict.PASS, Verdict.CONDITIONAL_PASS]),
)


@settings(deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=8))
def test_any_results_come_back_row_by_row_to_the_last_digit(verification, rows):
    content = replace(verification, results=tuple(rows))

    read = read_dcc(write_dcc(content)).results()

    said = {Verdict.CONDITIONAL_PASS.value: "conditionalPass"}
    written = [row_written(row) for row in rows]
    assert [row_read(row) for row in read] == [
        (*row[:-1], said.get(row[-1], row[-1])) for row in written
    ]


def row_read(row):
    return (
        row.result.text("zh"),
        row.nominal,
        row.value,
        row.unit,
        row.expanded_uncertainty,
        row.coverage_factor,
        row.coverage_probability,
        row.lower_limit,
        row.upper_limit,
        row.conformity,
    )


def row_written(row):
    limit = row.limit.removeprefix("±") if row.limit else None
    return (
        row.measurand_zh,
        row.nominal,
        row.estimate,
        d_si_unit(row.unit),
        row.expanded_uncertainty,
        row.coverage_factor,
        row.coverage_probability,
        f"-{limit}" if limit else None,
        limit,
        row.verdict.value if row.verdict else None,
    )


def test_the_rarer_statements_come_back_too(verification):
    first, *_ = verification.results
    content = replace(
        verification,
        results=(
            replace(first, stage=Stage.AS_FOUND, estimate="0.05", verdict=Verdict.CONDITIONAL_FAIL),
            replace(first, stage=Stage.AS_LEFT, coverage_probability=None),
            replace(first, expanded_uncertainty="0.5", expanded_uncertainty_unit="%"),
            replace(first, limit="≤ 0.0256", verdict=Verdict.UNDETERMINED),
        ),
        amends=Amendment(
            number="TPP-2026-00122-7",
            reason_zh="更正",
            reason_en="correction",
            certificate_sha256="cd" * 32,
        ),
    )

    read = read_dcc(write_dcc(content))
    found, left, relative, one_sided = read.results()

    assert (found.stage, found.conformity) == ("beforeAdjustment", "conditionalFail")
    assert left.stage == "afterAdjustment"
    assert (left.expanded_uncertainty, left.coverage_factor) == ("0.0070", "2")
    assert left.coverage_probability is None
    assert (relative.expanded_uncertainty, relative.expanded_uncertainty_unit) == (
        "0.5",
        r"\percent",
    )
    assert relative.coverage_probability == "0.95"
    assert (one_sided.lower_limit, one_sided.upper_limit) == (None, "0.0256")
    assert one_sided.conformity == "noPass"
    assert read.previous is not None
    assert (read.replaces, read.previous.value) == ("TPP-2026-00122-7", "cd" * 32)


# --- Nobody's -------------------------------------------------------------------------------------

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE bomb [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>
<digitalCalibrationCertificate>&d;</digitalCalibrationCertificate>"""
OUTSIDE = b"""<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/hostname">]>
<digitalCalibrationCertificate>&file;</digitalCalibrationCertificate>"""


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "not well-formed"),
        (b"%PDF-1.7", "not well-formed"),
        (b"<a><b></a>", "not well-formed"),
        (b"<html/>", "the root is html"),
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        (b"<a>" * 100_000, "deeper elements"),
        (b"<x>" + b" " * 33 * 2**20 + b"</x>", "larger than"),
    ],
)
def test_what_is_no_certificate_is_refused_with_the_reason(document, reason):
    with pytest.raises(DccUnreadable, match=reason):
        read_dcc(document)


def test_an_empty_certificate_is_read_and_its_gaps_are_told():
    certificate = read_dcc(b"<digitalCalibrationCertificate/>")

    assert certificate.results() == ()
    assert set(certificate.problems) == {
        "no schemaVersion",
        "no administrativeData",
        "no coreData",
        "no uniqueIdentifier",
        "no measurementResults",
    }


def test_a_date_that_is_none_is_told(verification):
    document = write_dcc(verification).replace(
        b"<dcc:issueDate>2026-11-21</dcc:issueDate>", b"<dcc:issueDate>soon</dcc:issueDate>"
    )

    certificate = read_dcc(document)

    assert certificate.issued_on is None
    assert certificate.problems == ("issueDate: 'soon' is no date",)


def test_schemas_that_are_not_there_are_named(schemas):
    with pytest.raises(SchemaUnknown) as refusal:
        compile_schema(schemas, "9.9.9")
    assert refusal.value.path == "dcc/v9.9.9/dcc.xsd"

    without_units = {path: text for path, text in schemas.items() if not path.startswith("si/")}
    with pytest.raises(SchemaUnknown, match="SI_Format"):
        compile_schema(without_units, "3.3.0")
