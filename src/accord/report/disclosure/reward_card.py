"""The card of a reward model that is published: how its scores are read, how good it is, and the disclosure."""

from collections.abc import Iterator, Mapping
from typing import Any

from accord.artefacts import Disclosure, RewardCard
from accord.report.disclosure.model_card import base_of, disclosed_lines, licence_of
from accord.report.words import interval, observations

__all__ = ["reward_model_card"]

READING = """## How to read it

A text is what stands before an answer by the chat template, the answer, and the token `{end}` after it. The logit is
the score less a constant, {offset:.6g}, which no comparison of two texts depends on: `score_offset` of the
configuration.

```py
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{repository}")
model = AutoModelForSequenceClassification.from_pretrained("{repository}", dtype=torch.float32).eval()


def score(prompt, answer):
    asked = tokenizer.apply_chat_template(
        [{{"role": "user", "content": prompt}}], tokenize=False, add_generation_prompt=True
    )
    text = asked + answer + "{end}"
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return model(input_ids=ids).logits.item() + model.config.score_offset
```
"""
ONE_BY_ONE = """
Its tokenizer has no token for padding that does not end texts too, so texts are read one at a time.
"""


def reward_model_card(
    disclosure: Disclosure,
    recipe: Mapping[str, Any],
    settings: Mapping[str, Any],
    card: RewardCard | None,
    *,
    repository: str,
    end: str,
    offset: float,
    batches: bool,
) -> str:
    """The card as text, with the front matter that model hubs read; `settings` are those of the reward."""
    from huggingface_hub import ModelCard, ModelCardData

    data = ModelCardData(
        library_name="transformers",
        pipeline_tag="text-classification",
        base_model=base_of(settings) or base_of(recipe.get("sft")),
        tags=["reward-model", "rlhf", "accord", str(settings.get("kind", ""))],
        license=licence_of(disclosure),
    )
    reading = READING.format(repository=repository, end=end, offset=offset) + ("" if batches else ONE_BY_ONE)
    head, *rest = "\n".join(disclosed_lines(disclosure)).rstrip().split("\n## ", 1)
    body = "\n".join((f"{head}\n", reading, *_quality(card), *(f"## {part}" for part in rest)))
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}\n", ignore_metadata_errors=False)).rstrip() + "\n"


def _quality(card: RewardCard | None) -> Iterator[str]:
    """What its own card says of pairs that were held out."""
    yield "## How good it is\n"
    if card is None or card.accuracy is None:
        yield "It was not tested on pairs that were held out.\n"
        return
    numbers = (("it", card.accuracy), ("length alone", card.length_only), ("the same answer always", card.majority))
    yield "Of pairs that were held out, so often the text is scored higher that people preferred:\n"
    for name, estimate in numbers:
        if estimate is not None:
            yield f"* {name}: {interval(estimate)}, n = {observations(estimate)}"
    yield ""
