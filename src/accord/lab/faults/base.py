"""What a planted fault is: a change to one part of a healthy run, and the checks of the audit that it must set off."""

from collections.abc import Mapping, Sequence
from inspect import getdoc
from math import isfinite
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.errors import AccordError, ExtensionError
from accord.feedback import Dataset
from accord.lab.lexicon import WordJudge
from accord.lab.settings import S
from accord.registry import Registry

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["FAULTS", "Fault", "register_fault", "some_of"]


class Fault:
    """A fault of a given strength. A subclass overrides the methods of the parts that it spoils.

    The methods are called while a run is made, in the order in which they stand here. Those of this class change
    nothing: without a subclass a run is the clean control, drawn by the same code from the same random numbers.

    name        as it is asked for on the command line
    strengths   what it can be planted with, weakest first; the last one is planted where none is asked for
    sets_off    the ids of the checks that must fire at the last strength (`RG2 turnover`)
    touches     the ids of checks that it may set off as well, each with the reason: nobody is wrong who finds them
    cure        what lessens it, in words; empty where nothing was put to the test. With it the fault is planted again
                (`cured` is true), and the methods do what the cure does
    gold        what the cure must make greater, in words
    """

    name: ClassVar[str] = "none"
    strengths: ClassVar[tuple[float, ...]] = (0.0,)
    sets_off: ClassVar[tuple[str, ...]] = ()
    touches: ClassVar[Mapping[str, str]] = {}
    cure: ClassVar[str] = ""
    gold: ClassVar[str] = "accuracy of a reward that learns from the run's pairs, by the truth"

    def __init__(self, strength: float | None = None, *, cured: bool = False) -> None:
        self.cured = cured
        self.strength = self.strengths[-1] if strength is None else strength
        if not isfinite(self.strength) or self.strength < 0:
            raise AccordError(f"fault '{self.name}': a strength is 0 or a positive number, not {strength}")

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        """Those who judge together, before they are asked."""
        return panel

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset:
        """What was drawn from the ledger and divided, before it is written. `random` is the run's own stream."""
        return data

    def reward_model(self, judge: WordJudge) -> WordJudge:
        """What the policy is trained on."""
        return judge

    def pressure(self, healthy: float) -> float:
        """How hard the policy is optimised at its last step: 1 / beta."""
        return healthy

    def overshoot(self) -> float:
        """How many times the pressure of its own objective the policy has at its last step."""
        return 1.0

    def part(self, settings: S) -> S:
        """The settings of one of the run's parts (`lab/planted/parts/`), told by their class."""
        return settings

    def with_cure(self) -> Self:
        """The same fault at the same strength, with its cure."""
        return type(self)(self.strength, cured=True)

    def measure_gold(self, planting: "Planting") -> float:
        """The number that `gold` describes, of a planted run; greater is better."""
        from accord.lab.planted.gold import reward_accuracy

        return reward_accuracy(planting)


METHODS = ("evaluators", "dataset", "reward_model", "pressure", "overshoot", "part")
FAULTS: Registry[type[Fault]] = Registry("fault", error=AccordError)


def register_fault(fault: type[Fault]) -> type[Fault]:
    """Make a fault available under its name; a decorator.

    Raises `ExtensionError` where the name is taken, or where it lacks a name, a docstring or ascending strengths, or
    overrides no method and so changes nothing.
    """
    if "name" not in vars(fault) or not fault.name:
        raise ExtensionError(f"{fault.__name__}: a fault needs a `name`")
    if not vars(fault).get("__doc__"):
        raise ExtensionError(f"fault '{fault.name}': needs a docstring that says what is wrong with the run")
    if not fault.strengths or list(fault.strengths) != sorted(set(fault.strengths)):
        raise ExtensionError(f"fault '{fault.name}': `strengths` are to ascend, not {fault.strengths}")
    if not planted_in(fault):
        raise ExtensionError(f"fault '{fault.name}': overrides none of {', '.join(METHODS)}, so it changes nothing")
    return FAULTS.add(fault.name, fault)


def planted_in(fault: type[Fault]) -> tuple[str, ...]:
    """The parts of a run that a fault spoils: the methods of `Fault` that it overrides."""
    return tuple(name for name in METHODS if getattr(fault, name) is not getattr(Fault, name))


def description_of(fault: type[Fault]) -> str:
    """The first line of its docstring."""
    return (getdoc(fault) or "").partition("\n")[0]


def some_of(panel: Sequence[SimulatedEvaluator], share: float, **changes: object) -> list[SimulatedEvaluator]:
    """The panel with the first `share` of it changed, rounded to whole evaluators."""
    count = round(share * len(panel))
    return [evaluator.changed(**changes) for evaluator in panel[:count]] + list(panel[count:])
