"""The cluster that a run is worked on: one that runs already, or one of this machine alone; and places in it."""

import logging
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from accord.cluster.settings import Engine
from accord.errors import RecipeError
from accord.extras import RAY, missing, require

__all__ = ["connection", "is_placed", "options_of", "reserve_places"]

ANSWER = 10.0  # seconds
PATIENCE = 120.0
"""Seconds that a cluster has to find places for all actors, of which it has enough by its own account."""


@contextmanager
def connection(engine: Engine) -> Iterator[None]:
    """Inside the block this process is connected to the cluster of the settings.

    Raises `RecipeError` where there is none, or where it has fewer CPUs or GPUs than the actors take.
    """
    require(RAY, "engine.kind = 'ray'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    own = not ray.is_initialized()
    if own:
        _connect(engine)
    try:
        _check_room(engine)
        yield
    finally:
        if own:
            ray.shutdown()


def _connect(engine: Engine) -> None:
    import ray

    address = engine.address or os.environ.get("RAY_ADDRESS")
    form: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        count = max(os.cpu_count() or 1, int(-(-engine.actors * engine.cpus // 1)))
        # Without "local" Ray would join any cluster that this machine has a trace of.
        ray.init("local", include_dashboard=False, num_cpus=count, **form)
        return
    try:
        _check_answers(address)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(address=address, **form)
    except (OSError, ValueError, RuntimeError) as error:
        words = str(error).strip().partition("\n")[0]
        raise RecipeError(
            f"recipe.engine.address: no Ray cluster answers at {address} ({words}); start one with `ray start --head`"
        ) from error


def _check_answers(address: str) -> None:
    """Raises `OSError` where nothing listens at HOST:PORT; Ray itself would look for it for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER).close()


def gpus_of(engine: Engine) -> float:
    """GPUs of each actor."""
    import ray

    if engine.gpus is not None:
        return engine.gpus
    return 1.0 if ray.cluster_resources().get("GPU", 0) else 0.0


def _check_room(engine: Engine) -> None:
    import ray

    has = ray.cluster_resources()
    for name, each in (("CPU", engine.cpus), ("GPU", gpus_of(engine))):
        if engine.actors * each > has.get(name, 0.0) + 1e-9:
            raise RecipeError(
                f"recipe.engine: {engine.actors} actors of {each:g} {name}s each, and the cluster has "
                f"{has.get(name, 0.0):g}; take fewer, or lower engine.{name.lower()}s"
            )


@contextmanager
def reserve_places(engine: Engine) -> Iterator[Any]:
    """A placement group with a bundle for each actor, in the order of `Engine.actors`; given back behind the block."""
    import ray
    from ray.util.placement_group import placement_group, remove_placement_group

    gpus = gpus_of(engine)
    bundle = {"CPU": engine.cpus, **({"GPU": gpus} if gpus else {})}
    group = placement_group([bundle] * engine.actors, strategy=engine.placement)
    try:
        if not group.wait(PATIENCE):
            raise RecipeError(
                f"recipe.engine.placement: no places for {engine.actors} actors by {engine.placement} within "
                f"{PATIENCE:.0f} seconds; another run may have them (ray status)"
            )
        yield group
    finally:
        if ray.is_initialized():
            remove_placement_group(group)


def is_placed() -> bool:
    """Whether this process is an actor of a placement group: a learner of a run."""
    if missing(RAY):
        return False
    import ray

    return ray.is_initialized() and ray.util.get_current_placement_group() is not None


def options_of(engine: Engine, group: Any, place: int) -> dict[str, Any]:
    """The options of the actor at a place of a placement group."""
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    return {
        "num_cpus": engine.cpus,
        "num_gpus": gpus_of(engine),
        "scheduling_strategy": PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=place),
    }
