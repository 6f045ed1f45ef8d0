"""accord and one setting of a peer, in turn, a step each: how long they took, or why there is nothing to tell."""

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.decoding import environments
from benchmarks.machine import Load
from benchmarks.stages import AGAINST_OURSELVES, GENERATED, MALLOC, SETTINGS
from benchmarks.turns import Reply, Side, TooSlowError

__all__ = ["Pair", "measure"]

START, STEP = 420.0, 900.0  # seconds that a side may take: to be ready (vLLM compiles), and for a step of ours
LEAST = 20.0  # seconds that a peer's step may take in any case


@dataclass
class Pair:
    """What both sides told of each step that counts.

    accord, peer   replies; that of a peer which was ended for its slowness is missing
    ends           what each said at its end: its peak of memory, its loss on other texts
    at_least       seconds that the peer's first step had taken when it was ended; None where it kept the pace
    others         the share of the machine that was neither side's
    wall           seconds of all of it, loading and what warms up with it
    """

    accord: list[Reply]
    peer: list[Reply]
    ends: tuple[Reply, Reply | None]
    at_least: float | None
    others: float
    wall: float


def measure(stage: str, setting: str, *, counted: int, bound: float, environment: Mapping[str, str]) -> Pair:
    """`counted` steps each in turn, after one each that warms up; what writes has warmed up before it is ready.

    A peer whose step takes more than `bound` times as long as accord's is ended there. Raises `SideFailedError` where
    one cannot go on, `TooSlowError` where accord is the one that does not answer.
    """
    began, before, own = time.monotonic(), Load.now(), _processor_seconds()
    with ExitStack() as stack:
        ours = stack.enter_context(_side(stack, stage, "accord", counted, environment))
        peer = stack.enter_context(_side(stack, stage, setting, counted, environment))
        ours.ready(START)
        peer.ready(START)
        pair = Pair([], [], ({}, None), None, 0.0, 0.0)
        _alternate(ours, peer, pair, warm=0 if stage in GENERATED else 1, counted=counted, bound=bound)
        end = ours.finish(STEP)
        pair.ends = (end, None if pair.at_least else peer.finish(STEP))
    pair.wall = time.monotonic() - began
    pair.others = Load.now().others_since(before, _processor_seconds() - own)
    return pair


def _alternate(ours: Side, peer: Side, pair: Pair, *, warm: int, counted: int, bound: float) -> None:
    for number in range(warm + counted):
        reply = ours.step(STEP)
        if number >= warm:
            pair.accord.append(reply)
        if pair.at_least is not None:
            return
        within = max(LEAST, bound * reply["seconds"])
        try:
            told = peer.step(within)
        except TooSlowError as slow:
            # Where the first step of ours was no measure, one more is made.
            pair.at_least = slow.seconds
            peer.end()
            if pair.accord:
                return
            continue
        if number >= warm:
            pair.peer.append(told)


def _side(stack: ExitStack, stage: str, setting: str, counted: int, environment: Mapping[str, str]) -> Side:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    known = SETTINGS.get(setting)
    if known is not None and known.of in environments.MODULES:
        module = environments.MODULES[known.of]
        command: Sequence[str] = [str(environments.python_of(known.of)), "-m", module, stage]
        environment = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    else:
        if setting == AGAINST_OURSELVES.get(stage):
            stage, setting = setting, "accord"
        command = [sys.executable, "-m", "benchmarks", "side", stage, setting, str(1 + counted)]
    return Side(command, {**environment, **(MALLOC if known is not None and known.malloc else {})}, folder)


def _processor_seconds() -> float:
    """Of this process and of those that it has ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
