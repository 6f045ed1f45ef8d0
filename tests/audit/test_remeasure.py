"""What the audit works out with the run's own models, against the numbers that training itself uses."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from accord.audit.evidence import Evidence
from accord.audit.remeasure.accumulation import gradient_gap
from accord.audit.remeasure.logprobs import remeasure
from accord.audit.remeasure.models import open_model
from accord.audit.remeasure.padding import score_changes
from accord.audit.remeasure.tokens import end_marks, endings, leading_marks
from accord.errors import ArtefactError, MissingEvidence
from accord.interfaces import Scores
from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Completion, Prompt
from accord.run import RunDirectory
from small_data import LetterJudge


@pytest.mark.parametrize("model", ["policy/model", "sft/model"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_logprobs_are_those_of_the_trainer(run: RunDirectory, model: str, temperature: float) -> None:
    evidence = Evidence(run)
    rows = [row.model_copy(update={"temperature": temperature}) for row in evidence.evaluation_samples[:6]]
    causal = open_model(evidence, model)
    wanted = completion_logprobs(
        causal,
        [causal.encode_prompt(evidence.prompts[row.prompt]) for row in rows],
        [list(row.token_ids) for row in rows],
        temperature=temperature,
    )
    for found, each in zip(remeasure(evidence, rows, model=model), wanted, strict=True):
        assert found == pytest.approx(each.tolist(), abs=1e-4)


def test_greedy_rows_are_measured_at_temperature_1(run: RunDirectory) -> None:
    row = Evidence(run).evaluation_samples[0]
    greedy, plain = remeasure(Evidence(run), [row.model_copy(update={"temperature": each}) for each in (0.0, 1.0)])
    assert greedy == plain


def test_the_gradient_of_a_batch_is_the_sum_of_its_parts(run: RunDirectory) -> None:
    gap, tokens = gradient_gap(Evidence(run), examples=5, model="sft/model")
    assert 0 < gap < 1e-5
    evidence = Evidence(run)
    assert tokens == sum(len(evidence.completions[row.completion].text) + 1 for row in evidence.examples[:5])


def test_one_example_cannot_be_split(run: RunDirectory) -> None:
    with pytest.raises(MissingEvidence, match="two supervised examples"):
        gradient_gap(Evidence(run), examples=1, model="sft/model")


def test_the_end_is_taught_and_learnt(run: RunDirectory) -> None:
    evidence = Evidence(run)
    found = endings(evidence, evidence.examples[:8], model="sft/model")
    assert found.taught == (True,) * 8
    assert all(0 < each <= 1 for each in found.probability)
    assert end_marks(evidence, "sft/model") == {257}


def test_a_tokenizer_without_a_beginning_writes_none(run: RunDirectory) -> None:
    counts, expected = leading_marks(Evidence(run), "sft/model")
    assert counts == [0] * len(Evidence(run).prompts)
    assert not expected


def texts(*some: str) -> tuple[list[Prompt], list[Completion]]:
    prompt = Prompt.ask("Write.")
    return [prompt] * len(some), [Completion(prompt=prompt.id, text=each) for each in some]


def test_a_judge_of_texts_alone_never_changes_its_mind() -> None:
    change_N, deviation = score_changes(LetterJudge(), *texts("aa", "ab", "bb"))
    assert change_N.tolist() == [0.0, 0.0, 0.0]
    assert deviation == pytest.approx(math.sqrt(1 / 6))


class Judging:
    """A judge by a function of a whole call."""

    name = "planted"

    def __init__(self, rule: Callable[[list[str]], list[float]]) -> None:
        self.rule = rule

    def score(self, prompts: object, completions: list[Completion]) -> Scores:
        return Scores(np.array(self.rule([each.text for each in completions]), dtype=np.float64))


@pytest.mark.parametrize(
    "rule",
    [
        lambda some: [float(i) for i, _ in enumerate(some)],  # the place in the call
        lambda some: [float(len(some))] * len(some),  # the size of the call
        lambda some: [float(max(map(len, some)) - len(each)) for each in some],  # the padding
    ],
    ids=["order", "batch", "padding"],
)
def test_a_judge_of_the_call_changes_its_mind(rule: Callable[[list[str]], list[float]]) -> None:
    change_N, _ = score_changes(Judging(rule), *texts("aa", "aaa", "a", ""))
    assert change_N.max() >= 1


def test_empty_completions_can_be_scored_in_company() -> None:
    change_N, deviation = score_changes(LetterJudge(), *texts("", ""))
    assert change_N.tolist() == [0.0, 0.0]
    assert deviation == 0


@pytest.mark.parametrize("name", ["policy/model", "sft/model"])
def test_a_model_that_is_not_there_is_missing(run: RunDirectory, name: str) -> None:
    run.manifest.files = {file: entry for file, entry in run.manifest.files.items() if not file.startswith(name)}
    with pytest.raises(MissingEvidence, match=name):
        open_model(Evidence(run), name)


def test_an_altered_model_is_refused(run: RunDirectory) -> None:
    with (run.path / "policy/model/model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ArtefactError, match="differs from its digest"):
        open_model(Evidence(run))


@pytest.mark.parametrize("size", [100, 300, 470])
def test_a_neighbour_fits_in_the_judges_context(size: int) -> None:
    """Three times the longest text would not, with 512 positions."""
    judge = ScalarHeadModel.fresh(load("tiny"), name="judge")
    prompts = [Prompt.ask(f"{number}") for number in range(3)]
    texts = [Completion(prompt=prompt.id, text="a" * (size - number)) for number, prompt in enumerate(prompts)]
    change_N, deviation = score_changes(judge, prompts, texts)
    assert deviation > 0
    assert change_N.max() < 1e-4
