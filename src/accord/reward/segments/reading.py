"""Texts as a model reads them: which token a segment ends in, and what the head says there."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from accord.lm.packed import PackedBatch, TokenizedCompletion, pack
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.sizes import reading_tokens
from accord.records import Completion, Prompt
from accord.reward.segments.boundaries import cut

__all__ = ["ReadText", "Segment", "logits", "outputs", "read_texts"]


@dataclass(frozen=True)
class Segment:
    """Characters [start, end) of a text, and the token (from 0) with which they have been read."""

    start: int
    end: int
    token: int


@dataclass(frozen=True)
class ReadText:
    """A completion as token ids, and how many of its characters there are with each of them."""

    completion: Completion
    answer: TokenizedCompletion
    reach_T: Sequence[int]

    def segments(self, into: str) -> list[Segment]:
        """Its tokens, parts, sentences, lines or paragraphs, or the text as a whole, which ends where its end is read.

        What stands behind the context, where texts are cut to it, is no segment; one that is cut ends there.
        """
        text = self.completion.text
        if into == "whole":
            return [Segment(0, len(text), len(self.reach_T) - 1)]
        if into == "token":
            ends = [0, *self.reach_T]
            return [Segment(start, end, token) for token, (start, end) in enumerate(pairwise(ends)) if start < end]
        return self.at(cut(text, into))

    def at(self, places: Sequence[tuple[int, int]]) -> list[Segment]:
        """Stretches of characters as segments, as far as they were read."""
        last = self.reach_T[-1]
        return [
            Segment(start, min(end, last), bisect_left(self.reach_T, min(end, last)))
            for start, end in places
            if start < last
        ]


def read_texts(model: ScalarHeadModel, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[ReadText]:
    """Completions as `model` reads them, keyed by their places. Raises `ValueError` where prompts are not as many."""
    if len(prompts) != len(completions):
        raise ValueError(f"{len(prompts)} prompts but {len(completions)} completions")
    found = []
    for key, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        answer = model.answer(prompt, completion, key)
        reach_T = [min(len(completion.text), reach) for reach in model.causal.reaches(answer.completion)]
        found.append(ReadText(completion, answer, reach_T))
    return found


def outputs(model: ScalarHeadModel, batch: PackedBatch, tokens: Sequence[Sequence[int]]) -> Tensor:
    """The head's outputs at some tokens of each answer of a batch, in its order, [R, M], float32."""
    count_A = torch.bincount(batch.owner_N, minlength=len(batch.keys))
    first_A = (count_A.cumsum(0) - count_A).tolist()
    index = [first + token for first, some in zip(first_A, tokens, strict=True) for token in some]
    hidden_XD = batch.hidden(model.causal)
    place_R = batch.place_N[torch.tensor(index, dtype=torch.long, device=batch.place_N.device)]
    raw_RM: Tensor = model.head(hidden_XD[place_R].float())
    return raw_RM


@torch.no_grad()
def logits(
    model: ScalarHeadModel, texts: Sequence[ReadText], tokens: Sequence[Sequence[int]]
) -> list[NDArray[np.float64]]:
    """The outputs at some tokens of each text, [R, K, S] each, by component and member."""
    found: dict[int, NDArray[np.float64]] = {}
    for batch in pack(model.causal, [text.answer for text in texts], batch_tokens=reading_tokens(model.causal)):
        some = [tokens[key] for key in batch.keys]
        raw_RM = outputs(model, batch, some).double().cpu().numpy()
        parts = np.split(raw_RM, np.cumsum([len(each) for each in some])[:-1])
        found |= dict(zip(batch.keys, parts, strict=True))
    components = len(model.mean_M) // model.members
    return [found[text.answer.key].reshape(-1, components, model.members) for text in texts]
