"""A formula as a graph of steps, its derivatives, and the straight-line function that is run.

`models.py` reads the text of a formula into a `Graph`. Here the graph is differentiated by the
textbook table below and written as one Python function, which runs alike on floats and on arrays.
Nothing a user wrote reaches that function: steps are t0, t1, …, arguments x0, x1, …
"""

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import CodeType, FunctionType
from typing import Any, Final

import numpy as np

Step = tuple[Any, ...]


def _sign(x: float) -> float:
    return math.copysign(1.0, x) if x else math.nan


def _larger(a: float, b: float) -> float:
    return math.nan if a == b else float(a > b)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else math.nan


def _sech_squared(x: float) -> float:
    """1/cosh², which 1 - tanh² would lose where tanh is nearly 1."""
    e = math.exp(-2 * abs(x))
    return 4 * e / ((1 + e) * (1 + e))


def _sech_squared_of_array(x: Any) -> Any:
    e = np.exp(-2 * np.abs(x))
    return 4 * e / ((1 + e) * (1 + e))


# Every function a step can be, for floats and for arrays. Those with an underscore occur only in
# derivatives; they are NaN where |a|, max(a, b) and a**b have none, so that nothing is silently 0.
STEPS: Final[dict[str, tuple[Callable[..., Any], Callable[..., Any]]]] = {
    "abs": (abs, np.abs),
    "min": (min, np.minimum),
    "max": (max, np.maximum),
    "sqrt": (math.sqrt, np.sqrt),
    "exp": (math.exp, np.exp),
    "expm1": (math.expm1, np.expm1),
    "log": (math.log, np.log),
    "log10": (math.log10, np.log10),
    "log1p": (math.log1p, np.log1p),
    "sin": (math.sin, np.sin),
    "cos": (math.cos, np.cos),
    "tan": (math.tan, np.tan),
    "asin": (math.asin, np.arcsin),
    "acos": (math.acos, np.arccos),
    "atan": (math.atan, np.arctan),
    "atan2": (math.atan2, np.arctan2),
    "sinh": (math.sinh, np.sinh),
    "cosh": (math.cosh, np.cosh),
    "tanh": (math.tanh, np.tanh),
    "hypot": (math.hypot, np.hypot),
    "pow": (math.pow, np.power),
    "_sign": (_sign, lambda x: np.where(x == 0, np.nan, np.sign(x))),
    "_larger": (_larger, lambda a, b: np.where(a == b, np.nan, 1.0 * (a > b))),
    "_log": (_log, lambda x: np.log(np.where(x > 0, x, np.nan))),
    "_sech_squared": (_sech_squared, _sech_squared_of_array),
}

ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}

# The derivatives of a step y by its operands a and b.
DERIVATIVES: Final[dict[str, tuple[str, ...]]] = {
    "+": ("1", "1"),
    "-": ("1", "-1"),
    "*": ("b", "a"),
    "/": ("1 / b", "-(y / b)"),
    "pow": ("b * pow(a, b - 1)", "y * _log(a)"),
    "abs": ("_sign(a)",),
    "max": ("_larger(a, b)", "1 - _larger(a, b)"),
    "min": ("_larger(b, a)", "1 - _larger(b, a)"),
    "sqrt": ("0.5 / y",),
    "exp": ("y",),
    "expm1": ("y + 1",),
    "log": ("1 / a",),
    "log10": (f"{1 / math.log(10)!r} / a",),
    "log1p": ("1 / (1 + a)",),
    "sin": ("cos(a)",),
    "cos": ("-sin(a)",),
    "tan": ("1 + y * y",),
    "asin": ("1 / sqrt((1 - a) * (1 + a))",),
    "acos": ("-1 / sqrt((1 - a) * (1 + a))",),
    "atan": ("1 / (1 + a * a)",),
    "atan2": ("b / (a * a + b * b)", "-(a / (a * a + b * b))"),
    "sinh": ("cosh(a)",),
    "cosh": ("sinh(a)",),
    "tanh": ("_sech_squared(a)",),
    "hypot": ("a / y", "b / y"),
    "_sign": ("0",),
    "_larger": ("0", "0"),
    "_log": ("1 / a",),
    "_sech_squared": ("-2 * tanh(a) * y",),
}

