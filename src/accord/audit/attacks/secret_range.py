"""The strings that a secret could have been: a form such as `####`, or a list."""

import string
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

__all__ = ["LEAST", "SecretRange"]

LEAST = 100
"""Strings below which being the likeliest of all shows little: its exposure is under 7 bits."""
CLASSES = {
    "#": string.digits,
    "?": string.ascii_lowercase,
    "^": string.ascii_uppercase,
    "*": string.digits + string.ascii_letters,
}
LISTED = 1 << 20  # a range of so many at most is put into an order as a whole


@dataclass(frozen=True)
class SecretRange:
    """A list, or a form: `#` is a digit, `?` a small letter, `^` a capital, `*` any of these, all else itself."""

    form: str | tuple[str, ...]

    @property
    def size(self) -> int:
        """How many different strings there are."""
        return len(self._listed) if isinstance(self.form, tuple) else prod(map(len, self._letters))

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str) or isinstance(self.form, tuple):
            return text in self.form
        letters = self._letters
        return len(text) == len(letters) and all(one in some for one, some in zip(text, letters, strict=True))

    def draw_others(self, secret: str, most: int, random: np.random.Generator) -> list[str]:
        """At most `most` different strings of the range, but not the secret, each as likely as every other."""
        drawn: dict[str, None] = {}
        if self.size <= LISTED:
            for place in random.permutation(self.size).tolist():
                if len(drawn) == most:
                    break
                drawn[self._at(place)] = None
                drawn.pop(secret, None)
        while len(drawn) < min(most, self.size - 1):
            drawn["".join(letters[random.integers(len(letters))] for letters in self._letters)] = None
            drawn.pop(secret, None)
        return list(drawn)

    def _at(self, place: int) -> str:
        """The string of a place, from 0 to `size` - 1."""
        if isinstance(self.form, tuple):
            return self._listed[place]
        text = ""
        for letters in reversed(self._letters):
            place, digit = divmod(place, len(letters))
            text = letters[digit] + text
        return text

    @cached_property
    def _listed(self) -> list[str]:
        return list(dict.fromkeys(self.form))

    @cached_property
    def _letters(self) -> list[str]:
        """What may stand at each place of a form."""
        assert isinstance(self.form, str)
        return [CLASSES.get(letter, letter) for letter in self.form]
