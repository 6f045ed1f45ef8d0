"""Seeds of named purposes, and the global generators that a step finds."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from accord.run import RunDirectory
from accord.train.seeds import seed_of, seeded, shuffled, stage_seed


def draws() -> tuple[float, float, float]:
    return float(torch.rand(())), float(np.random.random()), random.random()


def test_named_seeds_are_told_apart() -> None:
    seeds = {seed_of(a, b, c) for a in (0, 1, 11) for b in ("sft", "1", "") for c in (0, 1, 11)}
    assert len(seeds) == 27
    assert seed_of(0, "sft") == 4359735816617948686
    assert sorted(shuffled(20, 0, "x")) == list(range(20))
    assert shuffled(20, 0, "x") == shuffled(20, 0, "x") != shuffled(20, 1, "x")


def test_a_stage_has_the_seed_of_its_first_name(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run", seed=7) as run:
        assert stage_seed(run, "policy") == seed_of(7, "policy")
        assert stage_seed(run, "eval_reward") == seed_of(7, "judge")
        assert stage_seed(run, "rounds/03/eval_reward") == seed_of(7, "rounds/03/judge")


def test_the_global_generators_are_seeded_inside_and_as_before_outside() -> None:
    for generator in (torch.manual_seed, np.random.seed, random.seed):
        generator(5)
    undisturbed = [draws(), draws()]
    for generator in (torch.manual_seed, np.random.seed, random.seed):
        generator(5)
    disturbed = [draws()]
    inside = []
    for _ in range(2):
        with seeded(11):
            inside.append(draws())
    with pytest.raises(ZeroDivisionError), seeded(12):
        raise ZeroDivisionError
    disturbed.append(draws())
    assert inside[0] == inside[1]
    assert disturbed == undisturbed
