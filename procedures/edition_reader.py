"""Reading a procedure edition from its TOML text, strictly, and the catalogue that ships.

Unknown keys, missing keys, wrong types, symbols used before they exist and expressions that do not
parse are each refused with the field that is wrong.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cache, partial
from importlib.resources import files
from math import isfinite
from string import Formatter
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast, get_args

from procedures.conformity import Verdict
from procedures.edition import (
    MAIN_TEST,
    NO_CLASS,
    AccuracyClass,
    Bilingual,
    CertificateKind,
    Check,
    Confidence,
    ConformityRule,
    Contributor,
    DecisionRuleOfEdition,
    Derived,
    EnvironmentCase,
    EnvironmentCondition,
    Inspection,
    LimitSegment,
    Measurand,
    Model,
    Option,
    Parameter,
    PeriodCase,
    PointCondition,
    ProcedureEdition,
    ProcedureKind,
    RatioCase,
    RatioRule,
    Reading,
    RequiredPoint,
    RequiredStandard,
    Rounding,
    Summary,
    TestPoints,
)
from procedures.errors import ProcedureError
from procedures.models import compile_model, identifiers

ALWAYS_MARKED = (
    "edition",
    "title",
    "measurand",
    "test_points",
    "readings",
    "checks",
    "model",
    "contributors",
    "rounding",
    "conformity",
    "certificates",
)
MARKED_WHERE_PRESENT = (
    "measuring_interval",
    "period",
    "classes",
    "maximum_permissible_error",
    "inspections",
    "environment",
    "standards",
    "ratio",
)
MARKED_FIELDS = (*ALWAYS_MARKED, *MARKED_WHERE_PRESENT)
STATISTICS = ("s", "range", "min", "max", "n", "t")  # of repeats; the symbol is their mean
SENSES = ("at_most", "at_least", "none")
UNKNOWN = "unknown"  # the word that stands where a limit is not known
STANDARD_SYMBOLS = ("standard_mpe", "standard_U")
OWN_SYMBOLS = ("nominal", "mpe", "indication", *STANDARD_SYMBOLS)
ARGUMENTS_OF_AN_EVALUATION = (
    "accuracy_class",
    "points",
    "environment",
    "standard",
    "edition",
    "options",
    "inspections",
)
NO_NAMES = ("none",)  # a model has at least one input
DISTRIBUTIONS = ("normal", "rectangular", "triangular", "u_shaped")
TAKEN = ("max", "min", "mean", "range", "s", "sum", "count", "at")
PLACEHOLDERS = ("accuracy_class", "failed")
LARGEST_NUMBER = 1e300
LONGEST_QUOTE = 60  # characters of what is refused

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
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError is the first of these
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
        self._names = tuple(content)

    def refuse(self, key: str, problem: str) -> EditionUnreadable:
        return EditionUnreadable(self.name, self.field(key), problem)

    def field(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else self.path or key

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that the table came with."""
        return self._names

    def among(self, key: str, known: Iterable[str]) -> str:
        if key not in tuple(known):
            raise self.refuse(key, f"is not among {_listed(known)}")
        return key

    def done(self) -> None:
        if self._left:
            raise self.refuse(
                next(iter(self._left)), "is not a field of a procedure edition; take it out"
            )

    def fields_left(self) -> tuple[str, ...]:
        return tuple(self._left)

    def has(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str, kind: type | tuple[type, ...], wanted: str) -> Any:
        if key not in self._left:
            raise self.refuse(key, f"is missing; give {wanted}")
        value = self._left.pop(key)
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            raise self.refuse(key, f"must be {wanted}, got {_shortly(value)}")
        return value

    def text(self, key: str) -> str:
        value = cast(str, self.take(key, str, "a text"))
        if not value.strip():
            raise self.refuse(key, "must not be empty")
        if not all(letter.isprintable() or letter == "\n" for letter in value):
            raise self.refuse(key, f"must not hold control characters, got {_shortly(value)}")
        return value

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, "a list of texts") if self.has(key) else []
        for value in values:
            if not isinstance(value, str):
                raise self.refuse(key, f"must hold texts only, got {_shortly(value)}")
        return tuple(values)

    def number(self, key: str) -> float:
        value = self.take(key, (int, float), "a number")
        if abs(value) > LARGEST_NUMBER or not isfinite(value):
            raise self.refuse(key, f"must be finite, got {_shortly(value)}")
        return float(value)

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

    def yes_or(self, key: str, *, otherwise: bool) -> bool:
        return self.yes_or_no(key) if self.has(key) else otherwise

    def months(self, key: str) -> int:
        months = cast(int, self.take(key, int, "a whole number of months"))
        if months < 1:
            raise self.refuse(key, f"must be ≥ 1, got {months}")
        return months

    def optional_choice(self, key: str, of: type[Choice]) -> Choice | None:
        return self.choice(key, of) if self.has(key) else None

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

    def optional_tables(self, key: str) -> list["_Table"]:
        return self.tables(key) if self.has(key) else []

    def named_tables(self, key: str) -> list[tuple[str, "_Table"]]:
        """Return the tables within a table by their names, which are symbols; none if absent."""
        if not self.has(key):
            return []
        table = self.table(key)
        return [
            (table.free_symbol(name, name, ()), table.table(name)) for name in table.fields_left()
        ]

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

    def optional_bilingual(self, key: str) -> Bilingual | None:
        return self.bilingual(key) if self.has(key) else None

    def words(self, key: str) -> Mapping[str, tuple[str, ...]]:
        """Return a table of words or lists of words, each as a tuple; empty if absent."""
        if not self.has(key):
            return MappingProxyType({})
        table = self.table(key)
        read: dict[str, tuple[str, ...]] = {}
        for name in table.fields_left():
            is_list = isinstance(table.peek(name), list)
            read[name] = table.texts(name) if is_list else (table.text(name),)
        return MappingProxyType(read)

    def peek(self, key: str) -> Any:
        return self._left.get(key)

    def symbol(self, key: str, taken: Iterable[str]) -> str:
        return self.free_symbol(self.text(key), key, taken)

    def free_symbol(self, symbol: str, key: str, taken: Iterable[str]) -> str:
        if not (symbol.isascii() and symbol.isidentifier()):
            raise self.refuse(key, f"must be a symbol of letters, digits and _, got {symbol!r}")
        if symbol in tuple(taken):
            raise self.refuse(key, f"{symbol!r} already means something else: give another name")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """What expressions and cases of the edition may name.

    Attributes:
        figures: the symbols of parameters and of the figures of classes.
        classes: every spelling of a class, and the class it means.
        options: the choices of each option.
        tests: the tests by name.
    """

    figures: tuple[str, ...]
    classes: Mapping[str, str]
    options: Mapping[str, tuple[str, ...]]
    tests: Mapping[str, TestPoints]

    def conditions(self, test: str | None) -> tuple[PointCondition, ...]:
        """Return the conditions of one test, or of all whose points have an MPE."""
        tests = (
            [self.tests[test]]
            if test
            else [known for known in self.tests.values() if known.uses_mpe]
        )
        return tuple(condition for known in tests for condition in known.conditions)

    def at_a_point(self, test: str | None) -> tuple[str, ...]:
        """Return the symbols that have a value at a point without any reading."""
        numbers = [known.name for known in self.conditions(test) if known.unit is not None]
        mpe = ["mpe"] if test and self.tests[test].uses_mpe else []
        return (*self.figures, "nominal", *dict.fromkeys(numbers), *mpe)

    def words(self, test: str | None) -> dict[str, tuple[str, ...]]:
        """Return what a case may ask for by words: options, and conditions that are choices."""
        chosen = {known.name: known.choices for known in self.conditions(test) if known.choices}
        return {**self.options, **chosen}


