"""What is planted and audited: kinds of arms, and the cells of a choice of faults and worlds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accord.errors import RecipeError
from accord.lab.cell import Cell
from accord.lab.faults import FAULTS, Fault
from accord.lab.planted.worlds import WORLDS, World

__all__ = ["BLIND_RUNS", "SEEDS", "SIZES", "Arm", "Selection", "deal"]

SEEDS = range(20)
SIZES = (0.5, 1.0, 2.0)
"""Times as many evaluators, in the arms of power."""
BLIND_RUNS, SHORT_BLIND_RUNS = 60, 3


@dataclass(frozen=True)
class Arm:
    """One kind of run.

    healthy   nothing is planted; all checks
    induced   a fault; all checks in the first world, its own in the others; its gold
    reported  a fault; all checks of its challenges in the first world, as in a report whatever the others find
    cured     the same as induced with its cure; its own checks, its gold
    power     a fault at one of its strengths in a world of another size; its own checks
    blind     nothing, one fault or two, drawn by the seed; all checks

    strength is that of the fault, the last one where unset; `every` says whether all checks are made, `number` which
    of the blind runs it is.
    """

    kind: str
    fault: str = ""
    world: str = ""
    strength: float | None = None
    size: float = 1.0
    every: bool = True
    number: int = 0

    def __str__(self) -> str:
        """Its name, as cells have it: `induced:careless:words`."""
        match self.kind:
            case "healthy":
                parts = [self.world]
            case "power":
                parts = [self.fault, self.world, f"{self.strength:g}", f"{self.size:g}"]
            case "blind":
                parts = [self.world, str(self.number)]
            case _:
                strength = "last" if self.strength is None else f"{self.strength:g}"
                parts = [self.fault, self.world, strength, "all checks" if self.every else "its own checks"]
        return ":".join([self.kind, *parts])

    @classmethod
    def of(cls, name: str) -> "Arm":
        """The arm of that name."""
        kind, *parts = name.split(":")
        match kind, parts:
            case "healthy", [world]:
                return cls(kind, world=world)
            case "power", [fault, world, strength, size]:
                return cls(kind, fault, world, float(strength), float(size), every=False)
            case "blind", [world, number]:
                return cls(kind, world=world, number=int(number))
            case (("induced" | "reported" | "cured"), [fault, world, strength, checks]):
                amount = None if strength == "last" else float(strength)
                return cls(kind, fault, world, amount, every=checks == "all checks")
            case _:
                raise RecipeError(f"no arm '{name}'")

    def planted(self) -> Fault | None:
        """The fault as it is planted; None where there is none."""
        return FAULTS.get(self.fault)(self.strength, cured=self.kind == "cured") if self.fault else None

    def in_world(self) -> World:
        """The world, in its size."""
        world = WORLDS.get(self.world)
        return world if self.size == 1 else world.of_size(self.size)


@dataclass(frozen=True)
class Selection:
    """Which faults, at which strength, in which worlds; all of them, the last and all where unset.

    `power` adds the arms of power; `blind` asks for the blind runs of that seed instead of everything else.
    """

    faults: tuple[str, ...] = ()
    strength: float | None = None
    worlds: tuple[str, ...] = ()
    power: bool = False
    blind: int | None = None

    def cells(self, short: bool) -> list[Cell]:
        """All arms on twenty seeds (`deal`); in the short form one fault on one, or the first of the blind runs."""
        if self.blind is not None:
            runs = range(SHORT_BLIND_RUNS if short else BLIND_RUNS)
            return [Cell(str(Arm("blind", world=self._worlds[0], number=number)), self.blind) for number in runs]
        if short:
            return [Cell(str(arm), 0) for arm in self._short_arms()]
        return deal(SEEDS, [str(arm) for arm in self._arms()])

    @property
    def _worlds(self) -> tuple[str, ...]:
        return self.worlds or WORLDS.names

    @property
    def _faults(self) -> tuple[str, ...]:
        return self.faults or FAULTS.names

    def _faults_of(self, world: str) -> tuple[str, ...]:
        """The faults that are planted in a world: those that are asked for, or all that the world is meant for."""
        meant = WORLDS.get(world).faults
        return self._faults if self.faults or meant is None else meant

    def _arms(self) -> Iterator[Arm]:
        first = self._worlds[0]
        for world in self._worlds:
            yield Arm("healthy", world=world)
            for name in self._faults_of(world):
                if world != first and not FAULTS.get(name).sets_off:
                    continue
                yield Arm("induced", name, world, self.strength, every=world == first)
                if world == first and FAULTS.get(name).sets_off:
                    yield Arm("reported", name, world, self.strength, every=False)
                if world == first and FAULTS.get(name).cure:
                    yield Arm("cured", name, world, self.strength, every=False)
        if self.power:
            yield from (
                Arm("power", name, first, strength, size, every=False)
                for name in self._faults
                if FAULTS.get(name).sets_off
                for strength in FAULTS.get(name).strengths
                for size in SIZES
            )

    def _short_arms(self) -> Iterator[Arm]:
        """One of every kind, of the first fault that has a cure, or else of the first there is."""
        first = self._worlds[0]
        to_find = [name for name in self._faults if FAULTS.get(name).sets_off]
        with_cure = [name for name in to_find if FAULTS.get(name).cure][:1]
        yield Arm("healthy", world=first)
        for name in with_cure or to_find[:1]:
            yield Arm("induced", name, first, self.strength)
            yield Arm("power", name, first, FAULTS.get(name).strengths[0], SIZES[0], every=False)
        for name in with_cure:
            yield Arm("cured", name, first, self.strength, every=False)
        yield Arm("blind", world=first)


def deal(seeds: range, arms: Sequence[str]) -> list[Cell]:
    """Every arm on every seed, but for what fewer seeds suffice for.

    Where all checks are made of a fault, and its cure, on the first half; on the others the fault's own checks. The
    arms of power, nine of each fault, on the first quarter.
    """
    first, quarter = (seeds[: -(-len(seeds) // parts)] for parts in (2, 4))
    parts = {"power": quarter, "cured": first, "reported": seeds[len(first) :]}
    cells = [(Arm.of(arm), arm, seed) for seed in seeds for arm in arms]
    return [
        Cell(name, seed)
        for arm, name, seed in cells
        if seed in (first if arm.kind == "induced" and arm.every else parts.get(arm.kind, seeds))
    ]
