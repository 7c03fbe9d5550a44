"""Reading a procedure edition from its TOML text, strictly, and the catalogue that ships.

Unknown keys, missing keys, wrong types, symbols used before they exist and expressions that do not
parse are each refused with the field that is wrong.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from math import isfinite
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast, get_args

from procedures.conformity import Verdict
from procedures.edition import (
    AccuracyClass,
    Bilingual,
    CertificateKind,
    Check,
    Confidence,
    ConformityRule,
    Contributor,
    DecisionRuleOfEdition,
    EnvironmentCondition,
    LimitSegment,
    Measurand,
    Model,
    Parameter,
    ProcedureEdition,
    ProcedureKind,
    RatioRule,
    Reading,
    Rounding,
    TestPoints,
)
from procedures.errors import ProcedureError
from procedures.models import compile_model

MARKED_FIELDS = (
    "edition",
    "title",
    "measurand",
    "period",
    "classes",
    "maximum_permissible_error",
    "test_points",
    "readings",
    "checks",
    "environment",
    "ratio",
    "model",
    "contributors",
    "rounding",
    "conformity",
    "certificates",
)
STANDARD_SYMBOLS = ("standard_mpe", "standard_U")
OWN_SYMBOLS = ("nominal", "mpe", "indication", *STANDARD_SYMBOLS)
ARGUMENTS_OF_AN_EVALUATION = ("accuracy_class", "points", "environment", "standard", "edition")
NO_NAMES = ("none",)  # a model has at least one input
DISTRIBUTIONS = ("normal", "rectangular", "triangular", "u_shaped")

Choice = TypeVar("Choice", bound=StrEnum)


class EditionUnreadable(ProcedureError):
    """A procedure edition that cannot be read; names the text and the field in it."""

    def __init__(self, name: str, field: str, problem: str) -> None:
        where = f"{name}: {field}" if field else name
        super().__init__(f"{where}: {problem}")
        self.name = name
        self.field = field
        self.problem = problem


def read_edition(text: str, *, name: str) -> ProcedureEdition:
    """Read one procedure edition from its TOML text.

    Args:
        text: the TOML document.
        name: what errors call it, for instance the file's name.

    Raises:
        EditionUnreadable: with the field and what is wrong with it.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EditionUnreadable(name, "", f"is not TOML: {error}") from error
    return _read(_Table(name, "", document))


@cache
def load_catalogue() -> tuple[ProcedureEdition, ...]:
    """Return the editions that ship with the package, ordered by their file names."""
    folder = files("procedures") / "catalogue"
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return tuple(
        read_edition(entry.read_text(encoding="utf-8"), name=entry.name)
        for entry in entries
        if entry.name.endswith(".toml")
    )


