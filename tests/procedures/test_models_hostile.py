"""Somebody sends text that is not a formula, hoping it will be run, or will never end.

Every one of these is refused by name, within 50 ms, with a position inside the text, and nothing
of it is executed.
"""

from itertools import product
from time import thread_time

import pytest

from procedures.errors import ModelRefused
from procedures.models import MOST_CHARACTERS, compile_model

REACHING_OUT = [
    f"{start}{step}"
    for start, step in product(
        ["x", "sqrt", "(1.5)", "x.real", "pi", "(x+y)", "sin(x)", "1.0"],
        [
            ".__class__",
            ".__class__.__mro__",
            ".__globals__",
            ".__init__.__globals__['os']",
            ".__subclasses__()",
            ".__code__",
            "[0]",
            "['a']",
            "[::2]",
            ".real",
        ],
    )
]
CALLS = [
    call.format(argument)
    for call, argument in product(
        [
            "eval({})",
            "exec({})",
            "__import__({})",
            "open({})",
            "compile({})",
            "getattr(x, {})",
            "globals({})",
            "print({})",
            "breakpoint({})",
            "input({})",
            "type({})",
            "pow(x, {})",
            "_sign({})",
            "_log({})",
            "kernel({})",
            "x({})",
        ],
        ["x", "1", "", "*y", "**y", "x, y"],
    )
]
STATEMENTS = """
x;y|x=1|x==1|x:=1|(x:=1)|import os|from os import x|del x|return x|yield x|(yield x)|await x
raise x|assert x|pass|global x|x if x else y|lambda: x|(lambda: x)()|lambda x: x|not x|x and y
x or y|x in y|x is y|x < y|x <= y <= 1|x != y|x // y|x % y|x @ y|x << 2|x >> 2|x & y|x : y|x ^ y
~x|x -> y|x, y|(x, y)|()|[x]|[]|{x}|{}|{x: y}|[x for x in y]|(x for x in y)|{x for x in y}|*x
**x|...|None|True|False|True + x|'a'|"a"|'a' * 10|b'a'|f'{x}'|f"{x.__class__}"|r'x'|'''x'''|`x`
x!|$x|#x|x # y|?|@x|\\x|x\\|x \\ y|sin|sin + x|max|pi(x)|sin.x|sin(x|sin x|x sin|sin(x))|)x(|x)|(x
((x)|x + |* x|/ x|x +* y|x ** |+|-|.|,|()x|x()|x y|x 1|1 x|2x|x..y|..|1..2|1.2.3|0x10|0b1|0o7|1_0
1j|1J * x|0777|1e|1e+|1ee5|e5x|1if x else y|0or x|1and x|nan|inf|NaN|Infinity|-inf|e|E|tau
sin()|sin(x, y)|sin(x=1)|sin(*x)|sin(**x)|atan2(x)|atan2(x, y, x)|hypot(x)|max(x)|max()|min(x)
sqrt(x for x in y)|sqrt(x, key=y)|max(*x, y)|log(x, 10)|abs(x)(y)|(sin)(x)(y)|print|_|__|___|x_|X|Y
""".replace("\n", "|").strip("|")
NO_VALUE = """
1/0|0/0|x/0|x/(1-1)|x/0*0/0+1/0|0**-1|sqrt(-1)|log(0)|log(-1)|log10(0)|log1p(-1)|asin(2)|acos(-2)|exp(1000)
sinh(1000)|cosh(1e6)|9**9**9|9**9**9**9|2**2000|10**400|1e308*10|1e999|-1e999|1e400|(-8)**0.5
(-1)**(1/3)|x**1e9|x**1000000000**2|x**-1e9|x**1001|y**(2**40)|x**(9**9)|(x+y)**1e300|tan(1e999)
hypot(1.5e308, 1.5e308)|1e200*1e200|exp(710)*x|expm1(1e4)+x|1/(1-1)|x/(2-2)*0+1/(1-1)|0.0**-0.5
""".replace("\n", "|").strip("|")
LOOK_ALIKES = [
    "ｘ",
    "х",
    "ⅹ",
    "𝑥",
    "𝐱",
    "x́",
    "ｓｉｎ(x)",
    "ѕin(x)",
    "sіn(x)",
    "x−y",
    "x–y",
    "x×y",
    "x·y",
    "x÷y",
    "x∗y",
    "x／y",
    "（x）",
    "x＋y",
    "x\u00a0+y",
    "x\u200b+y",
    "x\u2028+y",
    "\ufeffx",
    "x\u202e+y",
    "x²",
    "√x",
    "½*x",
    "١+x",
    "１+x",
    "π*x",
    "∞",
    "x\x00",
    "x\x1b[0m",
    "µ",
    "Ω*x",
    "ϕ",
    "ν*x",
    "о*x",
    "x\x0b+y",
    "x\x0c+y",
    "x\x85+y",
    "＿",
    "ﬁ",
    "𝟙",
    "x⁻¹",
    "𝔢val(x)",
    "ªx",
    "ſin(x)",
    "K*x",
]
ENDLESS = {
    "a megabyte of one name": "x" * 1_000_000,
    "a megabyte of sums": "x+" * 500_000 + "x",
    "a megabyte of blanks": " " * 1_000_000,
    "a megabyte of parentheses": "(" * 1_000_000,
    "a megabyte outside the alphabet": "☃" * 1_000_000,
    "one character too many": "x" + "+x" * (MOST_CHARACTERS // 2),
    "parentheses without end": "(" * 3999,
    "parentheses in pairs": "(" * 1990 + "x" + ")" * 1990,
    "signs without end": "-" * 3999 + "x",
    "signs in turn": "+-" * 1990 + "x",
    "calls in calls": "sin(" * 700 + "x" + ")" * 700,
    "calls closed short": "sqrt(" * 799,
    "powers of powers": "**".join(["x"] * 1300),
    "a tower of twos": "**".join(["2"] * 1300),
    "more terms than allowed": "+".join(["x"] * 1500),
    "a number of 4000 digits": "9" * 4000,
    "4000 digits after the point, and a letter": "0." + "9" * 3990 + "k",
    "commas without end": "max(" + "x," * 1900,
    "dots without end": "." * 3999,
    "stars without end": "x" + "*" * 3000 + "y",
    "open brackets of every kind": "([{" * 1300,
    "only line ends": "\n" * 3999,
    "only tabs": "\t" * 100,
    "nothing": "",
}

HOSTILE = dict.fromkeys(
    [
        *REACHING_OUT,
        *CALLS,
        *(text for text in STATEMENTS.split("|") if text),
        *(text for text in NO_VALUE.split("|") if text),
        *LOOK_ALIKES,
    ]
)
ALL = [*HOSTILE, *ENDLESS.values()]


def test_there_are_more_than_three_hundred_of_them():
    assert len(ALL) > 300


@pytest.mark.parametrize(
    "text", [*HOSTILE, *ENDLESS.values()], ids=range(len(HOSTILE) + len(ENDLESS))
)
def test_it_is_refused_at_once_with_a_pointer_into_the_text(text):
    started = thread_time()
    with pytest.raises(ModelRefused) as refusal:
        compile_model(text, ["x", "y"])
    seconds = thread_time() - started

    assert seconds < 0.05
    assert 0 <= refusal.value.position < max(len(text), 1)
    assert len(str(refusal.value)) < 300


def test_a_large_but_honest_formula_is_still_read():
    text = "+".join(f"x*{i}/(y+{i + 1})" for i in range(1, 200))

    assert compile_model(text, ["x", "y"]).evaluate({"x": 1.0, "y": 1.0}) > 0
