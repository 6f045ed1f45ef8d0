"""The page of symbols: whatever it names exists, all likelihoods stand on it, and so do all challenges."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from accord.audit.challenges import CHALLENGES
from accord.reward import likelihoods

PAGE = (Path(__file__).parents[2] / "docs/rewards/symbols.md").read_text()
NAMES = sorted(set(re.findall(r"`(accord\.[\w.]+)`", PAGE)))


def found(name: str) -> Any:
    """The module, or what is in it, by its dotted name."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            value: Any = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            value = getattr(value, part)
        return value
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_page_names_exists(name: str) -> None:
    assert found(name) is not None


def test_a_name_that_does_not_exist_would_be_found_out() -> None:
    assert len(NAMES) > 30
    with pytest.raises(AttributeError):
        found("accord.reward.likelihoods.bradley_terri")


def test_every_likelihood_has_its_symbols() -> None:
    table = PAGE.partition("## The likelihoods")[2].partition("\n## ")[0]
    named = re.findall(r"\| `accord\.reward\.likelihoods\.(\w+)` \|", table)
    assert sorted(named) == sorted(likelihoods.__all__)


def test_every_challenge_breaks_a_symbol() -> None:
    table = PAGE.partition("## Which symbol")[2]
    rows = re.findall(r"^\| ([A-Z]{2}\d) \| (.+) \| (.+) \|$", table, re.M)
    of_the_paper = [challenge.id for challenge in CHALLENGES if challenge.section[0].isdigit()]
    assert [name for name, _, _ in rows] == of_the_paper
    assert len(rows) == 23
    assert all(symbol.strip() and broken.strip() for _, symbol, broken in rows)