class _Table:
    """A TOML table that knows its own path and which of its keys nobody has asked for."""

    def __init__(self, name: str, path: str, content: Mapping[str, Any]) -> None:
        self.name = name
        self.path = path
        self._left = dict(content)

    def refuse(self, key: str, problem: str) -> EditionUnreadable:
        return EditionUnreadable(self.name, self.field(key), problem)

    def field(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else self.path or key

    def done(self) -> None:
        if self._left:
            raise self.refuse(next(iter(self._left)), "is not a field of a procedure edition")

    def fields_left(self) -> tuple[str, ...]:
        return tuple(self._left)

    def has(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str, kind: type | tuple[type, ...], wanted: str) -> Any:
        if key not in self._left:
            raise self.refuse(key, "is missing")
        value = self._left.pop(key)
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            raise self.refuse(key, f"must be {wanted}, got {value!r}")
        return value

    def text(self, key: str) -> str:
        value = cast(str, self.take(key, str, "a text"))
        if not value.strip():
            raise self.refuse(key, "must not be empty")
        return value

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, "a list of texts") if self.has(key) else []
        for value in values:
            if not isinstance(value, str):
                raise self.refuse(key, f"must hold texts only, got {value!r}")
        return tuple(values)

    def number(self, key: str) -> float:
        value = float(self.take(key, (int, float), "a number"))
        if not isfinite(value):
            raise self.refuse(key, f"must be finite, got {value}")
        return value

    def optional_number(self, key: str) -> float | None:
        return self.number(key) if self.has(key) else None

    def day(self, key: str) -> date | None:
        if not self.has(key):
            return None
        value = self.take(key, date, "a day such as 2013-12-27")
        if isinstance(value, datetime):
            raise self.refuse(key, f"must be a day without a time, got {value}")
        return cast(date, value)

    def yes_or_no(self, key: str) -> bool:
        return cast(bool, self.take(key, bool, "true or false"))

    def choice(self, key: str, of: type[Choice]) -> Choice:
        value = self.text(key)
        try:
            return of(value)
        except ValueError:
            raise self.refuse(key, f"must be one of {_listed(of)}, got {value!r}") from None

    def word(self, key: str, among: Iterable[str]) -> str:
        value = self.text(key)
        if value not in tuple(among):
            raise self.refuse(key, f"must be one of {_listed(among)}, got {value!r}")
        return value

    def table(self, key: str) -> "_Table":
        content = self.take(key, dict, "a table")
        return _Table(self.name, self.field(key), content)

    def tables(self, key: str) -> list["_Table"]:
        entries = self.take(key, list, "a list of tables")
        if not entries:
            raise self.refuse(key, "must not be empty")
        tables = []
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict):
                raise self.refuse(f"{key}[{number}]", "must be a table")
            tables.append(_Table(self.name, f"{self.field(key)}[{number}]", entry))
        return tables

    def bilingual(self, key: str) -> Bilingual:
        table = self.table(key)
        text = Bilingual(zh=table.text("zh"), en=table.text("en"))
        table.done()
        return text

    def symbol(self, key: str, taken: Iterable[str]) -> str:
        return self.free_symbol(self.text(key), key, taken)

    def free_symbol(self, symbol: str, key: str, taken: Iterable[str]) -> str:
        if not (symbol.isascii() and symbol.isidentifier()):
            raise self.refuse(key, f"must be a symbol of letters, digits and _, got {symbol!r}")
        if symbol in tuple(taken):
            raise self.refuse(key, f"{symbol!r} already means something else")
        return symbol

    def expression(self, key: str, names: Iterable[str]) -> str:
        text = self.text(key)
        try:
            compile_model(text, tuple(names) or NO_NAMES)
        except ProcedureError as error:
            raise self.refuse(key, f"{text!r}: {error}") from error
        return text

    def optional_expression(self, key: str, names: Iterable[str]) -> str | None:
        return self.expression(key, names) if self.has(key) else None

    def expressions(self, key: str, names: Iterable[str]) -> Mapping[str, str]:
        table = self.table(key)
        names = tuple(names)
        read = {entry: table.expression(entry, names) for entry in table.fields_left()}
        if not read:
            raise self.refuse(key, "must not be empty")
        return MappingProxyType(read)


def _read(document: _Table) -> ProcedureEdition:
    parameters = _parameters(document)
    classes = _classes(document, [parameter.symbol for parameter in parameters])
    figures = [parameter.symbol for parameter in parameters] + list(classes[0].figures)
    readings = _readings(document, figures)
    at_a_point = [*figures, "nominal", "mpe"]
    checks = _checks(document, at_a_point, [reading.symbol for reading in readings])
    edition = ProcedureEdition(
        code=document.text("code"),
        edition=document.text("edition"),
        kind=document.choice("kind", ProcedureKind),
        title=document.bilingual("title"),
        issued_on=document.day("issued_on"),
        in_force_from=document.day("in_force_from"),
        in_force_until=document.day("in_force_until"),
        replaces=document.texts("replaces"),
        measurand=_measurand(document),
        period_months=_period(document),
        parameters=parameters,
        classes=classes,
        maximum_permissible_error=_segments(document, figures),
        test_points=_test_points(document, figures),
        readings=readings,
        checks=checks,
        environment=_environment(document),
        ratio=_ratio(document),
        contributors=_contributors(document, [*at_a_point, "indication", *STANDARD_SYMBOLS]),
        model=_model(document, checks, [*at_a_point, *(reading.symbol for reading in readings)]),
        rounding=_rounding(document, figures),
        conformity=_conformity(document),
        certificates=_certificates(document),
        marks=_marks(document),
    )
    document.done()
    _require_known_symbols(document, edition)
    return edition


