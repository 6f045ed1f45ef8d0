"""Models of entailment as others publish them: whether a text follows from another, by a classifier of pairs.

Two answers to a question mean the same where each, read after the question, entails the other: the likeliest label of
both directions is the one of entailment (Kuhn et al. 2023, arXiv 2302.09664, section 3.2).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from accord.errors import ModelError
from accord.lm.classifier import reading_context
from accord.lm.loading import UNLOADABLE, open_tokenizer, place_of, refusal
from accord.records import Prompt

__all__ = ["EntailmentModel", "label_of_entailment", "load_entailment"]

KIND = "classifier of pairs of texts"
BATCH_TOKENS = 4096  # places of a batch, padding included
LABEL = "entailment"


@dataclass(frozen=True)
class EntailmentModel:
    """A classifier of pairs, and which of its labels says that the second text follows from the first."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    label: int
    context: int

    def same(self, prompts: Sequence[Prompt], first: Sequence[str], second: Sequence[str]) -> list[bool]:
        """Whether the two answers to each prompt entail one another. Raises `ModelError` where a pair is too long."""
        one, other = (
            [f"{prompt.text} {text}" for prompt, text in zip(prompts, texts, strict=True)] for texts in (first, second)
        )
        entailed = self.entails([*one, *other], [*other, *one])
        return [forth and back for forth, back in zip(entailed[: len(one)], entailed[len(one) :], strict=True)]

    def entails(self, premises: Sequence[str], hypotheses: Sequence[str]) -> list[bool]:
        """Whether each hypothesis follows from its premise, by the likeliest label."""
        pairs = [self._encoded(*pair) for pair in zip(premises, hypotheses, strict=True)]
        found = [False] * len(pairs)
        for batch in _batches([len(pair["input_ids"]) for pair in pairs], padded=self.tokenizer.pad_token is not None):
            for index, label in zip(batch, self._labels([pairs[index] for index in batch]), strict=True):
                found[index] = label == self.label
        return found

    def _encoded(self, premise: str, hypothesis: str) -> Mapping[str, list[int]]:
        pair: Any = self.tokenizer(premise, hypothesis)
        if len(pair["input_ids"]) > self.context:
            raise ModelError(
                f"{self.name}: a pair of answers has {len(pair['input_ids'])} tokens with its question, more than the "
                f"context of {self.context}; take a model that reads more (it begins {premise[:60]!r})"
            )
        return dict(pair)

    @torch.no_grad()
    def _labels(self, pairs: Sequence[Mapping[str, list[int]]]) -> list[int]:
        """The likeliest label of each pair."""
        padded: Any = (
            {name: torch.tensor([pair[name] for pair in pairs]) for name in pairs[0]}
            if len(pairs) == 1
            else (self.tokenizer.pad({name: [pair[name] for pair in pairs] for name in pairs[0]}, return_tensors="pt"))
        )
        logit_BL = self.model(**{name: ids.to(self.model.device) for name, ids in padded.items()}).logits.float()
        if not torch.isfinite(logit_BL).all():
            raise ModelError(f"{self.name}: what it makes of a pair of answers is not finite; give another model")
        labels: list[int] = logit_BL.argmax(1).tolist()
        return labels


def _batches(sizes: Sequence[int], *, padded: bool) -> Iterator[list[int]]:
    """Pairs by number, those of like length together; each alone where nothing can be padded."""
    batch: list[int] = []
    for index in sorted(range(len(sizes)), key=lambda index: sizes[index]):
        if batch and (not padded or (len(batch) + 1) * sizes[index] > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def label_of_entailment(name: str, configuration: Any) -> int:
    """The number of the label called entailment. Raises `ModelError` where there is none, or one label alone."""
    labels: Mapping[int, str] = configuration.id2label
    found = [number for number, label in labels.items() if str(label).strip().lower() == LABEL]
    if len(found) != 1 or len(labels) < 2:
        raise ModelError(
            f"{name}: its labels are {', '.join(map(str, labels.values()))}, and one of several is to be called "
            f"'{LABEL}'; give a model of entailment, or name its labels in its config.json (id2label)"
        )
    return found[0]


def load_entailment(source: str, *, revision: str | None = None, device: str = "cpu") -> EntailmentModel:
    """The model in a folder, or under a hub id at a revision.

    Raises `ModelError` where it is none, or its file lacks weights; one that comes with code of its own is not opened.
    """
    tokenizer, configuration = open_tokenizer(source, revision=revision, kind=KIND)
    label, place = label_of_entailment(source, configuration), place_of(source)
    try:
        loaded: Any = AutoModelForSequenceClassification.from_pretrained(
            place, revision=revision, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    except UNLOADABLE as error:
        raise refusal(source, place, error, KIND) from error
    model, loading_info = loaded
    if missing := sorted(loading_info["missing_keys"]):
        raise ModelError(f"{source}: the file lacks {len(missing)} of its weights, such as {missing[0]}; give another")
    context = reading_context(tokenizer, model.config)
    return EntailmentModel(source, model.eval().requires_grad_(False).to(device), tokenizer, label, context)