_OPERATORS: Final = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class Graph:
    """Steps of a calculation, each written once; a step names earlier steps by their number.

    The steps are ("constant", value, sign), ("input", position) and (function, *operands).
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._numbers: dict[Step, int] = {}

    def step(self, *parts: Any) -> int:
        """Return the number of a step, adding it where it is new."""
        number = self._numbers.get(parts)
        if number is None:
            number = self._numbers[parts] = len(self.steps)
            self.steps.append(parts)
        return number

    def constant(self, value: float) -> int:
        """Return the step that is a number; 0.0 and -0.0 are two."""
        return self.step("constant", value, math.copysign(1.0, value))

    def constant_value(self, number: int) -> float | None:
        """Return the number a step is, or None where it is calculated."""
        parts = self.steps[number]
        return float(parts[1]) if parts[0] == "constant" else None

    def operands(self, number: int) -> Step:
        """Return the steps another one needs."""
        parts = self.steps[number]
        return () if parts[0] in {"constant", "input"} else parts[1:]

    def apply(self, kind: str, *operands: int) -> int:
        """Return the step of a function, or of the number it comes to on numbers.

        Raises:
            ArithmeticError, ValueError: those numbers have no finite result.
        """
        values = [v for v in map(self.constant_value, operands) if v is not None]
        if len(values) < len(operands):
            return self.step(kind, *operands)
        result = float((ARITHMETIC.get(kind) or STEPS[kind][0])(*values))
        if not math.isfinite(result):
            raise OverflowError(kind)
        return self.constant(result)

    def power(self, base: int, exponent: float) -> int:
        """Return base ** exponent; small whole powers as products, which are faster."""
        square = self.step("*", base, base)
        one = self.constant(1.0)
        written = {
            0.0: one,
            1.0: base,
            2.0: square,
            3.0: self.step("*", square, base),
            4.0: self.step("*", square, square),
            -1.0: self.step("/", one, base),
            -2.0: self.step("/", one, square),
        }
        if exponent in written:
            return written[exponent]
        return self.step("pow", base, self.constant(exponent))

    # In derivatives 0 and 1 are known to be exactly that, so that most terms fall away.

    def sum_of(self, a: int, b: int) -> int:
        """Return a + b of two derivatives."""
        both = self._numbers_of(a, b)
        if both is not None:
            return self.constant(both[0] + both[1])
        if self.constant_value(a) == 0:
            return b
        return a if self.constant_value(b) == 0 else self.step("+", a, b)

    def product_of(self, a: int, b: int) -> int:
        """Return a * b of two derivatives."""
        both = self._numbers_of(a, b)
        if both is not None:
            return self.constant(both[0] * both[1])
        if self.constant_value(b) is not None:
            a, b = b, a
        factor = self.constant_value(a)
        if factor == 0:
            return a
        if factor == 1:
            return b
        return self.minus(b) if factor == -1 else self.step("*", a, b)

    def _numbers_of(self, a: int, b: int) -> tuple[float, float] | None:
        first, second = self.constant_value(a), self.constant_value(b)
        return None if first is None or second is None else (first, second)

    def minus(self, a: int) -> int:
        """Return -a; of -a, a."""
        value = self.constant_value(a)
        if value is not None:
            return self.constant(-value)
        kind, *operands = self.steps[a]
        if kind == "-" and self.constant_value(operands[0]) == 0:
            return int(operands[1])
        return self.step("-", self.constant(0.0), a)

    def partials(self, number: int) -> list[int]:
        """Return the derivatives of a step by each of its operands, as new steps."""
        kind, *operands = self.steps[number]
        if kind in {"constant", "input"}:
            return []
        named = dict(zip("ab", operands, strict=False)) | {"y": number}
        if kind == "pow" and (exponent := self.constant_value(operands[1])) is not None:
            reduced = self.power(operands[0], exponent - 1)
            return [self.product_of(operands[1], reduced), self.constant(0.0)]
        return [self._from_table(_table_entry(text), named) for text in DERIVATIVES[kind]]

    def gradient(self, output: int, inputs: Sequence[int]) -> list[int]:
        """Return the derivatives of one step by the inputs, by reverse accumulation."""
        adjoints = {output: self.constant(1.0)}
        for number in range(output, -1, -1):
            if number in adjoints and self.constant_value(adjoints[number]) != 0:
                for operand, partial in zip(
                    self.operands(number), self.partials(number), strict=True
                ):
                    term = self.product_of(adjoints[number], partial)
                    known = adjoints.get(operand)
                    adjoints[operand] = term if known is None else self.sum_of(known, term)
        zero = self.constant(0.0)
        return [adjoints.get(number, zero) for number in inputs]

    def along(self, roots: Sequence[int], direction: Mapping[int, int]) -> list[int]:
        """Return the derivatives of several steps along one direction, by forward accumulation.

        Args:
            roots: the steps to differentiate.
            direction: for each input step, the step that holds its component.
        """
        needed = uses(self, roots)
        slopes = dict(direction)
        for number in sorted(needed):
            if number in slopes:
                continue
            slopes[number] = self.constant(0.0)
            for operand, partial in zip(self.operands(number), self.partials(number), strict=True):
                term = self.product_of(partial, slopes[operand])
                slopes[number] = self.sum_of(slopes[number], term)
        return [slopes[root] for root in roots]

    def _from_table(self, node: ast.expr, named: Mapping[str, int]) -> int:
        match node:
            case ast.Name(id=name):
                return named[name]
            case ast.UnaryOp(operand=operand):
                return self.minus(self._from_table(operand, named))
            case ast.Call(func=ast.Name(id=kind), args=arguments):
                return self.step(kind, *(self._from_table(a, named) for a in arguments))
            case ast.BinOp(left=left, op=operator, right=right):
                operands = (self._from_table(left, named), self._from_table(right, named))
                if isinstance(operator, ast.Mult):
                    return self.product_of(*operands)
                return self.step(_OPERATORS[type(operator)], *operands)
        return self.constant(float(ast.literal_eval(node)))


@cache
def _table_entry(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


# ── Writing the function ─────────────────────────────────────────────────────────────────────

Kernel = Callable[..., Any]
_MOST_NESTED: Final = 12
LARGEST_THRESHOLD: Final = 32 * 1024 * 1024  # DEFAULT_MMAP_THRESHOLD_MAX of glibc, in bytes
_ON_FLOATS: Final[dict[str, Any]] = {"__builtins__": {}} | {k: f for k, (f, _) in STEPS.items()}
_ON_ARRAYS: Final[dict[str, Any]] = {"__builtins__": {}} | {k: f for k, (_, f) in STEPS.items()}


@cache
def keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next array instead of returning it each time.

    Functions of arrays make and drop an array at every step. glibc hands such memory back to the
    system, which costs several times the arithmetic, until a block near its largest threshold has
    been freed once; the block is never touched, so it takes no memory itself.
    """
    np.empty(LARGEST_THRESHOLD // 8 - 1000)


def written_function(
    graph: Graph, arguments: Sequence[str], roots: Sequence[int]
) -> tuple[Kernel, Kernel]:
    """Return the function of the arguments that gives the roots, for floats and for arrays.

    One root is returned as it is, several as a tuple. The float function raises ArithmeticError
    or ValueError where a step has no value; the array function gives NaN or infinities there.
    """
    counts = uses(graph, roots)
    texts: dict[int, str] = {}
    nested: dict[int, int] = {}
    lines: list[str] = []
    for number in sorted(counts):
        text = _text_of(graph, number, arguments, texts)
        depth = 1 + max((nested[operand] for operand in graph.operands(number)), default=-1)
        if (counts[number] == 1 and depth < _MOST_NESTED) or not depth:
            texts[number], nested[number] = text, depth
        else:
            lines.append(f" t{number} = {text}\n")
            texts[number], nested[number] = f"t{number}", 0
    results = ", ".join(texts[root] for root in roots)
    source = f"def kernel({', '.join(arguments)}):\n{''.join(lines)} return {results}\n"
    module = compile(source, "<measurement model>", "exec")
    code = next(item for item in module.co_consts if isinstance(item, CodeType))
    return FunctionType(code, _ON_FLOATS), FunctionType(code, _ON_ARRAYS)


def uses(graph: Graph, roots: Sequence[int]) -> dict[int, int]:
    """Return how often each step that leads to the roots is used."""
    counts: dict[int, int] = {}
    for root in roots:
        counts[root] = counts.get(root, 0) + 1
    for number in range(max(roots), -1, -1):
        if number in counts:
            for operand in graph.operands(number):
                counts[operand] = counts.get(operand, 0) + 1
    return counts


def _text_of(graph: Graph, number: int, arguments: Sequence[str], texts: Mapping[int, str]) -> str:
    kind, *parts = graph.steps[number]
    if kind == "constant":
        return f"({parts[0]!r})"
    if kind == "input":
        return arguments[parts[0]]
    operands = [texts[operand] for operand in parts]
    if kind == "-" and graph.constant_value(parts[0]) == 0:
        return f"(-{operands[1]})"
    if kind in ARITHMETIC:
        return f"({kind.join(operands)})"
    return f"{kind}({','.join(operands)})"
