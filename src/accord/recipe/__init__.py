"""A whole run as one value, read from one TOML file.

    extensions  seed  [data]  [sft]  [reward]  [rewards.NAME]  [combine]  [policy]  [evaluate]  [audit]  [disclosure]

`kind` picks the settings class where there is a choice. An unknown key is an error that names its nearest neighbour;
values given beside the file (`--policy.kl_coef 0.1`) override it; the resolved recipe can be written and loaded again.
"""

from accord.recipe.reading import dump, load, parse, read_toml
from accord.recipe.sections import Data, Disclosure, Evaluate, Recipe

__all__ = ["Data", "Disclosure", "Evaluate", "Recipe", "dump", "load", "parse", "read_toml"]
