"""What a fault is: one change to a healthy run, registered under a name, with the checks that it must set off."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from accord.audit import CHECKS
from accord.cli import run
from accord.errors import AccordError, ExtensionError
from accord.feedback import Dataset
from accord.lab import FAULTS, Fault, SimulatedEvaluator, WordJudge, register_fault, some_of
from accord.lab.faults import description_of, planted_in
from accord.lab.planted import planting_of

PANEL = [SimulatedEvaluator(name=f"e{i}") for i in range(16)]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_says_what_is_wrong_where_and_what_should_fire(fault: type[Fault]) -> None:
    assert description_of(fault).endswith(".")
    assert planted_in(fault)
    assert set(fault.sets_off) <= set(CHECKS.names)
    assert fault().strength == fault.strengths[-1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """What three healthy panels were asked, divided by evaluator."""
    planting = planting_of(tmp_path_factory.mktemp("healthy") / "run", checks=[CHECKS.get("OV1 careless")])
    planting.run.close()
    return planting.data


def test_the_base_changes_nothing(data: Dataset) -> None:
    clean, judge, random = Fault(), WordJudge("reward"), np.random.default_rng(0)
    assert clean.evaluators(PANEL) is PANEL
    assert clean.reward_model(judge) is judge
    assert clean.pressure(1.5) == 1.5
    assert planted_in(Fault) == ()
    state = random.bit_generator.state
    assert clean.dataset(data, random) is data
    assert random.bit_generator.state == state


@pytest.mark.parametrize(("name", "share"), [("careless", 0.25), ("opposed-minority", 0.3), ("noisier-minority", 0.1)])
def test_a_share_of_the_panel_is_changed_and_the_rest_is_as_it_was(name: str, share: float) -> None:
    panel = FAULTS.get(name)(share).evaluators(PANEL)
    count = round(share * len(PANEL))
    assert [before == after for before, after in zip(PANEL, panel, strict=True)] == [False] * count + [True] * (
        16 - count
    )
    assert [evaluator.name for evaluator in panel] == [evaluator.name for evaluator in PANEL]


def test_a_setting_that_evaluators_do_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="laps"):
        some_of(PANEL, 0.5, laps=0.5)


def test_a_split_leaks_as_far_as_asked(data: Dataset) -> None:
    train, total = set(data.pairs["train"]), len(data.pairs["train"]) + len(data.pairs["eval_reward"])
    moved = {}
    for strength in (0.0, 0.5, 1.0):
        leaky = FAULTS.get("leaky-split")(strength).dataset(data, np.random.default_rng(1))
        assert len(leaky.pairs["train"]) + len(leaky.pairs["eval_reward"]) == total
        assert leaky.pairs["held_out"] == data.pairs["held_out"]
        moved[strength] = len(train - set(leaky.pairs["train"])) / len(train)
    assert moved[0.0] == 0
    assert moved[0.5] == pytest.approx(0.25, abs=0.06)
    assert moved[1.0] == pytest.approx(0.5, abs=0.06)


def test_an_unknown_fault_names_its_neighbour() -> None:
    with pytest.raises(AccordError, match="unknown fault 'fatige'; did you mean 'fatigue'"):
        FAULTS.get("fatige")


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf")])
def test_a_strength_that_is_none_is_refused(strength: float) -> None:
    with pytest.raises(AccordError, match="fault 'careless': a strength is"):
        FAULTS.get("careless")(strength)


class Nameless(Fault):
    """It has no name."""

    def pressure(self, healthy: float) -> float:
        return 0.0


class Silent(Nameless):
    name: ClassVar = "silent"


class Idle(Fault):
    """It changes nothing."""

    name: ClassVar = "idle"


class Falling(Nameless):
    """Its strengths fall."""

    name: ClassVar = "falling"
    strengths: ClassVar = (2.0, 1.0)


class Careless(Nameless):
    """Its name is taken."""

    name: ClassVar = "careless"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Nameless, "Nameless: a fault needs a `name`"),
        (Silent, "'silent': needs a docstring"),
        (Idle, "'idle': overrides none of evaluators, dataset, reward_model, pressure, overshoot, part"),
        (Falling, "'falling': `strengths` are to ascend"),
        (Careless, r"'careless' is already registered at .*careless\.py:\d+"),
    ],
)
def test_what_is_no_fault_is_not_registered(fault: type[Fault], words: str) -> None:
    with FAULTS.temporary(), pytest.raises(ExtensionError, match=words):
        register_fault(fault)


def test_the_clean_control_is_planted_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "plant", "none", "--json", "--out", str(tmp_path / "run")]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["fault"] == "none"
    assert [finding for finding in content["findings"] if finding["verdict"] == "FIRES"] == []
