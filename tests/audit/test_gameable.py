"""RG1 gameable: a search by the reward finds what it overrates, and stays quiet where a judge agrees."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from audit_checks import finding_of

from accord.artefacts import Finding, Verdict
from accord.feedback import write_data
from accord.interfaces import Scores
from accord.records import Completion, Prompt
from accord.run import RunDirectory
from small_data import letters_dataset


class Counts:
    """A judge that counts in the text."""

    def __init__(self, name: str, count: Callable[[str], float]) -> None:
        self.name, self.count = name, count

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        return Scores(np.array([self.count(completion.text) for completion in completions], dtype=np.float64))


def found(tmp_path: Path, reward: Callable[[str], float], judge: Callable[[str], float]) -> Finding:
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, letters_dataset(prompts=40))
        return finding_of(
            "RG1 gameable", run, reward=Counts("reward", reward), eval_reward=Counts("eval_reward", judge)
        )


def letters(letter: str) -> Callable[[str], float]:
    return lambda text: float(text.count(letter))


def words(text: str) -> float:
    return float(len(text.split()))


@pytest.mark.parametrize(
    ("judge", "verdict"),
    [(letters("a"), Verdict.QUIET), (lambda text: -text.count("a"), Verdict.FIRES), (lambda text: 0.0, Verdict.FIRES)],
    ids=["agrees", "sees a loss", "sees nothing"],
)
def test_what_a_search_by_the_reward_gains(judge: Callable[[str], float], verdict: Verdict, tmp_path: Path) -> None:
    finding = found(tmp_path, letters("a"), judge)
    assert finding.verdict is verdict
    assert finding.facts["gain in reward (SDs)"].value > 0.5


def test_a_reward_that_no_edit_raises_has_nothing_to_show(tmp_path: Path) -> None:
    finding = found(tmp_path, lambda text: -len(text.split()), words)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "edits that raise the reward" in finding.needs
