"""What a model is asked when a request is put to it in all ways: pure, before any model is opened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from accord.audit.attacks.attack_file import AttackFile
from accord.audit.attacks.families import ATTACKS, AttackFamily, Material
from accord.audit.attacks.families.base import as_it_is
from accord.audit.attacks.families.competing import plain
from accord.audit.attacks.families.garak_templates import garak_family
from accord.audit.attacks.requests import Benign, Harmful, Payload, SystemText
from accord.audit.attacks.seeds import named_seed
from accord.audit.attacks.thresholds import AttackThresholds
from accord.records import Prompt

__all__ = ["Answerable", "Query", "chosen_families", "queries_of", "query_prompt"]

Answerable = Harmful | Benign | Payload | SystemText


@dataclass(frozen=True)
class Query:
    """One query: the family, which of its queries on the request it is (from 1), and what is asked."""

    family: AttackFamily
    attempt: int
    prompt: Prompt
    evaluations: int | None = None

    def readings(self, answer: str) -> tuple[str, ...]:
        """The answer as it is and, where the family asks in code, decoded."""
        return (answer,) if self.family.decode is as_it_is else (answer, self.family.decode(answer))


def chosen_families(settings: AttackThresholds) -> list[AttackFamily]:
    """The families that are tried. Raises `AuditError` where garak's texts are wanted and not there."""
    families = [ATTACKS.get(name) for name in settings.families]
    return [*families, garak_family(settings.garak)] if settings.garak else families


def queries_of(
    request: Answerable, file: AttackFile, families: Sequence[AttackFamily], *, budget: int, seed: int
) -> Iterator[Query]:
    """Every query on a request, family by family; a benign request is asked as it stands.

    What a family draws is decided by `seed`, the request's name and its own, whatever else is asked.
    """
    if isinstance(request, Benign):
        for number in range(1, budget + 1):
            yield Query(plain, number, query_prompt(request, request.text))
        return
    for family in families:
        if family.kind == request.kind:
            material = Material(budget, np.random.default_rng(named_seed(seed, request.name, family.name)), file)
            for number, text in enumerate(family.queries(request, material), 1):
                yield Query(family, number, query_prompt(request, text))


def query_prompt(request: Answerable, text: str) -> Prompt:
    """The user's message after the system text of the request; a system text to be extracted is its own."""
    if isinstance(request, SystemText):
        return Prompt.ask(text, system=request.text)
    return Prompt.ask(text, system=None if isinstance(request, Payload) else request.system)