def _read(document: _Table) -> ProcedureEdition:
    measurand = _measurand(document)
    parameters = _parameters(document)
    symbols = [parameter.symbol for parameter in parameters]
    classes = _classes(document, symbols)
    options = _options(document, [*symbols, *(classes or (NO_CLASS,))[0].figures])
    figures = (
        *symbols,
        *(classes or (NO_CLASS,))[0].figures,
        *(symbol for option in options for symbol in next(iter(option.figures.values()))),
    )
    scope = _Scope(
        figures=figures,
        classes={
            spelling: known.name for known in classes for spelling in (known.name, *known.also)
        },
        options={option.name: tuple(option.choices) for option in options},
        tests={},
    )
    tests = _tests(document, measurand.unit, scope)
    scope = replace(scope, tests={test.name: test for test in tests})
    present = [name for name in MARKED_WHERE_PRESENT if document.has(name)]
    present += ["classes"] if classes else []
    readings = _readings(document, measurand.unit, scope)
    derived = _derived(document, readings, scope)
    summaries = _summaries(document, readings, derived, scope)
    of_test = partial(_symbols_of_test, scope, readings, derived, summaries)
    checks = _checks(document, of_test, scope)
    period_months, period_cases = _period(document, scope)
    certificates, without_statement = _certificates(document)
    edition = ProcedureEdition(
        code=document.text("code"),
        edition=document.text("edition"),
        kind=document.choice("kind", ProcedureKind),
        title=document.bilingual("title"),
        issued_on=document.day("issued_on"),
        in_force_from=document.day("in_force_from"),
        in_force_no_later_than=document.day("in_force_no_later_than"),
        in_force_until=document.day("in_force_until"),
        replaces=document.texts("replaces"),
        replaced_by=document.optional_text("replaced_by"),
        based_on=document.optional_text("based_on"),
        note=document.optional_bilingual("note"),
        measurand=measurand,
        measuring_interval=_measuring_interval(document, figures),
        period_months=period_months,
        period_cases=period_cases,
        parameters=parameters,
        options=options,
        classes=classes,
        maximum_permissible_error=_segments(
            document.optional_tables("maximum_permissible_error"), scope, None
        ),
        test_points=tests[0],
        further_tests=tests[1:],
        readings=readings,
        derived=derived,
        summaries=summaries,
        checks=checks,
        inspections=_inspections(document, scope),
        environment=_environment(document, scope),
        standards=_standards(document),
        ratio=_ratio(document, scope),
        contributors=_contributors(document, checks, of_test),
        model=_model(document, checks, of_test),
        rounding=_rounding(document, figures),
        conformity=_conformity(document),
        certificates=certificates,
        certificate_without_statement=without_statement,
        wording=_wording(document),
        marks=_marks(document, (*ALWAYS_MARKED, *present)),
    )
    document.done()
    _require_known_symbols(document, edition)
    return edition


