"""Which of several processes this is, what of a step is its own, and which stages share their steps."""

from pathlib import Path

import pytest
import torch.distributed as dist

from accord.errors import ArtefactError, RecipeError
from accord.policy import DPO, SFT
from accord.policy.registry import ALGORITHMS
from accord.policy.rrhf import RRHF
from accord.reward import REWARDS, BradleyTerry
from accord.run import FollowedRun, InputEntry, Launch, LogMark, RunDirectory, launch_of
from accord.train import ranks
from accord.train.ranks import is_shared, is_shared_kind, own_share, shares_steps
from torchrun import torchrun


@pytest.mark.parametrize(
    ("environment", "launch"),
    [
        ({}, Launch(0, 1)),
        ({"WORLD_SIZE": "4"}, Launch(0, 1)),  # of something else than torchrun, which numbers its processes
        ({"RANK": "2", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4"}, Launch(2, 4)),
        ({"RANK": "0", "WORLD_SIZE": "1"}, Launch(0, 1)),
    ],
)
def test_torchrun_says_who_this_is(environment: dict[str, str], launch: Launch) -> None:
    assert launch_of(environment) == launch


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"RANK": "a", "WORLD_SIZE": "2"}, "no numbers"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK is 2"),
        ({"RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}, "several machines"),
    ],
)
def test_what_cannot_be_is_refused(environment: dict[str, str], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        launch_of(environment)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("costs", [[1], [1] * 8, [9, 1, 1, 1, 9, 1], [1, 100], list(range(1, 12))])
def test_all_parts_are_shared_and_none_twice(count: int, costs: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    for rank in range(count):
        group = ranks._Group(Launch(rank, count), dist.HashStore(), shares=True)
        monkeypatch.setattr(ranks._Process, "group", group)
        shares.append(own_share(range(len(costs)), lambda place: costs[place]))
    assert [place for share in shares for place in share] == list(range(len(costs)))
    heaviest = max(sum(costs[place] for place in share) for share in shares)
    assert heaviest <= sum(costs) / count + max(costs)


def test_kinds_that_share_their_steps() -> None:
    """As docs/processes.md says it."""
    pairs, online = {"dpo", "ipo", "kto", "orpo", "simpo"}, {"ppo", "rloo", "grpo", "reinforce", "reinforce++"}
    shared = {name for name in ALGORITHMS.names if is_shared_kind(ALGORITHMS.get(name))}
    assert shared == {"sft", "rrhf", "pro", *pairs, *online}
    alone = {name for name in REWARDS.names if not is_shared_kind(REWARDS.get(name))}
    assert {"inverse_rl", "text_comparison", "python", "length", "person"} <= alone
    assert not {"bradley_terry", "plackett_luce", "joint", "steps", "spans"} & alone
    assert not is_shared(BradleyTerry(head_per="unknown_group"))
    assert not is_shared(RRHF(writers=("tiny",)))


def test_whoever_makes_other_steps_says_anew_that_they_are_shared() -> None:
    class Own(DPO):
        def steps(self, *arguments: object, **options: object):  # type: ignore[no-untyped-def, override]
            return super().steps(*arguments, **options)  # type: ignore[arg-type]

    class Marked(Own):
        steps = shares_steps(lambda self, *arguments, **options: iter(()))

    class Losses(DPO):
        beta: float = 0.3

    assert not is_shared(Own())
    assert is_shared(Marked())
    assert is_shared(Losses())
    assert is_shared(SFT())


def test_a_run_that_is_followed_is_read_alone(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_text("data/a.txt", "a")
        run.log("sft/metrics.jsonl").append("{}")
        before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
        with FollowedRun.open(run.path, write=False) as followed:
            assert followed.verified("data/a.txt").read_text() == "a"
            followed.plan("sft", 9)
            followed.record_input("ledger", InputEntry("0"))
            followed.save_checkpoint("sft", 1, lambda folder: None)
            log = followed.log("sft/metrics.jsonl")
            log.append("{}")
            log.cut_back(LogMark(0, ""))
            with pytest.raises(ArtefactError, match="reading only"):
                followed.write_text("data/b.txt", "b")
        assert before == {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}


def test_the_manifest_says_how_many_trained_in_each_go(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        for count in (1, 2, 3, 1):
            run.begin("sft")
            run.note_processes("sft", count)
            run.pause("sft")
        assert run.manifest.processes == {"sft": [1, 2, 3, 1]}
        run.finish("sft", "settings", 1.0)
    with RunDirectory.open(tmp_path / "run") as run:
        assert run.manifest.processes == {"sft": [1, 2, 3, 1]}
        run.forget("sft")
        assert run.manifest.processes == {}


TOGETHER = """
import math
from contextlib import nullcontext

import torch
from torch import nn

from accord.errors import TrainingStopped
from accord.train.optimiser import Optim, Optimiser
from accord.train.ranks import FirstFailedError, from_first, gather, next_task, process_group, sharing

with process_group() as launch:
    if not launch.is_first:
        assert next_task() == "all"
    with sharing("all") if launch.is_first else nullcontext():
        weights = [nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(1))]
        optimiser = Optimiser(Optim(max_grad_norm=1e9), weights, 3)
        optimiser.add((launch.rank + 1) * weights[0].sum() + (weights[1].sum() if launch.is_first else 0))
        assert math.isclose(optimiser.step(), math.sqrt(3 * 3**2 + 2), rel_tol=1e-6), "the norm of the sum"
        assert len(set(gather(optimiser.checksum()))) == 1
        before = optimiser.checksum()
        optimiser.add(weights[0].sum() * (1 if launch.is_first else math.nan))
        try:
            optimiser.step()
            raise SystemExit("went on")
        except TrainingStopped as stopped:
            assert "the loss became nan at update 2" in str(stopped)
        assert optimiser.checksum() == before
        assert from_first(lambda: launch.rank) == 0
        try:
            from_first(lambda: 1 / 0)
        except ZeroDivisionError:
            assert launch.is_first
        except FirstFailedError:
            assert not launch.is_first
    assert launch.is_first or next_task() is None
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_take_one_step_or_none(tmp_path: Path) -> None:
    """Gradients are summed before their norm; a loss that one process finds not finite stops all of them."""
    (tmp_path / "together.py").write_text(TOGETHER)
    status, _, errors = torchrun([], tmp_path, module="together")
    assert status == 0, errors
