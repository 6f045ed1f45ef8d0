"""The confidence that a text states, and what it is worth by a proper score.

    Brier score (Brier 1950)   1 - (p - y)^2      p the stated probability of being right, y 1 where right, else 0

Its expectation is largest at p = the true probability of being right. A text that is surely wrong and says so earns as
much as one that is surely right; with `accuracy` > 0 being right counts besides (Damani et al. 2025, arXiv 2507.16806).
"""

import re

__all__ = ["brier", "stated_confidence", "without_confidence"]

NUMBER = r"(?<![\d.\-\u2212])(\d{1,3}(?:\.\d{1,6})?|\.\d{1,6})"
UNIT = r"[ ]?(%|percent\b|/ ?100?\b)?(?![\d.]*\d)"
AROUND = r"(?:about |around |roughly )?"
COPULA = rf"[ *]{{0,3}}(?:is|of|:|=)[ *]{{0,3}}{AROUND}"
RIGHT = (
    r" (?:to be|(?:of|that|for)(?: (?:my|the|this|that) answer)? (?:being|is|this is|it is|it's|i am|i'm|i\u2019m))"
    r" (?:right|correct)\b"
)
CONFIDENCE = re.compile(
    rf"<confidence>\s{{0,9}}{NUMBER}{UNIT}\s{{0,9}}</confidence>"
    rf"|\b(?:confidence|certainty)(?: (?:level|score))?(?: in (?:this|that|my|the) answer)?(?:{RIGHT})?"
    rf"{COPULA}{NUMBER}{UNIT}"
    rf"|\b(?:probability|chance|likelihood){RIGHT}{COPULA}{NUMBER}{UNIT}"
    rf"|{NUMBER}[ ]?(%|percent)[ ](?:sure|certain|confident|certainty|confidence(?! (?:interval|level|region|band)))\b"
    rf"|{NUMBER}[ ]?(%|percent)[ ](?:likely|probability|chance|likelihood){RIGHT}",
    re.IGNORECASE,
)


def stated_confidence(text: str) -> float | None:
    """The last possible confidence that a text states, from 0 to 1 (.8, 80%, 8/10); None where there is none.

    Without a sign or a whole behind it a number above 1 is not read: 2 may be of 10 or of 100. A probability is read
    only where it is that of being right: an answer may be one.
    """
    values = [_value(match) for match in CONFIDENCE.finditer(text)]
    return next((value for value in reversed(values) if value <= 1), None)


def _value(match: re.Match[str]) -> float:
    groups = match.groups()
    number, unit = next(groups[i : i + 2] for i in range(0, len(groups), 2) if groups[i] is not None)
    whole = {"/10": 10.0, "/100": 100.0, "": 1.0}.get((unit or "").replace(" ", ""), 100.0)
    return float(number) / whole


def without_confidence(text: str) -> str:
    """The text without all that it says of its confidence, so that no number of it is taken for the answer."""
    return CONFIDENCE.sub(" ", text)


def brier(p: float, right: bool) -> float:
    """1 - (p - y)^2, from 0 to 1."""
    return 1 - (p - float(right)) ** 2
