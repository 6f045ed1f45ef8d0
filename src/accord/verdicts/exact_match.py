"""Exact match: does a text say the same as a reference, but for case, punctuation, articles and spaces?"""

import re
import string
from collections.abc import Sequence

__all__ = ["matches", "plain"]


def matches(text: str, references: Sequence[str]) -> bool:
    """Whether a text says the same as one of the references, but for case, punctuation, articles and spaces.

    Exact match as in SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250, section 5).
    """
    return plain(text) in {plain(each) for each in references}


def plain(text: str) -> str:
    """A text in small letters, without punctuation, articles and more than single spaces."""
    bare = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())
