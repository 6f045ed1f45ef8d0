"""What to write into a run's own recipe where a check fires: which keys, from which value to which."""

from accord.loop.remedies.recipe_lines import with_recipe_lines

__all__ = ["with_recipe_lines"]