def _parameters(document: _Table) -> tuple[Parameter, ...]:
    table = document.table("parameters")
    parameters: list[Parameter] = []
    taken = [*OWN_SYMBOLS, *ARGUMENTS_OF_AN_EVALUATION]
    for symbol in table.fields_left():
        table.free_symbol(symbol, symbol, taken)
        entry = table.table(symbol)
        default = entry.optional_expression("default", [known.symbol for known in parameters])
        parameters.append(
            Parameter(
                symbol=symbol,
                unit=entry.text("unit"),
                title=entry.bilingual("title"),
                default=default,
                confidence=None if default is None else entry.choice("mark", Confidence),
                note=entry.optional_text("note") or "",
            )
        )
        entry.done()
    return tuple(parameters)


def _classes(document: _Table, parameters: list[str]) -> tuple[AccuracyClass, ...]:
    classes: list[AccuracyClass] = []
    spellings: list[str] = []
    for entry in document.tables("classes"):
        figures_table = entry.table("figures")
        figures = {
            figures_table.free_symbol(key, key, [*parameters, *OWN_SYMBOLS]): figures_table.number(
                key
            )
            for key in figures_table.fields_left()
        }
        accuracy_class = AccuracyClass(
            name=entry.text("name"),
            also=entry.texts("also"),
            figures=MappingProxyType(figures),
        )
        entry.done()
        for spelling in (accuracy_class.name, *accuracy_class.also):
            if spelling in spellings:
                raise entry.refuse("name", f"{spelling!r} is already a class")
            spellings.append(spelling)
        if classes and set(figures) != set(classes[0].figures):
            raise entry.refuse(
                "figures", f"must be {_listed(classes[0].figures)}, as in the first class"
            )
        classes.append(accuracy_class)
    return tuple(classes)


def _segments(document: _Table, figures: list[str]) -> tuple[LimitSegment, ...]:
    entries = document.tables("maximum_permissible_error")
    segments = []
    for number, entry in enumerate(entries):
        is_last = number == len(entries) - 1
        if is_last and entry.has("below"):
            raise entry.refuse("below", "the last segment has no end")
        segments.append(
            LimitSegment(
                below=None if is_last else entry.expression("below", figures),
                expression=entry.expression("expression", [*figures, "nominal"]),
            )
        )
        entry.done()
    return tuple(segments)


def _test_points(document: _Table, figures: list[str]) -> TestPoints:
    table = document.table("test_points")
    required = table.texts("required")
    for number, expression in enumerate(required):
        _Table(table.name, table.path, {f"required[{number}]": expression}).expression(
            f"required[{number}]", figures
        )
    points = TestPoints(rule=table.bilingual("rule"), required=required)
    table.done()
    return points


def _readings(document: _Table, figures: list[str]) -> tuple[Reading, ...]:
    readings: list[Reading] = []
    for entry in document.tables("readings"):
        taken = [*figures, *OWN_SYMBOLS, *(reading.symbol for reading in readings)]
        readings.append(
            Reading(symbol=entry.symbol("symbol", taken), label=entry.bilingual("label"))
        )
        entry.done()
    return tuple(readings)


def _checks(document: _Table, at_a_point: list[str], readings: list[str]) -> tuple[Check, ...]:
    checks: list[Check] = []
    for entry in document.tables("checks"):
        check = Check(
            name=entry.symbol("name", [known.name for known in checks]),
            title=entry.bilingual("title"),
            values=entry.expressions("values", [*at_a_point, *readings]),
            limit=entry.expression("limit", at_a_point),
            reported=entry.yes_or_no("reported"),
        )
        entry.done()
        checks.append(check)
    return tuple(checks)


def _measurand(document: _Table) -> Measurand:
    table = document.table("measurand")
    measurand = Measurand(name=table.bilingual("name"), unit=table.text("unit"))
    table.done()
    return measurand


def _period(document: _Table) -> int | None:
    if not document.has("period"):
        return None
    table = document.table("period")
    months = cast(int, table.take("months", int, "a whole number of months"))
    if months < 1:
        raise table.refuse("months", f"must be ≥ 1, got {months}")
    table.done()
    return months


def _environment(document: _Table) -> tuple[EnvironmentCondition, ...]:
    if not document.has("environment"):
        return ()
    table = document.table("environment")
    conditions = []
    for name in table.fields_left():
        entry = table.table(name)
        condition = EnvironmentCondition(
            name=name,
            title=entry.bilingual("title"),
            unit=entry.text("unit"),
            lowest=entry.optional_number("lowest"),
            highest=entry.optional_number("highest"),
        )
        entry.done()
        if condition.lowest is None and condition.highest is None:
            raise table.refuse(name, "needs lowest, highest or both")
        conditions.append(condition)
    return tuple(conditions)