def _symbols_of_test(
    scope: _Scope,
    readings: tuple[Reading, ...],
    derived: tuple[Derived, ...],
    summaries: tuple[Summary, ...],
    test: str,
) -> tuple[str, ...]:
    """Return every symbol that has a value at the points of a test, summaries included."""
    repeated = [reading.symbol for reading in readings if reading.test == test]
    repeated += [quantity.symbol for quantity in derived if quantity.test == test]
    return (
        *scope.at_a_point(test),
        *(name for symbol in repeated for name in _with_statistics(symbol)),
        *(summary.symbol for summary in summaries),
    )


def _with_statistics(symbol: str) -> tuple[str, ...]:
    return (symbol, *(f"{statistic}_of_{symbol}" for statistic in STATISTICS))


def _measurand(document: _Table) -> Measurand:
    table = document.table("measurand")
    measurand = Measurand(name=table.bilingual("name"), unit=table.text("unit"))
    table.done()
    return measurand


def _measuring_interval(
    document: _Table, figures: tuple[str, ...]
) -> tuple[str | None, str | None]:
    if not document.has("measuring_interval"):
        return None, None
    table = document.table("measuring_interval")
    interval = (
        table.optional_expression("lowest", figures),
        table.optional_expression("highest", figures),
    )
    if interval == (None, None):
        raise table.refuse("", "needs lowest, highest or both")
    table.done()
    return interval


