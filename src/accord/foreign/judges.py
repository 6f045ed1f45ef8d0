"""Which column of scores stands for a judge that the policy was not trained to please."""

from collections.abc import Mapping, Sequence

from accord.errors import RecipeError, nearest
from accord.foreign.gathered import Gathered

__all__ = ["chosen_judge"]


def chosen_judge(
    named: str | None, columns: Sequence[str], weights: Mapping[str, float], gathered: Gathered
) -> str | None:
    """The column that was named; else the only one that is known to count nothing in what was learnt from.

    `weights` are those of columns in it, as far as they are known. None where neither is. Raises `RecipeError` where
    the column that was named is not there, or is known to have been learnt from.
    """
    if named is not None:
        if named not in columns:
            known = nearest(named, list(columns)) if columns else "; there is no column of scores"
            raise RecipeError(f"--judge {named}: no such column of scores{known}")
        if weight := weights.get(named, 0.0):
            raise RecipeError(
                f"--judge {named}: the policy was trained on it (it counts {weight:g} in the reward), so it is no "
                "independent judge; name another column"
            )
        return named
    unused = [name for name, weight in weights.items() if weight == 0]
    if len(unused) == 1:
        gathered.note(f"'{unused[0]}' counts nothing in what was learnt from: it is taken for the independent judge.")
        return unused[0]
    if len(unused) > 1:
        gathered.note(f"Several columns count nothing in what was learnt from ({', '.join(unused)}): name a --judge.")
    return None
