"""The fault matrix: arms and their cells, what is concluded from them, blind answers, and several faults at once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from accord.audit.error_rates import MeasuredRates
from accord.cli import run
from accord.errors import RecipeError
from accord.lab import FAULTS, Fault, WordJudge
from accord.lab.cell import CellResult
from accord.lab.fault_matrix import FAULT_MATRIX, Selection, narrowed
from accord.lab.fault_matrix.__main__ import main as print_rates
from accord.lab.fault_matrix.arms import SEEDS, SIZES, Arm, deal
from accord.lab.fault_matrix.blind import answer_of, drawn_faults
from accord.lab.fault_matrix.cells import FaultRun
from accord.lab.fault_matrix.error_rates import measured_rates
from accord.lab.fault_matrix.rates import CHALLENGE_OF, Matrix
from accord.lab.faults import register_fault
from accord.lab.faults.base import planted_in
from accord.lab.faults.combined import Combined
from accord.lab.mark import read_marks
from accord.lab.planted.worlds import WORLDS
from accord.lab.reproduce import result_of
from accord.lab.reproductions import REPRODUCTIONS

WORLD = WORLDS.names[0]


@pytest.fixture(autouse=True)
def toy_faults() -> Iterator[None]:
    """A fault with a cure, and one that sets off two challenges, so that nothing hangs on those that there are."""
    with FAULTS.temporary():

        @register_fault
        class LongWindedReward(Fault):
            """The reward likes long texts."""

            name: ClassVar = "toy-length"
            strengths: ClassVar = (1.0, 2.0)
            sets_off: ClassVar = ("RG1 length",)
            touches: ClassVar = {"RE1 accuracy": "a reward that is wrong orders fewer pairs"}
            cure: ClassVar = "no length in the reward"

            def reward_model(self, judge: WordJudge) -> WordJudge:
                return judge

        @register_fault
        class SharedPairs(Fault):
            """Pairs stand on both sides of the split."""

            name: ClassVar = "toy-leak"
            strengths: ClassVar = (1.0,)
            sets_off: ClassVar = ("RE1 leakage", "P-SPLIT overlap")

            def pressure(self, healthy: float) -> float:
                return 2 * healthy

        yield


def fault_run(*fires: str, planting: int = 0, **fields: object) -> FaultRun:
    empty: dict[str, object] = {"p_values": {}, "explained_by": {}, "cpu": 1.0}
    return FaultRun.model_validate({"planting": planting, "fires": fires, **empty, **fields})


def cell(arm: Arm, seed: int, *runs: FaultRun) -> CellResult[FaultRun]:
    return CellResult[FaultRun](name="faults", short=False, arm=str(arm), seed=seed, seconds=1.0, measurements=runs)


HEALTHY = Arm("healthy", world=WORLD)
INDUCED = Arm("induced", "toy-length", WORLD)
CURED = Arm("cured", "toy-length", WORLD, every=False)


def results() -> list[CellResult[FaultRun]]:
    """Four seeds: the fault is found in three; what else fires is explained, excused, and once neither."""
    quiet = ("PM2 one reward",)
    healthy = [fault_run(planting=i, quiet=quiet, alone=("RE1 accuracy",) if i == 0 else ()) for i in range(4)]
    induced = [
        fault_run("RG1 length", "RE1 accuracy", gold=0.6),
        fault_run("RG1 length", "RG2 gain", gold=0.7, explained_by={"RG2 gain": ["RG1 length"]}),
        fault_run("RG1 length", "PM2 one reward", gold=0.6),
        fault_run(gold=0.7),
    ]
    cured = [fault_run(gold=gold) for gold in (0.8, 0.95, 0.85, 0.9)]
    power = [
        cell(Arm("power", "toy-length", WORLD, s, size, every=False), 0, fault_run()) for s in (1, 2) for size in SIZES
    ]
    return [
        cell(HEALTHY, 0, *healthy),
        *(cell(INDUCED, seed, of_seed) for seed, of_seed in enumerate(induced)),
        *(cell(CURED, seed, of_seed) for seed, of_seed in enumerate(cured)),
        *power,
    ]


# -- arms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arm",
    [
        HEALTHY,
        INDUCED,
        CURED,
        Arm("induced", "toy-length", "coarse", 1.5, every=False),
        Arm("power", "toy-leak", WORLD, 0.125, 0.5, every=False),
        Arm("blind", world=WORLD, number=7),
    ],
)
def test_an_arm_is_read_back_from_its_name(arm: Arm) -> None:
    assert Arm.of(str(arm)) == arm


def test_the_whole_matrix_comes_from_the_registries() -> None:
    arms = {Arm.of(each.arm) for each in Selection(power=True).cells(False)}
    assert {(arm.kind, arm.fault, arm.world) for arm in arms if arm.kind in {"healthy", "induced"} and arm.every} == {
        *(("healthy", "", world) for world in WORLDS.names),
        *(("induced", fault, WORLD) for fault in FAULTS.names),
    }
    for world in WORLDS:
        planted = {arm.fault for arm in arms if arm.kind == "induced" and arm.world == world.name}
        assert planted <= set(world.faults or FAULTS.names)
    assert {arm.fault for arm in arms if arm.kind == "cured"} == {fault.name for fault in FAULTS if fault.cure}
    of_toy = {(arm.strength, arm.size) for arm in arms if arm.kind == "power" and arm.fault == "toy-length"}
    assert of_toy == {(strength, size) for strength in (1.0, 2.0) for size in SIZES}


def test_half_of_the_seeds_suffice_for_what_costs_most() -> None:
    elsewhere = Arm("induced", "toy-length", "coarse", every=False)
    arms = [HEALTHY, INDUCED, replace(INDUCED, kind="reported", every=False), CURED, elsewhere]
    dealt = [(Arm.of(each.arm), each.seed) for each in deal(range(4, 9), [str(arm) for arm in arms])]
    seeds_of = {arm: [seed for other, seed in dealt if other == arm] for arm in arms}
    assert list(seeds_of.values()) == [[4, 5, 6, 7, 8], [4, 5, 6], [7, 8], [4, 5, 6], [4, 5, 6, 7, 8]]


def test_own_checks_of_a_report_count_among_the_runs_of_a_fault() -> None:
    apart = cell(replace(INDUCED, kind="reported", every=False), 4, fault_run("RG1 length"))
    power = FAULT_MATRIX.conclude([*results(), apart])["power:toy-length:RG1 length"]
    assert (power.value, power.n) == (0.8, 5)
    assert measured_rates([*results(), apart]).checks["RG1 length"].planted["toy-length"][WORLD].runs == 5


def test_power_takes_a_quarter_of_the_seeds() -> None:
    arms = [str(HEALTHY), str(Arm("power", "toy-leak", WORLD, 1.0, 0.5, every=False))]
    dealt = deal(range(4, 9), arms)
    assert [each.seed for each in dealt if each.arm == arms[0]] == [4, 5, 6, 7, 8]
    assert [each.seed for each in dealt if each.arm == arms[1]] == [4, 5]
    assert {each.seed for each in Selection().cells(False)} == set(SEEDS)


def test_a_choice_narrows_the_matrix() -> None:
    chosen = narrowed(FAULT_MATRIX, Selection(("toy-length",), 1.0, ("coarse",)))
    arms = {Arm.of(each.arm) for each in chosen.cells(False)}
    assert {(arm.kind, arm.fault, arm.world, arm.strength) for arm in arms} == {
        ("healthy", "", "coarse", None),
        ("induced", "toy-length", "coarse", 1.0),
        ("reported", "toy-length", "coarse", 1.0),
        ("cured", "toy-length", "coarse", 1.0),
    }
    with pytest.raises(RecipeError, match="not trust"):
        narrowed(REPRODUCTIONS.get("trust"), Selection(power=True))
    with pytest.raises(RecipeError, match="name it with --fault"):
        narrowed(FAULT_MATRIX, Selection(strength=1.0))


# -- what is concluded ------------------------------------------------------------------------------------------


def test_power_false_alarms_and_gain_written_out() -> None:
    found = FAULT_MATRIX.conclude(results())
    power = found["power:toy-length:RG1 length"]
    assert (power.value, power.n) == (0.75, 4)
    assert power.low == pytest.approx(0.1941, abs=1e-4)  # Clopper-Pearson of 3 in 4
    assert found[f"healthy:{WORLD}:RE1 accuracy"].value == 0.25  # by itself, though not among all tests
    assert found[f"report:{WORLD}"].value == 0.0
    gain = found["gain:toy-length"]
    assert gain.value == pytest.approx(0.225)
    assert gain.low is not None
    assert 0.1 < gain.low < 0.225
    met = {mark["name"]: mark["met"] for mark in result_of(FAULT_MATRIX, results()).to_json()["marks"]}
    assert met["power:toy-length:RG1 length"] is False
    assert met["gain:toy-length"] is True
    assert met[f"healthy:{WORLD}:RE1 accuracy"] is False
    assert met[f"healthy:{WORLD}:PM2 one reward"] is True


def test_what_else_fires_is_explained_or_not() -> None:
    others = Matrix(results()).other_alarms("toy-length")
    assert {name: (each.share.value, each.unexplained) for name, each in others.items()} == {
        "RE1": (0.25, 0.0),
        "RG2": (0.25, 0.0),
        "PM2": (0.25, 0.25),
    }
    assert others["RE1"].reasons == ("RE1 accuracy: a reward that is wrong orders fewer pairs",)
    assert others["RG2"].reasons == ("RG2 gain: explained by RG1 length",)
    assert others["PM2"].reasons == ("PM2 one reward: unexplained",)


def test_error_rates_are_counts_of_runs_that_could_be_assessed() -> None:
    rates = measured_rates(results())
    accuracy, length = rates.checks["RE1 accuracy"], rates.checks["RG1 length"]
    assert rates.seeds == "0:4"
    assert (accuracy.healthy[WORLD].fires, accuracy.healthy[WORLD].runs) == (1, 4)
    assert (length.planted["toy-length"][WORLD].fires, length.planted["toy-length"][WORLD].runs) == (3, 4)
    assert MeasuredRates.model_validate_json(rates.model_dump_json()) == rates


def test_rates_are_those_of_a_whole_range(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"0 of \d+ cells are there"):
        print_rates(str(tmp_path), "0:2")


def test_tables_and_picture() -> None:
    text = FAULT_MATRIX.table(results())
    assert "| toy-length | RG1 length | 3 of 4 [0.19, 0.99] | +0.225" in text
    assert "| toy-length | PM2 | 1 of 4 [0.01, 0.81] | 0.25 | PM2 one reward: unexplained |" in text
    assert "| toy-length | RG1 length | 2 | 0 of 1" in text
    axes = FAULT_MATRIX.figure(results()).axes
    assert [label.get_text() for label in axes[0].get_xticklabels()] == [f"healthy, {WORLD}", "toy-length"]
    assert len(axes[1].lines) == len(SIZES) + 1


# -- blind ------------------------------------------------------------------------------------------------------


def test_blind_runs_are_drawn_by_their_seed() -> None:
    draws = [drawn_faults(3, number) for number in range(40)]
    names = [tuple(fault.name for fault in faults) for faults, _ in draws]
    assert names == [tuple(fault.name for fault in drawn_faults(3, number)[0]) for number in range(40)]
    assert {len(each) for each in names} == {0, 1, 2}
    assert len({planting for _, planting in draws}) == 40
    assert names != [tuple(fault.name for fault in drawn_faults(4, number)[0]) for number in range(40)]
    assert {each.seed for each in Selection(blind=11).cells(False)} == {11}


@pytest.mark.parametrize(
    ("planted", "fires", "explained_by", "wrong", "excused", "missed"),
    [
        ((), (), {}, "", "", ""),
        ((), ("PM2 one reward",), {}, "PM2", "", ""),
        (("toy-length",), ("RG1 length",), {}, "", "", ""),
        (("toy-length",), (), {}, "", "", "RG1"),
        (("toy-length",), ("RG1 length", "RE1 accuracy"), {}, "RE1", "RE1", ""),
        (("toy-length",), ("RG1 length", "RE1 accuracy"), {"RE1 accuracy": ["RG1 length"]}, "", "", ""),
        (("toy-leak",), ("P-SPLIT overlap", "RE1 leakage"), {"RE1 leakage": ["P-SPLIT overlap"]}, "", "", ""),
        (
            ("toy-leak",),
            ("RE1 leakage", "PM2 one reward"),
            {"RE1 leakage": ["PM2 one reward"]},
            "PM2",
            "",
            "P-SPLIT RE1",
        ),
        (("toy-length", "toy-leak"), ("RG1 length", "P-SPLIT overlap"), {}, "", "", "RE1"),
    ],
)
def test_what_the_audit_names_is_held_against_what_was_planted(
    planted: tuple[str, ...],
    fires: tuple[str, ...],
    explained_by: dict[str, list[str]],
    wrong: str,
    excused: str,
    missed: str,
) -> None:
    answer = answer_of(planted, fires, explained_by, CHALLENGE_OF)
    expected = tuple(frozenset(names.split()) for names in (wrong, excused, missed))
    assert (answer.wrong, answer.excused, answer.missed) == expected


def test_precision_and_recall_are_over_challenges() -> None:
    blind = [
        cell(Arm("blind", world=WORLD, number=number), 5, fault_run(*fires, planted=planted))
        for number, (planted, fires) in enumerate(
            [
                (("toy-length",), ("RG1 length", "RE1 accuracy")),
                (("toy-leak",), ("P-SPLIT overlap",)),
                ((), ()),
            ]
        )
    ]
    found = FAULT_MATRIX.conclude(blind)
    assert (found["blind:precision"].value, found["blind:precision"].n) == (pytest.approx(2 / 3), 3)
    assert found["blind:precision with what is excused"].value == 1.0
    assert (found["blind:recall"].value, found["blind:recall"].n) == (pytest.approx(2 / 3), 3)
    assert "| 1 | toy-leak | P-SPLIT, RE1 | P-SPLIT |  | RE1 |" in FAULT_MATRIX.table(blind)


# -- several faults ---------------------------------------------------------------------------------------------


def test_faults_are_planted_one_into_what_the_other_left() -> None:
    class Longer(Fault):
        name = "longer"

        def pressure(self, healthy: float) -> float:
            return healthy + (0 if self.cured else 1)

    leak = FAULTS.get("toy-leak")()
    assert Combined([Longer(), leak]).pressure(1.5) == 5.0
    assert Combined([leak, Longer()]).pressure(1.5) == 4.0
    assert Combined([leak, Longer()]).with_cure().pressure(1.5) == 3.0
    assert Combined([]).pressure(1.5) == 1.5
    panel = [object()]
    assert Combined([leak]).evaluators(panel) is panel  # type: ignore[arg-type]


def test_every_method_of_a_fault_is_combined() -> None:
    """One that is added to `Fault` has to be added to `Combined` as well."""
    hooks = {name for name in vars(Fault) if not name.startswith("_") and callable(getattr(Fault, name))}
    assert set(planted_in(Combined)) == hooks - {"with_cure", "measure_gold"}


def test_both_faults_are_in_the_run(tmp_path: Path) -> None:
    from accord.lab.planted import planting_of

    names = [name for name in FAULTS.names if "pressure" in planted_in(FAULTS.get(name)) and name != "toy-leak"][:1]
    both = Combined([FAULTS.get(name)() for name in (*names, "toy-leak")])
    single = FAULTS.get(names[0])()
    planting = planting_of(tmp_path / "run", both, checks=[])
    with planting.run:
        assert planting.fault.pressure(1.0) == 2 * single.pressure(1.0)
        assert np.isfinite(planting.fault.strength)


# -- the command line -------------------------------------------------------------------------------------------


def test_marks_and_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    assert {mark.name.partition(":")[0] for mark in read_marks("faults")} == {"power", "healthy", "gain", "blind"}
    assert run(["lab", "run", "faults", "--fault", "unheard-of"]) == 2
    assert "unknown fault 'unheard-of'" in capsys.readouterr().err
    assert run(["lab", "run", "faults", "--blind", "3", "--seeds", "0:2"]) == 2
    assert "--blind has a seed of its own" in capsys.readouterr().err
