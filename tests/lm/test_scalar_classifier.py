"""A reward model as a sequence classifier: the same scores, whatever the architecture, opened by plain transformers."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from accord.errors import ModelError
from accord.lm.aggregation import Aggregation
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.scalar_classifier import OFFSET, as_classifier
from accord.records import Completion, Prompt
from families import ours

TEXTS = [("Hi", "It is"), ("What is it? Äpfel", "no 🍎")]


def judge_of(family: str, **settings: object) -> ScalarHeadModel:
    judge = ScalarHeadModel.fresh(ours(family), name="reward", seed=2, members=2, components=("a", "b"))
    return replace(judge, mean_M=(0.1, 0.2, 0.3, -4.0), score_scale=0.5, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma3", "gpt2"])
@pytest.mark.parametrize("aggregation", [Aggregation(rule="sum", weights=(2.0, -1.0)), Aggregation()])
def test_logit_and_offset_are_the_score(family: str, aggregation: Aggregation, tmp_path: Path) -> None:
    judge = judge_of(family, aggregation=aggregation)
    as_classifier(judge).model.save_pretrained(tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path, dtype=torch.float32).eval()
    offset = getattr(AutoConfig.from_pretrained(tmp_path), OFFSET)
    prompts = [Prompt.ask(prompt) for prompt, _ in TEXTS]
    completions = [Completion(prompt=p.id, text=text) for p, (_, text) in zip(prompts, TEXTS, strict=True)]
    wanted = judge.score(prompts, completions).value_N
    for prompt, completion, score in zip(prompts, completions, wanted, strict=True):
        read = judge.answer(prompt, completion, 0)
        with torch.no_grad():
            logit = model(input_ids=torch.tensor([[*read.prompt, *read.completion]])).logits.item()
        assert logit + offset == pytest.approx(score, abs=1e-5)


def test_what_ends_texts_pads_none() -> None:
    """Transformers takes the last token that is no padding: with the end as padding it would read before the end."""
    judge = judge_of("llama")
    assert judge.causal.tokenizer.pad_token_id in judge.causal.end_ids
    classifier = as_classifier(judge)
    assert classifier.model.config.pad_token_id is None
    assert not classifier.batches


def test_another_rule_is_no_linear_head() -> None:
    with pytest.raises(ModelError, match="aggregation 'quantile'"):
        as_classifier(judge_of("llama", aggregation=Aggregation(rule="quantile")))
