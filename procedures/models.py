"""Measurement models: an expression read safely and compiled with its derivatives.

An expression is parsed by Python's own parser, checked against the short list of what a formula
may contain, and turned into a graph of steps; `differentiation.py` makes functions of that.
"""

import ast
import math
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from hashlib import sha256
from keyword import iskeyword
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from procedures.differentiation import STEPS, Graph, Kernel, uses, written_function
from procedures.errors import InvalidInput, ModelRefused, ModelUndefined, QuantityUnknown

MOST_CHARACTERS: Final = 4000
MOST_CHARACTERS_TOGETHER: Final = 20_000
MOST_NODES: Final = 2000
MOST_DEPTH: Final = 500
MOST_PARENTHESES: Final = 100
MOST_SIGNS: Final = 10
MOST_OUTPUTS: Final = 100
MOST_INPUTS: Final = 1000
MOST_STEPS_TO_CURVE: Final = 2000
LARGEST_EXPONENT: Final = 1000.0
MOST_COMPLEX_POWER: Final = 20

FUNCTIONS: Final = tuple(name for name in STEPS if name != "pow" and not name.startswith("_"))
CONSTANTS: Final[dict[str, float]] = {"pi": math.pi}

# Greek letters that cannot be taken for a Latin one; their look-alikes are refused.
GREEK: Final = "αβγδεζηθκλμξπρστφχψωΓΔΘΛΞΠΣΦΨΩ"
_NAME_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "_" + GREEK)
_CHARACTERS: Final = _NAME_CHARACTERS | frozenset(" \t\r\n.,()+-*/")

_NAME: Final = re.compile(rf"(?<![\w.])[A-Za-z_{GREEK}][A-Za-z0-9_{GREEK}]*")

FloatArray = NDArray[np.float64]

