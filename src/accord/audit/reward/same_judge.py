"""RE1: whether the judge that evaluates is another one than what the policy was trained to please."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import MODEL, RECIPE
from accord.artefacts.finding import Collection
from accord.audit.challenges import RE1
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import JUDGE_MODEL, JUDGED_ROLLOUTS, SAMPLES, Evidence
from accord.audit.reward.same_code import same_function
from accord.audit.reward.same_weights import same_weights
from accord.audit.reward.thresholds import RewardThresholds
from accord.audit.verdicts import none_of
from accord.errors import MissingEvidence
from accord.run import InputEntry, digest_of
from accord.stats import proportion

__all__ = ["ordered_otherwise", "same_judge"]

Floats = NDArray[np.float64]
JUDGE = "eval_reward"
FEWEST_VALUES = 20  # of each judge's scores: two tests of right and wrong may well agree about every text
MOST_TEXTS = 1_000


@check(
    RE1,
    "same judge",
    claim="The judge that evaluates is not what the policy was trained to please.",
    thresholds=RewardThresholds,
    needs=(artefact(SAMPLES, JUDGED_ROLLOUTS, JUDGE_MODEL),),
    collect=Collection(
        SAMPLES,
        "scores of the same texts by the reward and by the judge that evaluates",
        f"texts to which each gives {FEWEST_VALUES} different scores",
    ),
)
def same_judge(evidence: Evidence, thresholds: RewardThresholds) -> Outcome:
    """Whether a reward of the run and the judge are one: the same weights, the same code, or the same order of texts.

    Names and places count for nothing. Of the order of texts: surely less than `ordered` of the pairs otherwise, which
    takes scores of many values; rounding apart, one is then a function of the other.
    """
    compared = list(_compared(evidence, thresholds.ordered))
    if not compared:
        raise MissingEvidence(
            f"texts in {SAMPLES} to which reward and judge each give {FEWEST_VALUES} different scores, or weights or "
            "code of both"
        )
    same = [each for each in compared if each.same]
    return Outcome(
        ruling=none_of(len(same)),
        estimate=proportion(len({each.reward for each in same}), len({each.reward for each in compared})),
        threshold=f"a reward that is the judge, or orders less than {thresholds.ordered:.1%} of texts otherwise",
        result="; ".join(each.words for each in same or compared) + ".",
        remedy="Give the judge feedback, weights or code of its own (`[evaluate.judge]`), and evaluate again: what RG2 "
        "and the evaluation say by this one they say by the reward itself.",
        evidence=(*(path for path in (SAMPLES, JUDGED_ROLLOUTS, JUDGE_MODEL) if evidence.holds(path)),),
        source="Casper et al. 2023 (arXiv 2307.15217), section 3.2.3",
    )


@dataclass(frozen=True)
class _Compared:
    """A reward of the run held against the judge in one way: which, whether they are the same, and in words."""

    reward: str
    same: bool
    words: str


def _compared(evidence: Evidence, limit: float) -> Iterator[_Compared]:
    """What each way of comparing says; nothing of one for which the run has too little."""
    sections = _sections(evidence)
    for reward in sections:
        if reward != JUDGE and JUDGE in sections:
            yield from _by_content(evidence, reward, sections)
    for reward, groups in _scored(evidence).items():
        yield from _by_order(reward, groups, limit)


# -- by weights and code -------------------------------------------------------------------------------------


def _sections(evidence: Evidence) -> dict[str, Mapping[str, Any]]:
    """The settings of each reward of the run and of the judge, by stage; empty where there is no recipe."""
    recipe = evidence.recipe if evidence.has(RECIPE) else {}
    rewards = {f"rewards/{name}": section for name, section in recipe.get("rewards", {}).items()}
    judge = recipe.get("evaluate", {}).get("judge", {})
    return {"reward": recipe.get("reward", {}), **rewards, JUDGE: judge}


def _by_content(evidence: Evidence, reward: str, sections: Mapping[str, Mapping[str, Any]]) -> Iterator[_Compared]:
    stages = (reward, JUDGE)
    kinds = [sections[stage].get("kind") for stage in stages]
    folders = [_folder(evidence, stage, str(sections[stage].get("model", ""))) for stage in stages]
    if folders[0] is not None and folders[1] is not None:
        same = same_weights(folders[0], folders[1])
        if same is None and kinds[0] == kinds[1]:
            same = _same_files(evidence, reward, sections)
        if same is not None:
            yield _said(reward, same, "weights")
    if kinds == ["python", "python"]:
        files = [_code(evidence, stage, str(sections[stage]["path"])) for stage in stages]
        if files[0] is not None and files[1] is not None and same_function(files[0], files[1]):
            yield _said(reward, True, "code")


def _said(reward: str, same: bool, what: str) -> _Compared:
    words = f"the judge that evaluates has the very {what} of '{reward}'" if same else f"its {what} are others than "
    return _Compared(reward, same, words if same else f"{words}those of '{reward}'")


def _same_files(evidence: Evidence, reward: str, sections: Mapping[str, Mapping[str, Any]]) -> bool | None:
    """Whether folders without weights that we know are equal in every file, and so are their settings; else None."""
    files = [
        {
            name.removeprefix(folder): entry.sha256
            for name, entry in evidence.run.manifest.files.items()
            if name.startswith(folder)
        }
        for folder in (f"{evidence.stage(MODEL.path(stage))}/" for stage in (reward, JUDGE))
    ]
    settings = [
        {name: value for name, value in sections[stage].items() if name != "model"} for stage in (reward, JUDGE)
    ]
    return True if files[0] and files[0] == files[1] and settings[0] == settings[1] else None


def _folder(evidence: Evidence, stage: str, model: str) -> Path | None:
    """Where the weights of a stage lie: in the run, or where the model of others lay that it noted."""
    path = evidence.stage(MODEL.path(stage))
    if evidence.run.has(path):
        return evidence.verified(path)
    noted = _noted(evidence, stage, Path(model).name) if model else None
    if noted is None or noted.path is None:
        return None
    folder = evidence.run.path / noted.path
    return folder if folder.is_dir() else None


def _code(evidence: Evidence, stage: str, path: str) -> tuple[Path, str] | None:
    """The file and function of a stage, where the file lies where it was noted, and is what it was."""
    named, _, function = path.rpartition(":")
    noted = _noted(evidence, stage, Path(named).name)
    if noted is None or noted.path is None:
        return None
    file = evidence.run.path / noted.path
    return (file, function) if file.is_file() and digest_of(file) == noted.digest else None


def _noted(evidence: Evidence, stage: str, name: str) -> InputEntry | None:
    """What a stage noted among the inputs of the run, by the name of its file or folder."""
    return evidence.run.manifest.inputs.get(f"{evidence.stage(stage)}: {name}")


# -- by what they say of the same texts ----------------------------------------------------------------------

Group = tuple[Floats, Floats]
"""Scores of a reward and of the judge, of the same texts."""


def _by_order(reward: str, groups: Sequence[Group], limit: float) -> Iterator[_Compared]:
    """That they are the same takes scores of many values; that they are not, one pair of texts in a thousand."""
    other, pairs = (sum(of) for of in zip(*(ordered_otherwise(*group) for group in groups), strict=True))
    values = [sum(len(np.unique(group[side])) for group in groups) for side in (0, 1)]
    same = other < limit * pairs
    if pairs and (not same or min(values) >= FEWEST_VALUES):
        words = f"the judge orders {other:,} of {pairs:,} pairs of texts otherwise than '{reward}'"
        yield _Compared(reward, same, words + (": rounding apart they are one" if same else ""))


def ordered_otherwise(first_N: Floats, second_N: Floats) -> tuple[int, int]:
    """How many pairs of texts two judges order in opposite ways, or only one of them orders; and of how many pairs.

    Pairs to which both give equal scores are not counted. Of more than a thousand texts the first are taken.
    """
    signs = [np.sign(of[:MOST_TEXTS, None] - of[None, :MOST_TEXTS]) for of in (first_N, second_N)]
    upper = np.triu_indices(len(signs[0]), 1)
    one_P, other_P = (sign[upper] for sign in signs)
    return int((one_P != other_P).sum()), int(((one_P != 0) | (other_P != 0)).sum())


def _scored(evidence: Evidence) -> dict[str, list[Group]]:
    """Scores of texts by the judge and by each reward, by reward; texts of a step together, where they are rollouts."""
    if evidence.holds(SAMPLES):
        rows = [
            ({"reward": row.reward} | {name: part.value for name, part in (row.components or {}).items()}, row)
            for row in {(row.prompt, row.text): row for row in evidence.evaluation_samples}.values()
        ]
        found = {
            name: [_pairs([(of.get(name), row.eval_reward) for of, row in rows])] for of, _ in rows[:1] for name in of
        }
        if any(len(of) for groups in found.values() for of, _ in groups):
            return found
    if not evidence.holds(JUDGED_ROLLOUTS):
        return {}
    by_step: dict[int, list[tuple[float | None, float | None]]] = {}
    for rollout in evidence.judged_rollouts:
        by_step.setdefault(rollout.step, []).append((rollout.reward, rollout.eval_reward))
    return {"reward": [_pairs(of_step) for of_step in by_step.values()]}


def _pairs(scores: Sequence[tuple[float | None, float | None]]) -> Group:
    known = [(one, other) for one, other in scores if one is not None and other is not None]
    finite = [(one, other) for one, other in known if isfinite(one) and isfinite(other)]
    first_N2 = np.array(finite, dtype=np.float64).reshape(-1, 2)
    return first_N2[:, 0], first_N2[:, 1]
