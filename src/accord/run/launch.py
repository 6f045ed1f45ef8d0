"""How this process was started: alone, or as one of several by torchrun, which says so in the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from accord.errors import RecipeError

__all__ = ["Launch", "launch_of"]


@dataclass(frozen=True)
class Launch:
    """Which of `count` processes this is: `rank`, from 0 on."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether it is the one that does the run."""
        return self.rank == 0


def launch_of(environment: Mapping[str, str] = os.environ) -> Launch:
    """What an environment says; one process where it says nothing.

    Raises `RecipeError` where it contradicts itself, or names processes on other machines.
    """
    if "WORLD_SIZE" not in environment or "RANK" not in environment:
        return Launch()
    names = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
    try:
        rank, count, here = (int(environment.get(name, environment["WORLD_SIZE"])) for name in names)
    except ValueError as error:
        raise RecipeError(
            f"RANK and WORLD_SIZE, by which torchrun numbers processes, are no numbers here ({error}); unset them"
        ) from error
    if not 0 <= rank < count:
        raise RecipeError(f"RANK is {rank} where WORLD_SIZE is {count}; unset both, or start the processes by torchrun")
    if here != count:
        raise RecipeError(
            f"{count} processes on several machines, {here} of them on this one; a run is trained on one machine: "
            "leave --nnodes out"
        )
    return Launch(rank, count)
