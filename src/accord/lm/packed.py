"""Rows in which a prompt is computed once for all the answers to it.

    row:        prompt | answer 1 | answer 2 | ...            one row of a batch
    attention:  an answer sees the prompt and itself only
    positions:  every answer starts where the prompt ends

So a shared prompt gives exactly what repeating it would. A completion of n tokens gives n predictions: the first is
made where the prompt ends, the others along the completion; places to read are carried as indices, so nothing is
ever masked by comparing with the padding token.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from accord.errors import ModelError
from accord.lm.causal import CausalModel

__all__ = ["Answer", "PackedBatch", "pack"]


@dataclass(frozen=True)
class Answer:
    """A prompt and one completion of it, as token ids. `key` is the caller's own number for it."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    key: int


@dataclass(frozen=True)
class PackedBatch:
    """B rows of T places that hold A answers of N completion tokens in all.

    keys          A caller's numbers, in the order of the answers here
    input_ids     [B, T]
    position_ids  [B, T]
    mask          [B, 1, T, T] added to attention scores: 0 where a place may look, very negative elsewhere
    source_N      place (in the flattened rows) whose hidden state predicts each completion token
    place_N       place of each completion token itself
    target_N      the completion tokens
    owner_N       which answer (0..A-1) each belongs to
    step_N        its place within its answer, from 0
    last_A        place of the last completion token of each answer
    """

    keys: tuple[int, ...]
    input_ids: Tensor
    position_ids: Tensor
    mask: Tensor
    source_N: Tensor
    place_N: Tensor
    target_N: Tensor
    owner_N: Tensor
    step_N: Tensor
    last_A: Tensor

    @property
    def tokens(self) -> int:
        """Places computed, padding included."""
        return self.input_ids.numel()

    def hidden(self, causal: CausalModel) -> Tensor:
        """Hidden states of all places, flattened: [B*T, D]."""
        mask = self.mask.to(next(causal.model.parameters()).dtype)
        hidden_BTD = causal.hidden(input_ids=self.input_ids, position_ids=self.position_ids, attention_mask=mask)
        return hidden_BTD.flatten(0, 1)


def pack(
    causal: CausalModel, answers: Iterable[Answer], *, row_tokens: int = 256, batch_tokens: int = 2048
) -> list[PackedBatch]:
    """Lay answers out in batches of at most `batch_tokens` places, answers to one prompt side by side.

    A row holds at most `row_tokens` places unless a single answer needs more. Rows of like length share a batch.
    Raises `ModelError` for an empty completion or prompt, an id outside the vocabulary, and a sequence longer than
    the model's context: nothing is ever cut short silently.
    """
    rows = _rows(causal, answers, row_tokens)
    rows.sort(key=_length)
    batches: list[list[list[Answer]]] = []
    for row in rows:
        # Sorted by length, so this row is the widest of its batch so far.
        if batches and (len(batches[-1]) + 1) * _length(row) <= batch_tokens:
            batches[-1].append(row)
        else:
            batches.append([row])
    return [_lay_out(batch, causal.pad_id, causal.device) for batch in batches]


def _length(row: Sequence[Answer]) -> int:
    return len(row[0].prompt) + sum(len(answer.completion) for answer in row)


def _rows(causal: CausalModel, answers: Iterable[Answer], row_tokens: int) -> list[list[Answer]]:
    vocabulary = causal.vocabulary
    by_prompt: dict[tuple[int, ...], list[Answer]] = {}
    for answer in answers:
        _check(answer, vocabulary, causal)
        by_prompt.setdefault(answer.prompt, []).append(answer)
    rows: list[list[Answer]] = []
    for group in by_prompt.values():
        group.sort(key=lambda answer: len(answer.completion))
        row: list[Answer] = []
        for answer in group:
            if row and _length(row) + len(answer.completion) > row_tokens:
                rows.append(row)
                row = []
            row.append(answer)
        rows.append(row)
    return rows


def _check(answer: Answer, vocabulary: int, causal: CausalModel) -> None:
    total = len(answer.prompt) + len(answer.completion)
    if not answer.prompt or not answer.completion:
        missing = "completion" if answer.prompt else "prompt"
        raise ModelError(f"item {answer.key}: an empty {missing} has no probability; leave the item out")
    if total > causal.context:
        raise ModelError(f"item {answer.key}: {total} tokens exceed the {causal.context} of {causal.name}; shorten it")
    if (highest := max(max(answer.prompt), max(answer.completion))) >= vocabulary:
        raise ModelError(f"item {answer.key}: token id {highest} is outside the vocabulary of {vocabulary}")


def _lay_out(rows: list[list[Answer]], pad_id: int, device: torch.device) -> PackedBatch:
    width = max(_length(row) for row in rows)
    input_ids = torch.full((len(rows), width), pad_id)
    position_ids = torch.zeros((len(rows), width), dtype=torch.long)
    # Segment 0 is the prompt, 1.. the answers, -1 padding: a place sees its own segment and segment 0, backwards.
    segment = torch.full((len(rows), width), -1)
    keys: list[int] = []
    source: list[int] = []
    place: list[int] = []
    target: list[int] = []
    owner: list[int] = []
    step: list[int] = []
    last: list[int] = []
    for number, row in enumerate(rows):
        start = len(row[0].prompt)
        base = number * width
        input_ids[number, :start] = torch.tensor(row[0].prompt)
        position_ids[number, :start] = torch.arange(start)
        segment[number, :start] = 0
        at = start
        for index, answer in enumerate(row, 1):
            size = len(answer.completion)
            input_ids[number, at : at + size] = torch.tensor(answer.completion)
            position_ids[number, at : at + size] = torch.arange(start, start + size)
            segment[number, at : at + size] = index
            source += [base + start - 1, *range(base + at, base + at + size - 1)]
            place += range(base + at, base + at + size)
            target += answer.completion
            owner += [len(keys)] * size
            step += range(size)
            last.append(base + at + size - 1)
            keys.append(answer.key)
            at += size
    causal = torch.ones((width, width), dtype=torch.bool).tril()
    seen = (segment[:, :, None] == segment[:, None, :]) | (segment[:, None, :] == 0)
    # A padding place sees itself (and other padding before it): a row of nothing but -inf would be NaN.
    mask = torch.zeros(seen.shape).masked_fill(~(seen & causal), torch.finfo(torch.bfloat16).min)
    index = {"dtype": torch.long, "device": device}
    return PackedBatch(
        keys=tuple(keys),
        input_ids=input_ids.to(device),
        position_ids=position_ids.to(device),
        mask=mask[:, None].to(device),
        source_N=torch.tensor(source, **index),  # type: ignore[arg-type]  # a dict of keyword arguments
        place_N=torch.tensor(place, **index),  # type: ignore[arg-type]
        target_N=torch.tensor(target, **index),  # type: ignore[arg-type]
        owner_N=torch.tensor(owner, **index),  # type: ignore[arg-type]
        step_N=torch.tensor(step, **index),  # type: ignore[arg-type]
        last_A=torch.tensor(last, **index),  # type: ignore[arg-type]
    )
