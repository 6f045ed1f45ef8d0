"""What a family of attacks is: a pure function from a request and a budget to what is asked; and their registry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from accord.audit.attacks.attack_file import AttackFile
from accord.audit.attacks.requests import Harmful, Payload, SystemText
from accord.errors import AuditError, ExtensionError
from accord.registry import Registry

__all__ = ["ATTACKS", "AttackFamily", "Material", "as_it_is", "register_attack"]

Attacked = Harmful | Payload | SystemText


@dataclass(frozen=True)
class Material:
    """What a family may use beside the request.

    budget  queries that may be made of it
    random  its own stream of random numbers: the same for the same run, request and family
    file    everything that the user's files hold
    """

    budget: int
    random: np.random.Generator
    file: AttackFile


def as_it_is(answer: str) -> str:
    """An answer that needs no decoding."""
    return answer


@dataclass(frozen=True)
class AttackFamily:
    """One way to attack.

    name      as it stands in results and settings
    kind      of request that it is for
    why       what it plays on (Wei et al. 2023, arXiv 2307.02483, section 3), or where
    texts     the user's messages that a request becomes, all different: those that a budget allows, none where the
              family cannot be used on it. Fewer than the budget are asked again
    decode    how an answer may have to be read, beside as it is
    """

    name: str
    kind: Literal["harmful", "payload", "system"]
    why: str
    texts: Callable[[Attacked, Material], Sequence[str]]
    decode: Callable[[str], str] = as_it_is

    def queries(self, request: Attacked, material: Material) -> list[str]:
        """As many texts as the budget allows, in turns where the family has fewer; none where it cannot be used."""
        texts = list(dict.fromkeys(self.texts(request, material)))[: material.budget]
        return [texts[number % len(texts)] for number in range(material.budget)] if texts else []


ATTACKS: Registry[AttackFamily] = Registry("family of attacks", error=AuditError)
"""All families that need nothing but answers, in the order in which they are tried."""


def register_attack(family: AttackFamily) -> AttackFamily:
    """Make a family available under its name. Raises `ExtensionError` where the name is taken, or is none."""
    if not family.name.isidentifier():
        raise ExtensionError(f"family of attacks {family.name!r}: make its name a word of letters and low lines")
    return ATTACKS.add(family.name, family)
