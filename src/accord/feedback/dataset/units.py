"""What was sampled independently when pairs were collected: whoever judged, and the texts that were judged.

Where everybody judges texts of their own, a pair's session says it all. Where several people judge the same texts,
answers are alike for two reasons, and an interval has to know both.
"""

from collections.abc import Iterable, Mapping, Sequence

from accord.feedback.provenance import is_known
from accord.records import Evaluator, Pair

__all__ = ["Joined", "sampled_units", "text_groups"]


class Joined:
    """Names that are joined into groups (union-find); a group is called by one of its names."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        """The name by which the group of `name` is called."""
        parent = self._parent
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    def join(self, first: str, second: str) -> None:
        """Put the groups of two names together; it is called as that of `first` was."""
        self._parent[self.root(second)] = self.root(first)


def sampled_units(
    pairs: Sequence[Pair], evaluators: Mapping[str, Evaluator] | None = None
) -> tuple[list[str], list[str]]:
    """For each pair who judged (`clusters` of a statistic) and which texts (`crossed` with them).

    Who is the session; without one, the evaluator where they are known one by one, or else the prompt. Texts that were
    compared with one another are one unit (`text_groups`).
    """
    known = {name for name, evaluator in (evaluators or {}).items() if is_known(evaluator)}
    who = [pair.session or (pair.evaluator if pair.evaluator in known else None) or pair.prompt for pair in pairs]
    return who, text_groups((pair.chosen, pair.rejected) for pair in pairs)


def text_groups(compared: Iterable[Sequence[str]]) -> list[str]:
    """For each set of texts that were judged together, the group of all that are joined by such sets."""
    groups, sets = Joined(), [tuple(names) for names in compared]
    for first, *others in dict.fromkeys(sets):
        for other in others:
            groups.join(first, other)
    root_of = {first: groups.root(first) for first in dict.fromkeys(names[0] for names in sets)}
    return [root_of[names[0]] for names in sets]
