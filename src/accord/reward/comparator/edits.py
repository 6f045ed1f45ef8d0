"""The edits that pairs of texts are made by, each with what is true of the pair."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Literal

from accord.reward.comparator import harmful, harmless

__all__ = ["EDITS", "Edit", "Effect"]

Effect = Literal["same", "other", "more", "less"]
"""What an edited text says beside the text: the same; something else; that and more; a part of it."""


@dataclass(frozen=True)
class Edit:
    """One way to change a text.

    kind     of attack, as results are told by
    name     of this way of it
    effect   what the edited text says beside the text
    held_out     held back where a comparator is to be tested on edits that it did not learn from
    change   the edited text, or None where the edit does not apply; `other_texts` are texts of other sources
    """

    kind: str
    name: str
    effect: Effect
    change: Callable[[str, Random, Sequence[str]], str | None]
    held_out: bool = False


def _edit(
    kind: str, effect: Effect, change: Callable[..., str | None], *, held_out: bool = False, listed: bool = False
) -> Edit:
    """An edit that needs no other text; `listed`: its words come from the list of the same side."""
    name = getattr(change, "__name__", kind) + (" (held-out list)" if listed and held_out else "")
    function = partial(change, held_out=held_out) if listed else change
    return Edit(kind, name, effect, lambda text, draw, other_texts: function(text, draw), held_out)


EDITS: tuple[Edit, ...] = (
    *(_edit("synonym", "same", harmless.synonyms, held_out=held_out, listed=True) for held_out in (False, True)),
    *(_edit("frame", "same", harmless.framed, held_out=held_out, listed=True) for held_out in (False, True)),
    _edit("contraction", "same", harmless.contracted),
    _edit("contraction", "same", harmless.expanded, held_out=True),
    _edit("punctuation", "same", harmless.punctuated),
    _edit("punctuation", "same", harmless.respaced),
    _edit("punctuation", "same", harmless.lower_case, held_out=True),
    _edit("number form", "same", harmless.digits_as_words),
    _edit("number form", "same", harmless.words_as_digits),
    _edit("number form", "same", harmless.signs_as_words),
    _edit("clause order", "same", harmless.reordered),
    _edit("clause order", "same", harmless.fronted, held_out=True),
    _edit("clause order", "same", harmless.possessive, held_out=True),
    _edit("number", "other", harmful.number_changed),
    _edit("number", "other", harmful.number_word_changed),
    _edit("number", "other", harmful.numbers_swapped, held_out=True),
    *(_edit("name", "other", harmful.name_changed, held_out=held_out, listed=True) for held_out in (False, True)),
    _edit("name", "other", harmful.names_swapped),
    _edit("negation", "other", harmful.not_inserted),
    _edit("negation", "other", harmful.not_removed),
    _edit("negation", "other", harmful.never, held_out=True),
    _edit("negation", "other", harmful.denied, held_out=True),
    *(_edit("antonym", "other", harmful.antonym, held_out=held_out, listed=True) for held_out in (False, True)),
    *(_edit("unit", "other", harmful.unit_changed, held_out=held_out, listed=True) for held_out in (False, True)),
    _edit("order", "other", harmful.before_and_after),
    _edit("order", "other", harmful.operands_swapped),
    _edit("order", "other", harmful.from_and_to, held_out=True),
    Edit("addition", "sentence_of_another", "more", harmful.sentence_of_another),
    *(_edit("addition", "more", harmful.statement_added, held_out=held_out, listed=True) for held_out in (False, True)),
    _edit("addition", "more", harmful.interrupted, held_out=True),
    _edit("deletion", "less", harmful.sentence_dropped),
    _edit("deletion", "less", harmful.tail_dropped, held_out=True),
)
"""All edits. Their order is part of what a seed decides."""