def _parameters(document: _Table) -> tuple[Parameter, ...]:
    parameters: list[Parameter] = []
    taken = [*OWN_SYMBOLS, *ARGUMENTS_OF_AN_EVALUATION]
    for symbol, entry in document.named_tables("parameters"):
        entry.free_symbol(symbol, "", taken)
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


def _options(document: _Table, taken: list[str]) -> tuple[Option, ...]:
    options = []
    for name, entry in document.named_tables("options"):
        choices = entry.table("choices")
        words, figures = _choices(choices, [*taken, *OWN_SYMBOLS])
        taken = [*taken, *next(iter(figures.values()), {})]
        option = Option(
            name=name,
            title=entry.bilingual("title"),
            choices=MappingProxyType(words),
            figures=MappingProxyType(figures),
            default=entry.word("default", choices.names) if entry.has("default") else None,
        )
        entry.done()
        options.append(option)
    return tuple(options)


def _choices(
    table: _Table, taken: list[str]
) -> tuple[dict[str, Bilingual], dict[str, Mapping[str, float]]]:
    words: dict[str, Bilingual] = {}
    figures: dict[str, Mapping[str, float]] = {}
    for word in table.fields_left():
        entry = table.table(word)
        words[word] = Bilingual(zh=entry.text("zh"), en=entry.text("en"))
        figures[word] = MappingProxyType(_figures(entry, taken))
        entry.done()
        first = next(iter(figures.values()))
        if set(figures[word]) != set(first):
            raise entry.refuse("figures", f"must be {_listed(first)}, as in the first choice")
    if not words:
        raise table.refuse("", "must not be empty")
    return words, figures


