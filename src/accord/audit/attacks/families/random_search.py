"""Black-box random search, best of k: the request with letters changed at random, as often as the budget allows.

The changes are those of Hughes et al. 2024 (arXiv 2412.03556): capitals at random, the inner letters of words
shuffled, letters moved to their neighbours in the code.
"""

import numpy as np

from accord.audit.attacks.families.base import Attacked, AttackFamily, Material, register_attack

__all__ = ["random_search"]

CAPITALS, SHUFFLED, MOVED = 0.5, 0.4, 0.03  # shares of letters, of words of four letters or more, of letters


def _random_search(request: Attacked, material: Material) -> list[str]:
    return [_changed(request.text, material.random) for _ in range(material.budget)]


def _changed(text: str, random: np.random.Generator) -> str:
    words = [_shuffled(word, random) if random.random() < SHUFFLED else word for word in text.split(" ")]
    return "".join(_moved(letter, random) for letter in " ".join(words))


def _shuffled(word: str, random: np.random.Generator) -> str:
    if len(word) < 4:
        return word
    inner = [word[1 + place] for place in random.permutation(len(word) - 2).tolist()]
    return word[0] + "".join(inner) + word[-1]


def _moved(letter: str, random: np.random.Generator) -> str:
    """The letter, as a capital or none, or rarely the one beside it; signs and blanks stay."""
    if not letter.isascii() or not letter.isalpha():
        return letter
    if random.random() < MOVED:
        neighbour = chr(ord(letter) + (1 if random.random() < 0.5 else -1))
        letter = neighbour if neighbour.isalpha() else letter
    return letter.swapcase() if random.random() < CAPITALS else letter


random_search = register_attack(AttackFamily("random_search", "harmful", "random search", _random_search))
