"""Samples of several models: shared evenly, read by the policy's tokenizer, their writers kept, and learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from accord.artefacts import CANDIDATES, BestOfNCandidate, RolloutRow
from accord.errors import ModelError
from accord.lm.generate import LocalSampler
from accord.lm.loading import load
from accord.lm.packed import TokenizedCompletion
from accord.policy import RRHF, BestOfN
from accord.policy.materials import Materials
from accord.policy.rollout import measure
from accord.policy.writers import SeveralWriters, shares
from accord.records import Completion, FinishReason, Prompt, Sampling
from accord.run import RunDirectory
from accord.train import Optim
from small_data import LetterJudge, letters_dataset

PROMPTS = letters_dataset().prompts_of("train")
FORM: dict[str, Any] = {"dtype": "float32", "sampling": Sampling(max_tokens=8)}
OPTIM = Optim(lr=1e-3, warmup_steps=1, lr_schedule="constant")


@dataclass(frozen=True)
class FixedWriter:
    """Writes one text, whatever is asked."""

    text: str
    finish_reason: FinishReason | None = "eos"
    name: str = "somebody-else"

    def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
        return [
            [
                Completion(prompt=each.id, text=self.text, writer=self.name, finish_reason=self.finish_reason)
                for _ in range(n)
            ]
            for each in prompts
        ]


def sampler(start: Path, *others: Any) -> SeveralWriters:
    causal = load(start)
    return SeveralWriters(causal, LocalSampler(causal), others, PROMPTS)


def test_samples_are_shared_as_evenly_as_can_be() -> None:
    assert shares(8, 3) == [3, 3, 2]
    assert shares(2, 2) == [1, 1]
    assert shares(5, 1) == [5]


def test_a_text_of_another_is_read_by_the_policys_tokenizer_and_keeps_its_writer(start: Path) -> None:
    several = sampler(start, FixedWriter("aba"), FixedWriter("aé b", finish_reason="length", name="third"))
    causal = several.start
    ids = [causal.encode_prompt(prompt) for prompt in PROMPTS[:2]]
    groups = several.sample(ids, 5, Sampling(max_tokens=12, seed=3))
    for prompt_ids, group in zip(ids, groups, strict=True):
        assert [each.writer for each in group] == [None, None, "somebody-else", "somebody-else", "third"]
        mine, cut = group[2], group[4]
        assert (causal.decode(mine.token_ids), mine.finish_reason, mine.token_ids[-1]) == ("aba", "eos", causal.eos_id)
        assert (causal.decode(cut.token_ids), cut.finish_reason) == ("aé b", "length")
        assert cut.token_ids[-1] != causal.eos_id
        answer = TokenizedCompletion(tuple(prompt_ids), mine.token_ids, 0)
        expected = measure(causal, [answer], len(mine.token_ids), 1.0).logprob_BT[0].tolist()
        assert mine.logprobs == pytest.approx(expected, abs=1e-4)
    alone = LocalSampler(causal).sample(ids, 2, Sampling(max_tokens=12, seed=3))
    assert [group[:2] for group in groups] == alone  # the start's own samples do not depend on who else writes


@pytest.mark.parametrize(("reason", "ended"), [("eos", "length"), ("length", "length"), (None, "length")])
def test_a_text_beyond_the_limit_is_cut_there(start: Path, reason: FinishReason | None, ended: str) -> None:
    several = sampler(start, FixedWriter("ab" * 40, finish_reason=reason))
    ((_, cut),) = several.sample([several.start.encode_prompt(PROMPTS[0])], 2, Sampling(max_tokens=5))
    assert (len(cut.token_ids), cut.finish_reason) == (5, ended)


def test_an_empty_text_is_an_end(start: Path) -> None:
    several = sampler(start, FixedWriter("", finish_reason="length"))
    ((_, empty),) = several.sample([several.start.encode_prompt(PROMPTS[0])], 2, Sampling(max_tokens=5))
    assert (empty.token_ids, empty.finish_reason) == ((several.start.eos_id,), "eos")


def test_rrhf_learns_from_several_models_and_says_whose_texts(start: Path, tmp_path: Path) -> None:
    other = load("tiny", seed=77)
    other.save(tmp_path / "other")
    settings = RRHF(
        **FORM, max_steps=2, prompts_per_step=2, group_size=4, optim=OPTIM, writers=(str(tmp_path / "other"),)
    )
    with RunDirectory.create(tmp_path / "run") as run:
        steps = list(settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        rows = [row for row in CANDIDATES.read(run, "policy") if isinstance(row, RolloutRow)]
    assert len(steps) == 2
    assert [row.writer for row in rows] == [None, None, str(tmp_path / "other"), str(tmp_path / "other")] * 4


def test_best_of_n_may_choose_what_another_wrote(start: Path, tmp_path: Path) -> None:
    load("tiny", seed=77).save(tmp_path / "other")
    settings = BestOfN(**FORM, n=3, optim=OPTIM, writers=(str(tmp_path / "other"), "tiny"))
    with RunDirectory.create(tmp_path / "run") as run:
        list(settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))
        rows = [row for row in CANDIDATES.read(run, "policy") if isinstance(row, BestOfNCandidate)]
    assert [row.writer for row in rows] == [None, str(tmp_path / "other"), "tiny"] * len(PROMPTS)
    assert sum(row.chosen for row in rows) == len(PROMPTS)


def test_writers_that_have_nothing_to_write_or_are_not_there_are_refused(start: Path, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="leaves some of the start and its writers none"):
        RRHF(group_size=2, writers=("tiny", "smollm2-135m"))
    with pytest.raises(ValidationError, match='set source = "start"'):
        RRHF(source="policy", writers=("tiny",))
    with pytest.raises(ValidationError, match="n = 2 leaves some"):
        BestOfN(n=2, writers=("tiny", "tiny"))
    settings = RRHF(**FORM, writers=(str(tmp_path / "nowhere"),))
    with RunDirectory.create(tmp_path / "run") as run, pytest.raises(ModelError, match="nowhere"):
        list(settings.steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))


def test_a_prompt_that_stands_there_twice_is_asked_once(start: Path) -> None:
    """An endpoint that keeps to its seed would answer two requests alike."""

    class Counting(FixedWriter):
        def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
            asked.append(([prompt.id for prompt in prompts], n))
            texts = [[f"{prompt.text} {k}" for k in range(n)] for prompt in prompts]
            return [
                [Completion(prompt=prompt.id, text=text, writer=self.name) for text in of_prompt]
                for prompt, of_prompt in zip(prompts, texts, strict=True)
            ]

    asked: list[tuple[list[str], int]] = []
    several = sampler(start, Counting("x"))
    one, other = PROMPTS[:2]
    ids = [several.start.encode_prompt(prompt) for prompt in (one, other, one)]
    groups = several.sample(ids, 4, Sampling(max_tokens=60))
    assert asked == [([other.id], 2), ([one.id], 4)]
    texts = [[several.start.decode(each.token_ids) for each in group[2:]] for group in groups]
    assert texts == [[f"{p.text} {k}" for k in ks] for p, ks in ((one, (0, 1)), (other, (0, 1)), (one, (2, 3)))]
