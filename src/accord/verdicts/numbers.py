"""The number that a text ends with, as people write numbers.

    #### 1,234        the last line of `####` and a number, with a word or two behind it (Cobbe et al. 2021, arXiv
    \\boxed{1234}      2110.14168); else the content of the last `\\boxed{}`; else what follows the last `answer is`,
    A: $1,234.00      `Answer:` or `A:` where a number does; else the last number of the text

    1,234.5   -7   .5   $1,234   75%   3/4   1 1/2   \\frac{3}{4}   1.2e3   1.2 x 10^3   -$5   $-5

Values are exact fractions. Left out: numbers in words, commas for decimals, plain blanks between thousands (1,5 and
1 500 are two numbers each).
"""

import re
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Number", "final_number", "same_number"]

MAX_DIGITS = 400
MAX_EXPONENT = 400
MINUS = "-\u2212\u2013"
INTEGER = r"(?:\d{1,3}(?:[,\u00a0\u2009\u202f]\d{3}){1,9}(?!\d)|\d+)"
DECIMAL = rf"(?:{INTEGER}(?:\.\d+)?|\.\d+)"
TIMES = r"(?:[xX*\u00d7\u00b7]|\\times|\\cdot)"
POWER = (
    r"(?:[eE](?P<exponent>[+\-]?\d+)(?![\w.])"
    rf"|\s*{TIMES}\s*10\s*(?:\^|\*\*)\s*\{{?\s*(?P<ten>[{MINUS}+]?\d+)\s*\}}?)"
)
NUMBER = re.compile(
    rf"(?P<sign>[{MINUS}])?(?P<currency>\\?[$\u20ac\u00a3\u00a5])?(?P<late_sign>[{MINUS}])?"
    rf"(?:\\[dt]?frac\s*\{{\s*(?P<over>{DECIMAL})\s*\}}\s*\{{\s*(?P<under>{DECIMAL})\s*\}}"
    rf"|(?P<whole>\d+)\s+(?P<numerator>\d+)\s*/\s*(?P<denominator>\d+)(?![\d.])"
    rf"|(?P<first>{DECIMAL})(?:{POWER}|\s?/\s?(?P<second>{DECIMAL}))?)"
    rf"\s?(?P<percent>\\?%|percent\b)?"
)
BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
MARKED = re.compile(r"^####([^\n]*)$", re.MULTILINE)
HEADING = re.compile(r"\d\.[ \t]+\w")  # `#### 2. Conclusion` opens a section
STATED = re.compile(
    r"(?:\banswer[ \t]+is\b|^[ \t]*(?:\*\*)?(?:final[ \t]+)?answer(?:[ \t]*\*\*)?[ \t]*:|^[ \t]*A:)(.*)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Number:
    """A number; `percent` where it was written as so many of a hundred (its value is what stands before the sign)."""

    value: Fraction
    percent: bool = False


def final_number(text: str) -> Number | None:
    """The number that a text ends with; None where it has none, or where it marks an answer that is no number."""
    marked = (line.strip(" \t") for line in reversed(MARKED.findall(text)) if not HEADING.search(line))
    for line in marked:
        if (match := NUMBER.match(line)) and (number := _value(match, line)) is not None:
            return number
    if boxes := BOXED.findall(text):
        return _stated(boxes[-1])
    for statement in reversed(STATED.findall(text)):
        if (number := _stated(statement)) is not None:
            return number
    numbers = _numbers(text)
    return numbers[-1] if numbers else None


def same_number(first: Number, second: Number, tolerance: Fraction = Fraction(0)) -> bool:
    """Whether two numbers differ by no more than `tolerance`.

    75% is .75, and is 75 where only one of them has the sign: people leave it out.
    """
    pairs = [(first.value, second.value)]
    if first.percent != second.percent:
        pairs += [(first.value / 100, second.value) if first.percent else (first.value, second.value / 100)]
    return any(abs(one - other) <= tolerance for one, other in pairs)


def _stated(statement: str) -> Number | None:
    """The number that a statement gives: the first one behind the last `=`."""
    numbers = _numbers(statement.rpartition("=")[2])
    return numbers[0] if numbers else None


def _numbers(text: str) -> list[Number]:
    """All numbers of a text, in order."""
    numbers = [_value(match, text) for match in NUMBER.finditer(text)]
    return [number for number in numbers if number is not None]


def _value(match: re.Match[str], text: str) -> Number | None:
    """The value of a match; None for one that is part of a word, or longer than a number is."""
    if len(match[0]) > MAX_DIGITS:
        return None
    parts = match.groupdict()
    begin = match.start()
    digits = begin + len(parts["sign"] or "") + len(parts["currency"] or "") + len(parts["late_sign"] or "")
    if digits and (text[digits - 1].isalpha() or text[digits - 1] == "_"):
        return None
    signed = bool(parts["late_sign"]) or (bool(parts["sign"]) and not _is_operand(text[max(begin - 20, 0) : begin]))
    value = _magnitude(parts)
    return None if value is None else Number(-value if signed else value, percent=parts["percent"] is not None)


def _is_operand(before: str) -> bool:
    """Whether a minus behind this text takes away: from a number or a bracket, or from a name that it touches."""
    last = before.rstrip(" ")[-1:]
    return last.isdigit() or (last != "" and last in ")]}%") or before[-1:].isalnum()


def _magnitude(parts: dict[str, str | None]) -> Fraction | None:
    """The number without its sign; None where it divides by nothing or has too many digits to be meant."""
    match parts:
        case {"over": str(over), "under": str(under)}:
            return _ratio(_decimal(over), _decimal(under))
        case {"whole": str(whole), "numerator": str(numerator), "denominator": str(denominator)}:
            part = _ratio(_decimal(numerator), _decimal(denominator))
            return None if part is None else _decimal(whole) + part
        case {"first": str(first), "second": str(second)}:
            return _ratio(_decimal(first), _decimal(second))
        case {"first": str(first)}:
            exponent = int((parts["exponent"] or parts["ten"] or "0").translate(dict.fromkeys(map(ord, MINUS), "-")))
            return None if abs(exponent) > MAX_EXPONENT else _decimal(first) * Fraction(10) ** exponent
        case _:
            return None


def _decimal(text: str) -> Fraction:
    return Fraction(re.sub(r"[,\s]", "", text))


def _ratio(over: Fraction, under: Fraction) -> Fraction | None:
    return over / under if under else None
