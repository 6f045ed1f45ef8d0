"""A world in which a reward is right where it was learnt and wrong where the policy goes: answers on the way mend it.

Whoever is asked wants texts of twelve characters. What was judged beforehand is longer throughout, so the reward learns
that shorter is better, and is right on all of it. The policy that learns from that reward writes less and less.
"""

import json
import shutil
from pathlib import Path
from random import Random

import numpy as np
import pytest

from accord.artefacts import REWARD_UPDATES, SAMPLES
from accord.loop.drive import drive, start_run
from accord.recipe import load
from accord.run import RunDirectory
from rounds_run import QUIET

WANTED = 12
STEPS = 32
CROWD = f"""
def near(item):
    left, right = (abs(len(each["text"]) - {WANTED}) for each in item["completions"])
    return {{"kind": "comparison", "preferred": "tie" if left == right else "left" if left < right else "right"}}
"""
STUDY = 'name = "near"\ntitle = "x"\n[[questions]]\nkind = "comparison"\ntext = "Which is better?"\n'
RECIPE = f"""
seed = 5

[data]
ledger = "feedback.db"
source = "feedback.jsonl"
format = "trl_preference"
train = 0.8
eval_reward = 0.0
held_out = 0.2

[sft]
base = "tiny"
dtype = "float32"
epochs = 6
batch_size = 16
optim = {{ lr = 5e-3, warmup_steps = 1 }}

[reward]
base = "tiny"
dtype = "float32"
epochs = 4
step_completions = 32
optim = {{ lr = 2e-3, warmup_steps = 1 }}

[policy]
kind = "rloo"
dtype = "float32"
max_steps = {STEPS}
prompts_per_step = 8
group_size = 8
kl_coef = 0.02
sampling = {{ max_tokens = 40 }}
optim = {{ lr = 2e-3, warmup_steps = 1, lr_schedule = "constant" }}
"""
SYNCHRONOUS = """
[synchronous]
every = 4
steps = 8
budget = 400
study = "study.toml"
evaluators = [{ by = "program:crowd.py:near", labels = 32 }]
"""


def write_world(home: Path) -> None:
    draw = Random(1)

    def text(length: int) -> str:
        return "".join(draw.choice("abcdefgh ") for _ in range(length)).strip() or "a"

    rows = []
    for number in range(40):
        lengths = [sorted((draw.randint(WANTED, 40), draw.randint(WANTED, 40))) for _ in range(3)]
        rows += [
            {"prompt": f"write {number}", "chosen": text(shorter), "rejected": text(longer)}
            for shorter, longer in lengths
            if shorter < longer
        ]
    (home / "feedback.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (home / "crowd.py").write_text(CROWD)
    (home / "study.toml").write_text(STUDY)


def make(home: Path, name: str, recipe: str, *stages: str) -> None:
    (home / f"{name}.toml").write_text(recipe)
    with start_run(load(home / f"{name}.toml"), home / name, resume=True) as run:
        drive(load(home / f"{name}.toml"), run, QUIET, only=stages)


def gold_of(home: Path, name: str) -> dict[int, float]:
    """By step, minus how many characters the policy's texts are off."""
    with RunDirectory.open(home / name, write=False) as run:
        rows = list(SAMPLES.read(run, "policy"))
    return {
        step: -float(np.mean([abs(len(row.text) - WANTED) for row in rows if row.step == step]))
        for step in range(1, STEPS + 1)
    }


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_reward_that_goes_wrong_where_the_policy_goes_is_mended_on_the_way(tmp_path: Path) -> None:
    write_world(tmp_path)
    make(tmp_path, "without", RECIPE, "data", "sft", "reward")
    shutil.copytree(tmp_path / "without", tmp_path / "with")
    make(tmp_path, "without", RECIPE, "policy")
    make(tmp_path, "with", RECIPE + SYNCHRONOUS, "policy")
    without, with_it = (gold_of(tmp_path, name) for name in ("without", "with"))
    best = max(without.values())
    last = range(STEPS - 3, STEPS + 1)
    ended, mended = (float(np.mean([gold[step] for step in last])) for gold in (without, with_it))
    assert ended < best - 1.5  # it was better on the way: the reward that it learns from is wrong there
    assert mended > ended + 1.0
    with RunDirectory.open(tmp_path / "with", write=False) as run:
        rows = [row for row in REWARD_UPDATES.read(run) if row.learnt]
    assert [row.step for row in rows] == list(range(4, STEPS + 1, 4))
    shares = [row.fresh for row in rows if row.fresh is not None and row.fresh.after is not None]
    assert np.mean([share.after.value - share.before.value for share in shares if share.after is not None]) > 0.02