_OPERATORS: Final[dict[type[ast.operator], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "pow",
}
_TWO_OR_MORE: Final = frozenset({"min", "max"})
_TWO: Final = frozenset({"atan2", "hypot"})


# ── Reading an expression ────────────────────────────────────────────────────────────────────


class _Reader:
    """Turns the text of one output quantity into steps of a graph, or points at what it refuses."""

    functions: tuple[str, ...] = FUNCTIONS

    def __init__(self, expression: str, graph: Graph, inputs: Mapping[str, int]) -> None:
        self.expression = expression
        self.graph = graph
        self.inputs = inputs
        # Eval mode takes neither leading blanks nor line ends; the shift keeps positions right.
        self.text = "".join(" " if c in "\t\r\n" else c for c in expression.rstrip())
        self.shift = len(self.text) - len(self.text.lstrip(" "))
        self.text = self.text.lstrip(" ")

    def read(self) -> int:
        root = self._parse()
        order = self._check(root)
        results: dict[int, int] = {}
        for node in reversed(order):  # every node after its operands
            results[id(node)] = self._step(node, [results[id(child)] for child in _operands(node)])
        return results[id(root)]

    def refuse(self, reason: str, node: ast.expr | None = None, position: int = 0) -> ModelRefused:
        if node is not None:
            before = self.text.encode()[: node.col_offset].decode()
            position = self.shift + len(before)
        position = max(0, min(position, len(self.expression) - 1))
        return ModelRefused(reason, expression=self.expression, position=position)

    def _parse(self) -> ast.expr:
        if not _CHARACTERS.issuperset(self.expression):
            position = next(i for i, c in enumerate(self.expression) if c not in _CHARACTERS)
            reason = f"{self.expression[position]!r} does not occur in a model"
            raise self.refuse(reason, position=position)
        if not self.text:
            raise self.refuse("the expression is empty")
        self._check_numbers()
        self._check_nesting()
        try:
            return ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            position = self.shift + (error.offset or 1) - 1
            raise self.refuse(f"not a formula ({error.msg})", position=position) from None
        except (ValueError, RecursionError, MemoryError):
            raise self.refuse("not a formula (nested too deeply, or a number too long)") from None

    def _check_numbers(self) -> None:
        """Refuse 0x10, 1_000, 1j and 1if, which Python reads as more than a decimal number."""
        start, inside = 0, False
        for position, character in enumerate(self.expression + " "):
            if character in _NAME_CHARACTERS or character == ".":
                start = start if inside else position
                number = self.expression[start].isdigit() or self.expression[start] == "."
                if number and character not in "0123456789.eE":
                    raise self.refuse("not a decimal number", position=start)
            inside = character in _NAME_CHARACTERS or character == "."

    def _check_nesting(self) -> None:
        """Refuse what would only keep the parser busy."""
        open_parentheses = signs = 0
        for position, character in enumerate(self.expression):
            open_parentheses += {"(": 1, ")": -1}.get(character, 0)
            signs = signs + 1 if character in "+-" else signs * (character in " \t\r\n")
            if open_parentheses > MOST_PARENTHESES:
                reason = f"more than {MOST_PARENTHESES} parentheses in each other"
                raise self.refuse(reason, position=position)
            if signs > MOST_SIGNS:
                raise self.refuse(f"more than {MOST_SIGNS} signs in a row", position=position)

    def _check(self, root: ast.expr) -> list[ast.expr]:
        """Return every node, operands after what uses them; refuse what no formula contains."""
        order: list[ast.expr] = []
        waiting = [(root, 1)]
        while waiting:
            node, depth = waiting.pop()
            if depth > MOST_DEPTH:
                raise self.refuse(f"nested more than {MOST_DEPTH} deep", node)
            if len(order) == MOST_NODES:
                raise self.refuse(f"more than {MOST_NODES} terms", node)
            self._permit(node)
            order.append(node)
            waiting.extend((child, depth + 1) for child in _operands(node))
        return order

    def _permit(self, node: ast.expr) -> None:
        match node:
            case ast.Constant(value=value) if type(value) in {int, float}:
                return
            case ast.Name(id=name) if name in self.inputs or name in CONSTANTS:
                return
            case ast.Name(id=name) if name in self.functions:
                raise self.refuse(f"{name} is a function and needs its argument", node)
            case ast.Name(id=name):
                raise self.refuse(f"{name!r} is not an input quantity of this model", node)
            case ast.UnaryOp(op=ast.UAdd() | ast.USub()):
                return
            case ast.BinOp(op=operator) if type(operator) in _OPERATORS:
                return
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if (
                name in self.functions
            ):
                self._permit_arguments(node, name, arguments)
            case ast.Call(func=ast.Name(id=name)):
                known = name in self.functions
                reason = "takes plain arguments only" if known else "is not a function of models"
                raise self.refuse(f"{name!r} {reason}", node)
            case _:
                raise self.refuse(f"{type(node).__name__} does not occur in a model", node)

    def _permit_arguments(self, node: ast.Call, name: str, arguments: Sequence[ast.expr]) -> None:
        wanted = 2 if name in _TWO or name in _TWO_OR_MORE else 1
        enough = len(arguments) >= 2 if name in _TWO_OR_MORE else len(arguments) == wanted
        if not enough:
            more = " or more" if name in _TWO_OR_MORE else ""
            raise self.refuse(f"{name} takes {wanted}{more} arguments, not {len(arguments)}", node)

    def _step(self, node: ast.expr, operands: list[int]) -> int:
        try:
            match node:
                case ast.UnaryOp(op=operator):
                    return self._signed(operator, *operands)
                case ast.BinOp(op=ast.Pow()):
                    return self._raised(node, *operands)
                case ast.BinOp(op=ast.Div()) if self.graph.constant_value(operands[1]) == 0:
                    raise ZeroDivisionError
                case ast.BinOp(op=operator):
                    return self.graph.apply(_OPERATORS[type(operator)], *operands)
                case ast.Call(func=ast.Name(id=name)):
                    return self._called(name, operands)
        except (ArithmeticError, ValueError):
            raise self.refuse("this has no finite value", node) from None
        return self._leaf(node)

    def _leaf(self, node: ast.expr) -> int:
        if isinstance(node, ast.Name):
            known = self.inputs.get(node.id)
            return self.graph.constant(CONSTANTS[node.id]) if known is None else known
        try:
            value = float(ast.literal_eval(node))
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise self.refuse("a number too large", node)
        return self.graph.constant(value)

    def _signed(self, operator: ast.unaryop, operand: int) -> int:
        if isinstance(operator, ast.UAdd):
            return operand
        return self.graph.apply("-", self.graph.constant(0.0), operand)

    def _called(self, name: str, operands: Sequence[int]) -> int:
        if name not in _TWO_OR_MORE:
            return self.graph.apply(name, *operands)
        result = operands[0]
        for operand in operands[1:]:
            result = result if operand == result else self.graph.apply(name, result, operand)
        return result

    def _raised(self, node: ast.BinOp, base: int, exponent: int) -> int:
        value = self.graph.constant_value(exponent)
        if value is None:
            return self.graph.apply("pow", base, exponent)
        if abs(value) > LARGEST_EXPONENT:
            raise self.refuse(f"an exponent beyond ±{LARGEST_EXPONENT:.0f}", node.right)
        if self.graph.constant_value(base) is not None:
            return self.graph.apply("pow", base, exponent)
        return self.graph.power(base, value)


_COMPLEX_FUNCTIONS: Final = ("exp", "log", "sqrt", "abs", "arg", "conj", "real", "imag")


class _ComplexReader(_Reader):
    """Reads a formula of complex quantities as the steps of its two parts."""

    functions = _COMPLEX_FUNCTIONS

    def __init__(self, expression: str, graph: Graph, pairs: Mapping[str, tuple[int, int]]) -> None:
        super().__init__(expression, graph, dict.fromkeys([*pairs, "i"], 0))
        self.pairs = pairs

    def read_pair(self) -> tuple[int, int]:
        """Return the steps of the real and the imaginary part."""
        root = self._parse()
        results: dict[int, tuple[int, int]] = {}
        for node in reversed(self._check(root)):
            operands = [results[id(child)] for child in _operands(node)]
            try:
                results[id(node)] = self._pair(node, operands)
            except (ArithmeticError, ValueError):
                raise self.refuse("this has no finite value", node) from None
        return results[id(root)]

    def _pair(self, node: ast.expr, operands: list[tuple[int, int]]) -> tuple[int, int]:
        match node:
            case ast.UnaryOp(op=operator):
                re, im = operands[0]
                return self._signed(operator, re), self._signed(operator, im)
            case ast.BinOp(op=ast.Pow()):
                return self._whole_power(node, *operands)
            case ast.BinOp(op=operator):
                return self._combined(_OPERATORS[type(operator)], *operands)
            case ast.Call(func=ast.Name(id=name)):
                return self._complex_function(name, *operands[0])
        return self._complex_leaf(node)

    def _complex_leaf(self, node: ast.expr) -> tuple[int, int]:
        zero = self.graph.constant(0.0)
        if isinstance(node, ast.Name) and node.id == "i":
            return zero, self.graph.constant(1.0)
        if isinstance(node, ast.Name) and node.id in self.pairs:
            return self.pairs[node.id]
        return self._leaf(node), zero

    def _combined(self, kind: str, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        apply, (p, q), (r, s) = self.graph.apply, a, b
        if kind in {"+", "-"}:
            return apply(kind, p, r), apply(kind, q, s)
        if kind == "*":
            return (
                apply("-", apply("*", p, r), apply("*", q, s)),
                apply("+", apply("*", p, s), apply("*", q, r)),
            )
        if self.graph.constant_value(s) == 0:
            if self.graph.constant_value(r) == 0:
                raise ZeroDivisionError
            return apply("/", p, r), apply("/", q, r)
        size = apply("+", apply("*", r, r), apply("*", s, s))
        return (
            apply("/", apply("+", apply("*", p, r), apply("*", q, s)), size),
            apply("/", apply("-", apply("*", q, r), apply("*", p, s)), size),
        )

    def _whole_power(
        self, node: ast.BinOp, base: tuple[int, int], exponent: tuple[int, int]
    ) -> tuple[int, int]:
        n, imaginary = (self.graph.constant_value(part) for part in exponent)
        if n is None or imaginary != 0 or n != int(n) or abs(n) > MOST_COMPLEX_POWER:
            reason = f"a complex power must be a whole number within ±{MOST_COMPLEX_POWER}"
            raise self.refuse(reason, node.right)
        one = (self.graph.constant(1.0), self.graph.constant(0.0))
        result = one
        for _ in range(abs(int(n))):
            result = self._combined("*", result, base)
        return self._combined("/", one, result) if n < 0 else result

    def _complex_function(self, name: str, re: int, im: int) -> tuple[int, int]:
        apply, zero = self.graph.apply, self.graph.constant(0.0)
        match name:
            case "exp":
                size = apply("exp", re)
                return apply("*", size, apply("cos", im)), apply("*", size, apply("sin", im))
            case "log":
                return apply("log", apply("hypot", re, im)), apply("atan2", im, re)
            case "sqrt":
                size = apply("sqrt", apply("hypot", re, im))
                half = apply("/", apply("atan2", im, re), self.graph.constant(2.0))
                return apply("*", size, apply("cos", half)), apply("*", size, apply("sin", half))
        parts = {
            "abs": lambda: (apply("hypot", re, im), zero),
            "arg": lambda: (apply("atan2", im, re), zero),
            "conj": lambda: (re, apply("-", zero, im)),
            "real": lambda: (re, zero),
            "imag": lambda: (im, zero),
        }
        return parts[name]()


def _operands(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.Call(args=arguments):
            return arguments
    return []


class _Program:
    """The functions of one output quantity, each written when first asked for."""

    def __init__(self, graph: Graph, output: int, inputs: Sequence[int]) -> None:
        self._graph = graph
        self._output = output
        self._inputs = inputs
        self._arguments = [f"x{i}" for i in range(len(inputs))]
        self._directions = [f"v{i}" for i in range(len(inputs))]
        self._propagations: dict[tuple[bool, ...], tuple[Kernel, Kernel]] = {}

    def listed(self, names: Sequence[str]) -> list[tuple[Any, ...]]:
        numbers = sorted(uses(self._graph, [self._output]))
        position = {number: i for i, number in enumerate(numbers)}
        listed: list[tuple[Any, ...]] = []
        for number in numbers:
            kind, *rest = self._graph.steps[number]
            if kind == "constant":
                listed.append((kind, rest[0]))
            elif kind == "input":
                listed.append((kind, names[rest[0]]))
            else:
                listed.append((kind, *(position[operand] for operand in rest)))
        return listed

    @cached_property
    def value(self) -> tuple[Kernel, Kernel]:
        return written_function(self._graph, self._arguments, [self._output])

    @cached_property
    def gradient(self) -> list[int]:
        return self._graph.gradient(self._output, self._inputs)

    @cached_property
    def value_and_gradient(self) -> tuple[Kernel, Kernel]:
        return written_function(self._graph, self._arguments, [self._output, *self.gradient])

    @cached_property
    def constant_derivatives(self) -> tuple[bool, ...]:
        return tuple(self._graph.constant_value(c) is not None for c in self.gradient)

    @cached_property
    def curvature(self) -> tuple[Kernel, Kernel] | None:
        """The second and third derivatives along one direction v; None where they are too long.

        First ∂²f/∂x_i∂v by i, then ∂³f/∂x_i∂v² by i.
        """
        if len(uses(self._graph, self.gradient)) > MOST_STEPS_TO_CURVE:
            return None
        graph, n = self._graph, len(self._inputs)
        direction = {x: graph.step("input", n + i) for i, x in enumerate(self._inputs)}
        second = graph.along(self.gradient, direction)
        third = graph.along(
            second, direction | dict.fromkeys(direction.values(), graph.constant(0.0))
        )
        return written_function(graph, [*self._arguments, *self._directions], [*second, *third])

    def propagation(self, finite: tuple[bool, ...]) -> tuple[Kernel, Kernel]:
        """Return the function of x_i, u(x_i) and 1/ν_i that gives y, u_c² and Σ u_i⁴/ν_i.

        Args:
            finite: for each input, whether its ν_i is finite; only those 1/ν_i are arguments.
        """
        if finite not in self._propagations:
            graph, n = self._graph, len(self._inputs)
            counted = [i for i in range(n) if finite[i]]
            variance = denominator = graph.constant(0.0)
            for i, c in enumerate(self.gradient):
                u = graph.step("input", n + i)
                component = graph.product_of(c, u)
                if graph.constant_value(component) == 0:
                    continue
                square = graph.step("*", component, component)
                variance = graph.sum_of(variance, square)
                if finite[i]:
                    weight = graph.step("input", 2 * n + counted.index(i))
                    term = graph.step("*", graph.step("*", square, square), weight)
                    denominator = graph.sum_of(denominator, term)
            arguments = [
                *self._arguments,
                *(f"u{i}" for i in range(n)),
                *(f"w{i}" for i in counted),
            ]
            roots = [self._output, variance, denominator]
            self._propagations[finite] = written_function(graph, arguments, roots)
        return self._propagations[finite]


# ── The public model ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class MeasurementModel:
    """Y = f(X_1, …, X_N) for one or more output quantities; made by `compile_model`.

    Attributes:
        names: the input quantities, in the order of every gradient.
        expressions: the text of each output quantity, as given.
        complex_names: the complex quantities, of which `names` has the parts.
    """

    names: tuple[str, ...]
    expressions: tuple[tuple[str, str], ...]
    _programs: Mapping[str, _Program] = field(repr=False, compare=False)
    _made_by: tuple[Callable[..., Any], tuple[Any, ...]] = field(repr=False, compare=False)
    complex_names: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """The output quantities, in the order given."""
        return tuple(output for output, _ in self.expressions)

    @property
    def digest(self) -> str:
        """SHA-256 of the names and expressions, in hexadecimal."""
        return sha256(repr((self.names, self.expressions)).encode()).hexdigest()

    @overload
    def evaluate(self, values: Mapping[str, float], *, output: str | None = None) -> float: ...
    @overload
    def evaluate(
        self, values: Mapping[str, FloatArray], *, output: str | None = None
    ) -> FloatArray: ...
    def evaluate(self, values: Mapping[str, Any], *, output: str | None = None) -> Any:
        """Return y for values of all input quantities: floats, or arrays of one shape.

        Args:
            values: x_i by name, all in the units the expression was written for.
            output: which output quantity, where the model has several.

        Raises:
            QuantityUnknown: an input is missing or not of this model.
            ModelUndefined: y of floats is not finite. In arrays such elements are NaN or infinite.

        >>> compile_model("P / U", ["P", "U"]).evaluate({"P": 60.0, "U": 12.0})
        5.0
        """
        name = self.output_named(output)
        arguments = self._arguments(values)
        on_floats, on_arrays = self._programs[name].value
        shape = np.broadcast_shapes(*(np.shape(argument) for argument in arguments))
        if shape:
            with np.errstate(all="ignore"):
                return _array(on_arrays(*arguments), shape)
        try:
            y = float(on_floats(*arguments))
        except (ArithmeticError, ValueError):
            y = math.nan
        if not math.isfinite(y):
            raise ModelUndefined(name, "the model has no finite value at these estimates")
        return y

    @overload
    def gradient(
        self, values: Mapping[str, float], *, output: str | None = None
    ) -> dict[str, float]: ...
    @overload
    def gradient(
        self, values: Mapping[str, FloatArray], *, output: str | None = None
    ) -> dict[str, FloatArray]: ...
    def gradient(self, values: Mapping[str, Any], *, output: str | None = None) -> dict[str, Any]:
        """Return ∂f/∂x_i by name, at floats or at arrays of one shape.

        A derivative that does not exist (√x at 0, |x| at 0) is NaN or infinite, never 0.

        Raises:
            QuantityUnknown: an input is missing or not of this model.
        """
        name = self.output_named(output)
        arguments = self._arguments(values)
        shape = np.broadcast_shapes(*(np.shape(argument) for argument in arguments))
        if shape:
            with np.errstate(all="ignore"):
                _, *partials = self._programs[name].value_and_gradient[1](*arguments)
            partials = [_array(slope, shape) for slope in partials]
        else:
            _, *partials = self.value_and_gradient(arguments, name)
        return dict(zip(self.names, partials, strict=True))

    def value_and_gradient(self, arguments: Sequence[float], output: str) -> tuple[float, ...]:
        """Return (y, c_1, …, c_N) at floats in the order of `names`, without any check.

        What does not exist is NaN or infinite. This is the inner loop of a budget.
        """
        on_floats, on_arrays = self._programs[output].value_and_gradient
        try:
            result: tuple[float, ...] = on_floats(*arguments)
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                results = on_arrays(*(np.float64(x) for x in arguments))
            return tuple(float(r) for r in results)
        return result

    def is_constant(self, output: str) -> bool:
        """Return whether an output is a number, whatever the inputs are."""
        return all(kind != "input" for kind, *_ in self.steps(output))

    def is_linear(self, output: str) -> bool:
        """Return whether every first derivative of an output is a constant."""
        return all(self._programs[output].constant_derivatives)

    def has_kinks(self, output: str) -> bool:
        """Return whether an output takes abs, min or max of its inputs."""
        return any(kind in {"abs", "min", "max"} for kind, *_ in self.steps(output))

    def constant_derivatives(self, output: str) -> tuple[bool, ...]:
        """Return, for each input, whether the first derivative by it is a constant."""
        return self._programs[output].constant_derivatives

    def expression(self, output: str) -> str:
        """Return the text of one output quantity."""
        return dict(self.expressions)[output]

    def curvature(
        self, arguments: Sequence[float], directions: FloatArray, output: str
    ) -> tuple[FloatArray, FloatArray] | None:
        """Return how the first derivatives change along several directions.

        Args:
            arguments: x_i in the order of `names`.
            directions: v as columns, shape (n, m).
            output: an output of the model.

        Returns:
            ∂²f/∂x_i∂v and ∂³f/∂x_i∂v², each of shape (n, m); None where the model is so long that
            they are not written out.
        """
        functions = self._programs[output].curvature
        if functions is None:
            return None
        with np.errstate(all="ignore"):
            results = functions[1](*(np.float64(x) for x in arguments), *directions)
        n, m = directions.shape
        table = np.array([_array(result, (m,)) for result in results])
        return table[:n], table[n:]

    def propagation(self, output: str, finite: tuple[bool, ...]) -> tuple[Kernel, Kernel]:
        """Return the function behind `propagation.Propagation`, for floats and for arrays."""
        return self._programs[output].propagation(finite)

    def steps(self, output: str) -> list[tuple[Any, ...]]:
        """Return the steps of one output in order, the last of them being the output itself.

        They are ("constant", value), ("input", name) and (function, *positions of its operands).
        """
        return self._programs[output].listed(self.names)

    def on_arrays(self, output: str) -> Kernel:
        """Return the function of arrays, in the order of `names`, that gives y; unchecked."""
        return self._programs[output].value[1]

    def output_named(self, output: str | None) -> str:
        """Return the output asked for; the only one, where none is named.

        Raises:
            QuantityUnknown: the model has no such output.
            InvalidInput: none is named and there are several.
        """
        if output is None:
            if len(self.expressions) > 1:
                raise InvalidInput("output", f"name one of {', '.join(self.outputs)}")
            return self.expressions[0][0]
        if output not in self._programs:
            raise QuantityUnknown(output, known=self.outputs, where="output quantities")
        return output

    def _arguments(self, values: Mapping[str, Any]) -> list[Any]:
        for name in values:
            if name not in self.names:
                raise QuantityUnknown(name, known=self.names, where="inputs of the model")
        for name in self.names:
            if name not in values:
                raise QuantityUnknown(name, known=values, where="values given")
        return [values[name] for name in self.names]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._made_by


def _array(result: Any, shape: tuple[int, ...]) -> FloatArray:
    return np.broadcast_to(np.asarray(result, dtype=np.float64), shape)


def compile_model(expression: str | Mapping[str, str], names: Iterable[str]) -> MeasurementModel:
    """Read a measurement model and compile it with its first derivatives.

    A formula is made of numbers, the names given, `pi`, + - * / ** and parentheses, and
    abs min max sqrt exp expm1 log log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh
    hypot. Angles are in radians, `log` is natural. Compiled models are kept and shared.

    Args:
        expression: one formula, whose output quantity is then called "y", or one per output name.
        names: the input quantities: letters, digits and _, Greek letters unlike Latin ones.

    Raises:
        ModelRefused: a text is not such a formula, or longer than 4000 characters, larger than
            2000 terms or deeper than 500.
        InvalidInput: a name cannot be used, or there are none.

    >>> model = compile_model("l_S + d", ["l_S", "d"])
    >>> model.gradient({"l_S": 50.0, "d": 0.2})
    {'l_S': 1.0, 'd': 1.0}
    """
    expressions = dict(expression) if isinstance(expression, Mapping) else {"y": expression}
    given = tuple(names)
    for text in expressions.values():
        _check_length(text)
    if sum(map(len, expressions.values())) > MOST_CHARACTERS_TOGETHER:
        reason = f"longer than {MOST_CHARACTERS_TOGETHER} characters together"
        raise InvalidInput("expression", reason)
    for name in given:
        _check_name(name)
    return _compiled(tuple(expressions.items()), given)


@lru_cache(maxsize=128)
def _compiled(expressions: tuple[tuple[str, str], ...], names: tuple[str, ...]) -> MeasurementModel:
    _check_names(expressions, names)
    programs = {}
    for output, text in expressions:  # a graph each: an output is calculated as if it were alone
        graph = Graph()
        inputs = {name: graph.step("input", i) for i, name in enumerate(names)}
        programs[output] = _Program(
            graph, _Reader(text, graph, inputs).read(), tuple(inputs.values())
        )
    return MeasurementModel(
        names, expressions, programs, (compile_model, (dict(expressions), names))
    )


def compile_complex_model(
    expression: str | Mapping[str, str], names: Iterable[str], *, real: Iterable[str] = ()
) -> MeasurementModel:
    """Read a model of complex quantities and compile it as a model of their parts.

    An input z becomes the inputs z_re and z_im, an output Y the outputs Y_re and Y_im. A formula
    is made of numbers, the names given, `i`, `pi`, + - * / and whole constant powers, and exp,
    log, sqrt, abs, arg, conj, real and imag; log and sqrt are the principal branches.

    Args:
        expression: one formula, whose output quantity is then called "y", or one per output name.
        names: the complex input quantities.
        real: the input quantities that have no imaginary part; they stay themselves.

    Raises:
        ModelRefused, InvalidInput: as `compile_model`.

    >>> model = compile_complex_model("V / I", ["V", "I"])
    >>> model.names, model.outputs
    (('V_re', 'V_im', 'I_re', 'I_im'), ('y_re', 'y_im'))
    """
    expressions = {"y": expression} if isinstance(expression, str) else dict(expression)
    given, plain = tuple(names), tuple(real)
    _check_names(tuple(expressions.items()), (*given, *plain))
    if "i" in (*given, *plain):
        raise InvalidInput("names", "'i' is the imaginary unit of complex models")
    parts = (*(f"{name}_{part}" for name in given for part in ("re", "im")), *plain)
    _check_names(tuple(expressions.items()), parts)
    programs: dict[str, _Program] = {}
    texts: list[tuple[str, str]] = []
    for output, text in expressions.items():
        _check_length(text)
        graph = Graph()
        inputs = {name: graph.step("input", position) for position, name in enumerate(parts)}
        pairs = {name: (inputs[f"{name}_re"], inputs[f"{name}_im"]) for name in given}
        pairs |= {name: (inputs[name], graph.constant(0.0)) for name in plain}
        both = _ComplexReader(text, graph, pairs).read_pair()
        for part, number in zip(("re", "im"), both, strict=True):
            programs[f"{output}_{part}"] = _Program(graph, number, tuple(inputs.values()))
            texts.append((f"{output}_{part}", text))
    made_by = (partial(compile_complex_model, real=plain), (expressions, given))
    return MeasurementModel(parts, tuple(texts), programs, made_by, given)


@lru_cache(maxsize=4096)
def identifiers(expression: str) -> frozenset[str]:
    """Return every name that stands in an expression, those of functions and constants too."""
    return frozenset(_NAME.findall(expression))


def _check_length(text: object) -> None:
    if not isinstance(text, str):
        raise InvalidInput("expression", f"must be text, got {type(text).__name__}")
    if len(text) > MOST_CHARACTERS:
        reason = f"longer than {MOST_CHARACTERS} characters ({len(text)})"
        raise ModelRefused(reason, expression=text, position=MOST_CHARACTERS)


def _check_names(expressions: Sequence[tuple[str, str]], names: Sequence[str]) -> None:
    if not names or len(names) > MOST_INPUTS:
        raise InvalidInput("names", f"a model has 1 to {MOST_INPUTS} inputs, not {len(names)}")
    if not expressions or len(expressions) > MOST_OUTPUTS:
        count = len(expressions)
        raise InvalidInput("expression", f"a model has 1 to {MOST_OUTPUTS} outputs, not {count}")
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise InvalidInput("names", f"{twice!r} stands twice")
    for name in (*names, *(output for output, _ in expressions)):
        _check_name(name)


def _check_name(name: object) -> None:
    usable = (
        isinstance(name, str)
        and 0 < len(name) <= 100
        and not name[0].isdigit()
        and _NAME_CHARACTERS.issuperset(name)
        and not iskeyword(name)
    )
    if not usable:
        shown = repr(name)[:40]
        raise InvalidInput("names", f"{shown} cannot name a quantity: letters, digits and _ only")
    if name in FUNCTIONS or name in CONSTANTS:
        raise InvalidInput("names", f"{name!r} is a function or constant of models")