def _classes(document: _Table, parameters: list[str]) -> tuple[AccuracyClass, ...]:
    classes: list[AccuracyClass] = []
    spellings: list[str] = []
    for entry in document.optional_tables("classes"):
        figures = _figures(entry, [*parameters, *OWN_SYMBOLS])
        accuracy_class = AccuracyClass(
            name=entry.text("name"),
            also=entry.texts("also"),
            figures=MappingProxyType(figures),
            mark=entry.optional_choice("mark", Confidence),
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


def _figures(entry: _Table, taken: list[str]) -> dict[str, float]:
    if not entry.has("figures"):
        return {}
    table = entry.table("figures")
    return {table.free_symbol(key, key, taken): table.number(key) for key in table.fields_left()}


def _case(entry: _Table, scope: _Scope, test: str | None) -> dict[str, Any]:
    """Return the fields of a case: its classes by their own names, and its words."""
    classes = entry.texts("classes")
    for name in classes:
        if name not in scope.classes:
            raise entry.refuse("classes", f"{name!r} is not among {_listed(scope.classes)}")
    where, known = entry.words("where"), scope.words(test)
    for name, words in where.items():
        if name not in known:
            raise entry.refuse(f"where.{name}", f"is not among {_listed(known) or 'no options'}")
        for word in words:
            if word not in known[name]:
                raise entry.refuse(
                    f"where.{name}", f"must be one of {_listed(known[name])}, got {word!r}"
                )
    return {"classes": tuple(scope.classes[name] for name in classes), "where": where}


def _segments(entries: list[_Table], scope: _Scope, test: str | None) -> tuple[LimitSegment, ...]:
    segments: list[LimitSegment] = []
    at_point = scope.at_a_point(test)
    for entry in entries:
        if segments and segments[-1].is_unbounded:
            raise entries[len(segments) - 1].refuse(
                "below", "is missing: without a bound, a class or a word it leaves no point for "
                "the segments after it"
            )  # fmt: skip
        segment = LimitSegment(
            of=entry.expression("of", at_point) if entry.has("of") else "nominal",
            from_=entry.optional_expression("from", scope.figures),
            above=entry.optional_expression("above", scope.figures),
            below=entry.optional_expression("below", scope.figures),
            up_to=entry.optional_expression("up_to", scope.figures),
            expression=_limit(entry, "expression", at_point),
            is_lower_bound=entry.yes_or("is_lower_bound", otherwise=False),
            mark=entry.optional_choice("mark", Confidence),
            **_case(entry, scope, test),
        )
        entry.done()
        segments.append(segment)
    return tuple(segments)


def _limit(entry: _Table, key: str, names: Iterable[str]) -> str | None:
    """Return the expression of a limit, None where the word stands that it is not known."""
    if entry.peek(key) == UNKNOWN:
        entry.text(key)
        return None
    return entry.expression(key, names)


def _tests(document: _Table, unit: str, scope: _Scope) -> tuple[TestPoints, ...]:
    main = _test_points(document.table("test_points"), MAIN_TEST, unit, scope)
    further = [
        _test_points(entry, name, unit, scope)
        for name, entry in document.named_tables("further_tests")
    ]
    return (main, *further)


def _test_points(table: _Table, name: str, unit: str, scope: _Scope) -> TestPoints:
    is_main = name == MAIN_TEST
    once = table.yes_or("once", otherwise=False)
    rule = table.bilingual("rule")
    title = table.optional_bilingual("title") if is_main else table.bilingual("title")
    conditions = tuple(
        _point_condition(entry, condition, scope)
        for condition, entry in table.named_tables("conditions")
    )
    points = TestPoints(
        name=name,
        title=title or rule,
        rule=rule,
        unit="" if once else table.optional_text("unit") or unit,
        required=_required(table, scope, conditions),
        conditions=conditions,
        within=table.optional_expression("within", scope.figures),
        at_least=table.optional_expression("at_least", scope.figures),
        uses_mpe=table.yes_or("uses_mpe", otherwise=is_main),
    )
    table.done()
    return points


def _point_condition(entry: _Table, name: str, scope: _Scope) -> PointCondition:
    entry.free_symbol(name, "", [*scope.figures, *scope.options, *OWN_SYMBOLS])
    said: dict[str, Bilingual] = {}
    if isinstance(entry.peek("choices"), dict):
        table = entry.table("choices")
        said = {word: table.bilingual(word) for word in table.fields_left()}
    condition = PointCondition(
        name=name,
        title=entry.bilingual("title"),
        unit=entry.optional_text("unit"),
        choices=tuple(said) or entry.texts("choices"),
        said=MappingProxyType(said),
    )
    entry.done()
    if (condition.unit is None) is not bool(condition.choices):
        raise entry.refuse("unit", "give a unit for a number, or choices for a word, not both")
    return condition


def _required(
    table: _Table, scope: _Scope, conditions: tuple[PointCondition, ...]
) -> tuple[RequiredPoint, ...]:
    entries = table.take("required", list, "a list") if table.has("required") else []
    choices = {condition.name: condition.choices for condition in conditions}
    points = []
    for number, entry in enumerate(entries):
        key = f"required[{number}]"
        if not isinstance(entry, dict):
            content, key_of_expression = {key: entry}, key
            part = _Table(table.name, table.path, content)
        else:
            part, key_of_expression = _Table(table.name, table.field(key), entry), "at"
        at = part.expression(key_of_expression, scope.figures)
        wanted = {}
        for name, words in part.words("conditions").items():
            if name not in choices or words[0] not in choices[name]:
                raise part.refuse(f"conditions.{name}", f"must be one of {_listed(choices)}")
            wanted[name] = words[0]
        points.append(
            RequiredPoint(at=at, conditions=MappingProxyType(wanted), **_case(part, scope, None))
        )
        part.done()
    return tuple(points)


def _readings(document: _Table, unit: str, scope: _Scope) -> tuple[Reading, ...]:
    readings: list[Reading] = []
    for entry in document.tables("readings"):
        test = entry.word("test", scope.tests) if entry.has("test") else MAIN_TEST
        taken = [*scope.at_a_point(test), *OWN_SYMBOLS]
        taken += [name for known in readings for name in _with_statistics(known.symbol)]
        readings.append(
            Reading(
                symbol=entry.symbol("symbol", taken),
                label=entry.bilingual("label"),
                test=test,
                unit=entry.optional_text("unit") or unit,
                repeats=entry.optional_expression("repeats", scope.figures),
            )
        )
        entry.done()
    for name in scope.tests:
        if not any(reading.test == name for reading in readings):
            where = "test_points" if name == MAIN_TEST else f"further_tests.{name}"
            raise document.refuse(where, "has no readings; give its readings `test = …`")
    return tuple(readings)


def _derived(document: _Table, readings: tuple[Reading, ...], scope: _Scope) -> tuple[Derived, ...]:
    derived: list[Derived] = []
    for entry in document.optional_tables("derived"):
        test = entry.word("test", scope.tests) if entry.has("test") else MAIN_TEST
        usable = [reading.symbol for reading in readings if reading.test == test]
        usable += [known.symbol for known in derived if known.test == test]
        every = _symbols(readings, derived)
        taken = [name for symbol in every for name in _with_statistics(symbol)]
        derived.append(
            Derived(
                symbol=entry.symbol("symbol", [*scope.at_a_point(test), *OWN_SYMBOLS, *taken]),
                expression=entry.expression("expression", [*scope.at_a_point(test), *usable]),
                test=test,
                title=entry.optional_bilingual("title"),
            )
        )
        entry.done()
    return tuple(derived)


def _symbols(readings: Iterable[Reading], derived: Iterable[Derived]) -> list[str]:
    return [*(reading.symbol for reading in readings), *(known.symbol for known in derived)]


def _summaries(
    document: _Table,
    readings: tuple[Reading, ...],
    derived: tuple[Derived, ...],
    scope: _Scope,
) -> tuple[Summary, ...]:
    summaries: list[Summary] = []
    for entry in document.optional_tables("summaries"):
        test = entry.word("test", scope.tests) if entry.has("test") else MAIN_TEST
        usable = _symbols_of_test(scope, readings, derived, tuple(summaries), test)
        every = _symbols(readings, derived)
        taken = [*usable, *(name for symbol in every for name in _with_statistics(symbol))]
        take = entry.word("take", TAKEN)
        summary = Summary(
            symbol=entry.symbol("symbol", [*taken, *OWN_SYMBOLS]),
            of=entry.expression("of", usable),
            take=cast(Any, take),
            at=entry.expression("at", scope.figures) if take == "at" else None,
            test=test,
        )
        entry.done()
        summaries.append(summary)
    return tuple(summaries)


def _checks(
    document: _Table, of_test: Callable[[str], tuple[str, ...]], scope: _Scope
) -> tuple[Check, ...]:
    checks: list[Check] = []
    for entry in document.tables("checks"):
        test = entry.word("test", scope.tests) if entry.has("test") else MAIN_TEST
        values = entry.expressions("values", of_test(test))
        sense = entry.word("sense", SENSES) if entry.has("sense") else "at_most"
        for name in values:
            if any(name in known.values for known in checks if known.test == test):
                raise entry.refuse(f"values.{name}", "is already a value of another check")
        check = Check(
            name=entry.symbol("name", [known.name for known in checks]),
            title=entry.bilingual("title"),
            values=values,
            limits=() if sense == "none" else _limits(entry, scope, test),
            reported=entry.yes_or_no("reported"),
            test=test,
            sense=cast(Any, sense),
            labels=_labels(entry, values),
            unit=entry.optional_text("unit"),
            step=entry.optional_expression("step", scope.figures),
            judged=cast(Any, entry.word("judged", ("calculated", "rounded")))
            if entry.has("judged")
            else None,
            mark=entry.optional_choice("mark", Confidence),
            **_case(entry, scope, None),
        )
        entry.done()
        checks.append(check)
    return tuple(checks)


def _labels(entry: _Table, values: Iterable[str]) -> Mapping[str, Bilingual]:
    if not entry.has("labels"):
        return MappingProxyType({})
    table = entry.table("labels")
    labels = {name: table.bilingual(table.among(name, values)) for name in table.fields_left()}
    return MappingProxyType(labels)


def _limits(entry: _Table, scope: _Scope, test: str) -> tuple[LimitSegment, ...]:
    """Return the limits of a check: one expression, or segments like those of the MPE."""
    if isinstance(entry.peek("limit"), list):
        return _segments(entry.tables("limit"), scope, test)
    return (LimitSegment(expression=_limit(entry, "limit", scope.at_a_point(test))),)


def _inspections(document: _Table, scope: _Scope) -> tuple[Inspection, ...]:
    inspections: list[Inspection] = []
    for entry in document.optional_tables("inspections"):
        inspection = Inspection(
            name=entry.symbol("name", [known.name for known in inspections]),
            title=entry.bilingual("title"),
            mark=entry.optional_choice("mark", Confidence),
            **_case(entry, scope, None),
        )
        entry.done()
        inspections.append(inspection)
    return tuple(inspections)


def _period(document: _Table, scope: _Scope) -> tuple[int | None, tuple[PeriodCase, ...]]:
    if not document.has("period"):
        return None, ()
    table = document.table("period")
    months, cases = table.months("months"), []
    for entry in table.optional_tables("cases"):
        case = PeriodCase(
            months=entry.months("months"),
            when=entry.optional_bilingual("when"),
            **_case(entry, scope, None),
        )
        entry.done()
        cases.append(case)
    table.done()
    return months, tuple(cases)


def _environment(document: _Table, scope: _Scope) -> tuple[EnvironmentCondition, ...]:
    conditions = []
    for name, entry in document.named_tables("environment"):
        condition = EnvironmentCondition(
            name=name,
            title=entry.bilingual("title"),
            unit=entry.text("unit"),
            lowest=entry.optional_number("lowest"),
            highest=entry.optional_number("highest"),
            cases=tuple(
                EnvironmentCase(
                    lowest=case.optional_number("lowest"),
                    highest=case.optional_number("highest"),
                    **_closed(case, _case(case, scope, None)),
                )
                for case in entry.optional_tables("cases")
            ),
        )
        entry.done()
        if condition.lowest is None and condition.highest is None and not condition.cases:
            raise entry.refuse("", "needs lowest, highest or both")
        conditions.append(condition)
    return tuple(conditions)


def _closed(entry: _Table, case: dict[str, Any]) -> dict[str, Any]:
    entry.done()
    return case


def _standards(document: _Table) -> tuple[RequiredStandard, ...]:
    standards = []
    for entry in document.optional_tables("standards"):
        standards.append(
            RequiredStandard(
                name=entry.bilingual("name"), requirement=entry.bilingual("requirement")
            )
        )
        entry.done()
    return tuple(standards)


def _ratio(document: _Table, scope: _Scope) -> RatioRule | None:
    if not document.has("ratio"):
        return None
    table = document.table("ratio")
    basis = cast(Literal["MPE/MPE", "U/MPE"], table.word("basis", ("MPE/MPE", "U/MPE")))
    rule = RatioRule(
        basis=basis,
        maximum=_positive(table, "maximum"),
        standard=table.optional_expression(
            "standard", [*scope.at_a_point(MAIN_TEST), *STANDARD_SYMBOLS]
        ),
        cases=tuple(
            RatioCase(maximum=_positive(case, "maximum"), **_closed(case, _case(case, scope, None)))
            for case in table.optional_tables("cases")
        ),
    )
    table.done()
    return rule


def _positive(table: _Table, key: str) -> float:
    number = table.number(key)
    if not number > 0:
        raise table.refuse(key, f"must be > 0, got {number}")
    return number


def _contributors(
    document: _Table, checks: tuple[Check, ...], of_test: Callable[[str], tuple[str, ...]]
) -> tuple[Contributor, ...]:
    judged = _Table(document.name, "model", document.peek("model") or {}).peek("judges")
    test = next((check.test for check in checks if check.name == judged), MAIN_TEST)
    names = [*of_test(test), "indication", *STANDARD_SYMBOLS]
    contributors: list[Contributor] = []
    for entry in document.tables("contributors"):
        degrees = entry.peek("degrees_of_freedom")
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
            degrees_of_freedom=entry.optional_expression("degrees_of_freedom", names)
            if isinstance(degrees, str)
            else _number_as_text(entry.optional_number("degrees_of_freedom")),
            unit=entry.optional_text("unit"),
        )
        entry.done()
        _require_one_width(entry, contributor)
        contributors.append(contributor)
    return tuple(contributors)


