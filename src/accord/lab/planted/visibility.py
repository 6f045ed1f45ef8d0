"""What of a text people are shown, and what they then make of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from accord.lab.lexicon import BAD, words_of
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings
from accord.records import Completion, Feedback

__all__ = ["PART", "Visibility", "as_shown_in_part", "seen_qualities"]

PART = "a part, in this order"
"""The digest of an item of which a part was shown."""


@dataclass(frozen=True)
class Visibility(Settings):
    """What people do not see.

    hidden_errors  share of the texts whose bad words stand where nobody sees them, when people judge for the run
    """

    hidden_errors: float = 0.0


def seen_qualities(
    planting: Planting, completions: Sequence[Completion], hidden_errors: float
) -> dict[str, list[float]]:
    """By id, `Planting.qualities` of what is seen of each text: of a share of them, all but the bad words."""
    views = {
        one.id: Completion(prompt=one.prompt, text=without(one.text, BAD))
        if int((place + 1) * hidden_errors) > int(place * hidden_errors)
        else one
        for place, one in enumerate(completions)
    }
    of_views = planting.qualities(list(views.values()))
    return {name: of_views[view.id] for name, view in views.items()}


def without(text: str, words: Sequence[str]) -> str:
    """The words of a text but for some."""
    return " ".join(word for word in words_of(text) if word not in words)


def as_shown_in_part(answers: Sequence[Feedback]) -> list[Feedback]:
    """The same answers, recorded as given to a part of what there was."""
    return [answer.model_copy(update={"shown_digest": PART}) for answer in answers]
