"""Families of attacks, one file each kind: pure functions from a request and a budget to what is asked.

To add one, make an `AttackFamily` and hand it to `register_attack`. Templates are short, general and accord's own.
"""

from accord.audit.attacks.families import competing, encodings, extraction, injection, many_shot, random_search
from accord.audit.attacks.families.base import ATTACKS, AttackFamily, Material, register_attack

__all__ = [
    "ATTACKS",
    "AttackFamily",
    "Material",
    "competing",
    "encodings",
    "extraction",
    "injection",
    "many_shot",
    "random_search",
    "register_attack",
]