def _number_as_text(number: float | None) -> str | None:
    return None if number is None else repr(number)


def _require_one_width(entry: _Table, contributor: Contributor) -> None:
    wanted = "standard_uncertainty" if contributor.distribution == "normal" else "half_width"
    given = [
        key
        for key in ("half_width", "standard_uncertainty")
        if getattr(contributor, key) is not None
    ]
    if given != [wanted]:
        raise entry.refuse(wanted, f"a {contributor.distribution} distribution takes this alone")


def _model(
    document: _Table, checks: tuple[Check, ...], of_test: Callable[[str], tuple[str, ...]]
) -> Model:
    table = document.table("model")
    by_name = {check.name: check for check in checks}
    judged = by_name[table.word("judges", by_name)]
    indications = (
        table.expressions("indications", of_test(judged.test))
        if table.has("indications")
        else MappingProxyType[str, str]({})
    )
    model = Model(
        expression=table.text("expression"),
        judges=judged.name,
        indications=indications,
        coverage_factor=_positive(table, "coverage_factor"),
    )
    table.done()
    if indications and set(indications) != set(judged.values):
        raise table.refuse("indications", f"must be those of {_listed(judged.values)}")
    return model


def _rounding(document: _Table, figures: tuple[str, ...]) -> Rounding:
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