def _ratio(document: _Table) -> RatioRule | None:
    if not document.has("ratio"):
        return None
    table = document.table("ratio")
    basis = cast(Literal["MPE/MPE", "U/MPE"], table.word("basis", ("MPE/MPE", "U/MPE")))
    rule = RatioRule(basis=basis, maximum=table.number("maximum"))
    if not rule.maximum > 0:
        raise table.refuse("maximum", f"must be > 0, got {rule.maximum}")
    table.done()
    return rule


def _contributors(document: _Table, names: list[str]) -> tuple[Contributor, ...]:
    contributors: list[Contributor] = []
    for entry in document.tables("contributors"):
        contributor = Contributor(
            symbol=entry.symbol("symbol", [known.symbol for known in contributors]),
            source=entry.bilingual("source"),
            evaluation=cast(Literal["A", "B"], entry.word("evaluation", ("A", "B"))),
            distribution=cast(
                Literal["normal", "rectangular", "triangular", "u_shaped"],
                entry.word("distribution", DISTRIBUTIONS),
            ),
            estimate=entry.optional_expression("estimate", names) or "0",
            half_width=entry.optional_expression("half_width", names),
            standard_uncertainty=entry.optional_expression("standard_uncertainty", names),
            degrees_of_freedom=entry.optional_number("degrees_of_freedom"),
        )
        entry.done()
        _require_one_width(entry, contributor)
        contributors.append(contributor)
    return tuple(contributors)


def _require_one_width(entry: _Table, contributor: Contributor) -> None:
    wanted = "standard_uncertainty" if contributor.distribution == "normal" else "half_width"
    given = [
        key
        for key in ("half_width", "standard_uncertainty")
        if getattr(contributor, key) is not None
    ]
    if given != [wanted]:
        raise entry.refuse(wanted, f"a {contributor.distribution} distribution takes this alone")


def _model(document: _Table, checks: tuple[Check, ...], names: list[str]) -> Model:
    table = document.table("model")
    by_name = {check.name: check for check in checks}
    judges = table.word("judges", by_name)
    model = Model(
        expression=table.text("expression"),
        judges=judges,
        indications=table.expressions("indications", names),
        coverage_factor=table.number("coverage_factor"),
    )
    table.done()
    if set(model.indications) != set(by_name[judges].values):
        raise table.refuse("indications", f"must be those of {_listed(by_name[judges].values)}")
    if not model.coverage_factor > 0:
        raise table.refuse("coverage_factor", f"must be > 0, got {model.coverage_factor}")
    return model


def _rounding(document: _Table, figures: list[str]) -> Rounding:
    table = document.table("rounding")
    judged = table.word("judged", ("calculated", "rounded"))
    rounding = Rounding(
        step=table.expression("step", figures),
        judged=cast(Literal["calculated", "rounded"], judged),
    )
    table.done()
    return rounding


def _conformity(document: _Table) -> ConformityRule:
    table = document.table("conformity")
    rule = ConformityRule(
        rule=cast(DecisionRuleOfEdition, table.word("rule", get_args(DecisionRuleOfEdition))),
        reason=table.bilingual("reason"),
    )
    table.done()
    return rule


def _certificates(document: _Table) -> Mapping[Verdict, CertificateKind]:
    table = document.table("certificates")
    kinds: dict[Verdict, CertificateKind] = {}
    for verdict in Verdict:
        if table.has(verdict):
            kinds[verdict] = table.choice(verdict, CertificateKind)
    table.done()
    return MappingProxyType(kinds)


def _marks(document: _Table) -> Mapping[str, Confidence]:
    table = document.table("marks")
    marks = {field: table.choice(field, Confidence) for field in MARKED_FIELDS}
    table.done()
    return MappingProxyType(marks)


def _require_known_symbols(document: _Table, edition: ProcedureEdition) -> None:
    """Compile the model last, when every contributor is known."""
    symbols = [contributor.symbol for contributor in edition.contributors]
    whole = _Table(document.name, "model", {"expression": edition.model.expression})
    whole.expression("expression", symbols)


def _listed(values: Iterable[str]) -> str:
    return ", ".join(str(value) for value in values)
