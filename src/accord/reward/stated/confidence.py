"""The confidence that a text states, and what it is worth by a proper score.

    Brier score (Brier 1950)   1 - (p - y)^2      p the stated probability of being right, y 1 where right, else 0

Its expectation is largest at p = the true probability of being right. A text that is surely wrong and says so earns as
much as one that is surely right; with `accuracy` > 0 being right counts besides (Damani et al. 2025, arXiv 2507.16806).
"""

import re

__all__ = ["brier", "stated_confidence", "without_confidence"]

NUMBER = r"(?<![\d.\-\u2212])(\d{1,3}(?:\.\d{1,6})?|\.\d{1,6})"
UNIT = r"[ ]?(%|percent\b|/ ?100?\b)?(?![\d.]*\d)"
CONFIDENCE = re.compile(
    rf"<confidence>\s{{0,9}}{NUMBER}{UNIT}\s{{0,9}}</confidence>"
    rf"|\b(?:confidence|certainty|probability)(?: (?:level|score))?"
    rf"(?: (?:of|that) (?:being|this is|i am) (?:right|correct))?"
    rf"[ *]{{0,3}}(?:is|of|:|=)[ *]{{0,3}}(?:about |around |roughly )?{NUMBER}{UNIT}"
    rf"|{NUMBER}[ ]?(%|percent)[ ](?:sure|certain|confident|confidence|certainty|likely|probability|chance)\b",
    re.IGNORECASE,
)


def stated_confidence(text: str) -> float | None:
    """The last confidence that a text states, from 0 to 1 (.8, 80%, 8/10); None where it states none that can be.

    Without a sign or a whole behind it a number above 1 is not read: 2 may be of 10 or of 100.
    """
    matches = list(CONFIDENCE.finditer(text))
    if not matches:
        return None
    number, unit = next(group for group in (matches[-1].groups()[i : i + 2] for i in (0, 2, 4)) if group[0])
    whole = {"/10": 10.0, "/100": 100.0, "": 1.0}.get((unit or "").replace(" ", ""), 100.0)
    value = float(number) / whole
    return value if value <= 1 else None


def without_confidence(text: str) -> str:
    """The text without what it says of its confidence, so that no number of it is taken for the answer."""
    return CONFIDENCE.sub(" ", text)


def brier(p: float, right: bool) -> float:
    """1 - (p - y)^2, from 0 to 1."""
    return 1 - (p - float(right)) ** 2