def _certificates(
    document: _Table,
) -> tuple[Mapping[Verdict, CertificateKind], CertificateKind | None]:
    table = document.table("certificates")
    kinds: dict[Verdict, CertificateKind] = {}
    for verdict in Verdict:
        if table.has(verdict):
            kinds[verdict] = table.choice(verdict, CertificateKind)
    without_statement = table.optional_choice("without_statement", CertificateKind)
    table.done()
    return MappingProxyType(kinds), without_statement


def _wording(document: _Table) -> Mapping[Verdict, Bilingual]:
    if not document.has("wording"):
        return MappingProxyType({})
    table = document.table("wording")
    wording = {}
    for verdict in Verdict:
        if table.has(verdict):
            wording[verdict] = table.bilingual(verdict)
            for text in (wording[verdict].zh, wording[verdict].en):
                _require_placeholders(table, verdict, text)
    table.done()
    return MappingProxyType(wording)


def _require_placeholders(table: _Table, key: str, text: str) -> None:
    """Refuse a text with anything in braces but the bare names of what is filled in."""
    wanted = f"may hold {{{'}} and {{'.join(PLACEHOLDERS)}}} only, got {_shortly(text)}"
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        raise table.refuse(key, wanted) from None
    for _, name, form, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or form or conversion):
            raise table.refuse(key, wanted)


