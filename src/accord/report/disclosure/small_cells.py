"""Groups of so few people that a number about them is a number about somebody, made one with others.

A count of fewer than `FEW` people is not told. Where all counts of a table are known but one, that one is the total
less the others: so the groups that are left out must be `FEW` people together, and where they are not, the next
smallest group is left out with them (complementary suppression; Cox 1980).
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["FEW", "Cells", "safe_cells"]

FEW = 5


@dataclass(frozen=True)
class Cells:
    """The groups whose numbers may be told, and those that are told together.

    `together` may be empty. `untold` says that even all of them together are too few.
    """

    apart: tuple[str, ...]
    together: tuple[str, ...]
    untold: bool = False


def safe_cells(people: Mapping[str, int]) -> Cells:
    """Which groups of a table stand alone, of the number of people in each; the order is that of the table."""
    counts = {name: count for name, count in people.items() if count > 0}
    hidden = {name for name, count in counts.items() if count < FEW}
    total = sum(counts[name] for name in hidden)
    for name in sorted(counts.keys() - hidden, key=lambda name: (counts[name], name)):
        if not hidden or total >= FEW:
            break
        hidden.add(name)
        total += counts[name]
    apart = tuple(name for name in counts if name not in hidden)
    together = tuple(name for name in counts if name in hidden)
    return Cells(apart, together, untold=bool(hidden) and total < FEW)