def _marks(document: _Table, fields: Iterable[str]) -> Mapping[str, Confidence]:
    table = document.table("marks")
    marks = {field: table.choice(field, Confidence) for field in dict.fromkeys(fields)}
    for field in MARKED_WHERE_PRESENT:
        if table.has(field):  # sure, or unsure, that there is none
            marks[field] = table.choice(field, Confidence)
    table.done()
    return MappingProxyType(marks)


def _require_known_symbols(document: _Table, edition: ProcedureEdition) -> None:
    """Compile the model last, when every contributor is known."""
    symbols = [contributor.symbol for contributor in edition.contributors]
    whole = _Table(document.name, "model", {"expression": edition.model.expression})
    whole.expression("expression", symbols)
    uses_indication = any(
        "indication" in identifiers(expression)
        for row in edition.contributors
        for expression in (row.estimate, row.half_width, row.standard_uncertainty)
        if expression
    )
    if uses_indication and not edition.model.indications:
        raise whole.refuse("indications", "is missing: a contributor uses `indication`")
    if edition.conformity.rule != "no_statement" and not edition.certificates:
        raise document.refuse("certificates", "must name the document of a verdict")


def _shortly(value: object) -> str:
    """Return a value as an error quotes it, cut where it is long."""
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        return "a number too large"
    quoted = repr(value)
    return quoted if len(quoted) <= LONGEST_QUOTE else quoted[: LONGEST_QUOTE - 1] + "…"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(str(value) for value in values)
