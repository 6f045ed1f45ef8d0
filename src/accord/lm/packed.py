"""Rows in which a prompt is computed once for all the answers to it.

    row:        prompt A | answer | answer | ... | prompt B | answer | ...        one row of a batch
    attention:  an answer sees its prompt and itself only, a prompt itself only
    positions:  a prompt starts at 0, every answer where its prompt ends

So a shared prompt gives exactly what repeating it would, and rows are filled to the brim: padding is time. A
completion of n tokens gives n predictions: the first is made where the prompt ends, the others along the completion;
places to read are carried as indices, so nothing is ever masked by comparing with the padding token.
"""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from accord.deferred import deferred
from accord.errors import ModelError
from accord.lm.first_fit import first_fit
from accord.lm.sizes import BATCH_TOKENS, default_row_tokens, reading_tokens
from accord.records import Completion

with deferred():
    import torch
    from torch import Tensor

    from accord.lm.causal import CausalModel
    from accord.lm.layout import AttentionLayout, Segments

__all__ = ["PackedBatch", "TokenizedCompletion", "longest", "pack", "tokenized"]


@dataclass(frozen=True)
class TokenizedCompletion:
    """A prompt and one completion of it, as token ids. `key` is the caller's own number for it."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    key: int


def tokenized(
    causal: CausalModel, prompt: Sequence[int], completion: Completion, key: int, *, judged: bool = False
) -> TokenizedCompletion:
    """A completion after its prompt (token ids), as it is learnt; `judged`: as a judge reads it, always with an end.

    What does not fit in the model's context is cut, without an end, where the model was opened so
    (`cut_to_context`). Raises `ModelError` with the completion's id where it was not, or the prompt leaves no room.
    """
    ids = tuple(causal.encode_completion(completion.text)) if judged else causal.encode_answer(completion)
    room = causal.context - len(prompt)
    if len(ids) > room:
        if not causal.cuts or room < 1:
            raise ModelError(
                f"{causal.name}: the completion {completion.id} has {len(ids)} tokens after the {len(prompt)} of its "
                f"prompt {completion.prompt}, more than the context of {causal.context}; leave it out, cut it "
                '(too_long = "cut"), or take a model that reads more'
            )
        ids = tuple(causal.conversation.whole_characters(ids[:room]))
    return TokenizedCompletion(tuple(prompt), with_shared_numbers(ids), key)


def with_shared_numbers(ids: Sequence[int]) -> tuple[int, ...]:
    """The same ids, each an object that all texts share: 8 bytes a token, and not 36."""
    return tuple(_NUMBERS.setdefault(number, number) for number in ids)


_NUMBERS: dict[int, int] = {}


@dataclass(frozen=True)
class PackedBatch:
    """B rows of T places that hold A answers of N completion tokens in all.

    keys          A caller's numbers, in the order of the answers here
    input_ids     [B, T]
    position_ids  [B, T]
    segment_ids   [B, T] which prompt or answer each place belongs to; -1 where it is padding
    root_ids      [B, T] the segment of its prompt; -2 where it is padding
    source_N      place (in the flattened rows) whose hidden state predicts each completion token
    place_N       place of each completion token itself
    target_N      the completion tokens
    owner_N       which answer (0..A-1) each belongs to
    step_N        its place within its answer, from 0
    last_A        place of the last completion token of each answer
    longest       tokens of the longest sequence
    answers       the answers themselves
    begins        of each, the place of the first token of its prompt, and of its own first
    single        whether each row holds one sequence alone
    """

    keys: tuple[int, ...]
    input_ids: Tensor
    position_ids: Tensor
    segment_ids: Tensor
    root_ids: Tensor
    source_N: Tensor
    place_N: Tensor
    target_N: Tensor
    owner_N: Tensor
    step_N: Tensor
    last_A: Tensor
    longest: int
    answers: tuple[TokenizedCompletion, ...]
    begins: tuple[tuple[int, int], ...]
    single: bool

    @property
    def tokens(self) -> int:
        """Places computed, padding included."""
        return self.input_ids.numel()

    def hidden(self, causal: CausalModel, **inputs: Any) -> Tensor:
        """Hidden states of all places, flattened: [B*T, D]; from above its frozen layers on, where these are shared."""
        prefix = causal.prefix
        with nullcontext() if prefix is None or prefix.reads else prefix.reading(self, causal):
            return self._hidden(causal, inputs)

    def _hidden(self, causal: CausalModel, inputs: dict[str, Any]) -> Tensor:
        if not causal.packs:  # a row is one sequence, and its padding comes after it
            return causal.hidden(input_ids=self.input_ids).flatten(0, 1)
        inputs |= self.layout(causal).inputs()
        return causal.hidden(input_ids=self.input_ids, position_ids=self.position_ids, **inputs).flatten(0, 1)

    def layout(self, causal: CausalModel) -> AttentionLayout:
        """What each place may see: its own segment and that of its prompt, up to itself.

        Each use of a batch has a layout of its own, so that what is made of it goes with that use: the masks of all
        batches of a stage would be as large as their attention scores. Where a row is one sequence, padding comes
        after it and may see it: nobody reads what becomes of that.
        """
        backend, segments = causal.attention, Segments(self.segment_ids, self.root_ids, self.position_ids)
        rows, width = self.input_ids.shape
        return AttentionLayout(
            (rows, width, width),
            self.input_ids.device,
            self.longest - 1,
            causal.window,
            backend,
            None if self.single and backend != "grouped" else segments,
        )


def pack(
    causal: CausalModel,
    answers: Iterable[TokenizedCompletion],
    *,
    row_tokens: int | None = None,
    batch_tokens: int | None = None,
) -> list[PackedBatch]:
    """Lay answers out in batches of at most `batch_tokens` places, answers to one prompt side by side.

    Unset, a batch has 2,048 places, or as many as a GPU or `memory_gb` has room for (`accord.lm.sizes`).

    A row holds at most `row_tokens` places (unset: `default_row_tokens`) unless a single answer needs more. Rows of
    like length share a batch.
    Raises `ModelError` for an empty completion or prompt, an id outside the vocabulary, and a sequence longer than
    the model's context: nothing is ever cut short silently. Sequences on the two sides of the model's `switch` never
    share a batch, for the longest one decides how all of its positions are turned.
    """
    return [_lay_out(rows, causal) for rows in _planned(causal, answers, row_tokens, batch_tokens)]


def count_batches(
    causal: CausalModel,
    answers: Iterable[TokenizedCompletion],
    *,
    row_tokens: int | None = None,
    batch_tokens: int | None = None,
) -> int:
    """How many batches `pack` makes of answers, and raises what it does; nothing is laid out."""
    return len(_planned(causal, answers, row_tokens, batch_tokens))


def _planned(
    causal: CausalModel, answers: Iterable[TokenizedCompletion], row_tokens: int | None, batch_tokens: int | None
) -> list[list["_Row"]]:
    """The rows of each batch."""
    row_tokens = row_tokens or default_row_tokens(causal)
    batch_tokens = batch_tokens or reading_tokens(causal, BATCH_TOKENS)
    short: list[TokenizedCompletion] = []
    long: list[TokenizedCompletion] = []
    for answer in answers:
        _check(answer, causal)
        (long if _length([answer]) > causal.switch else short).append(answer)
    return [rows for part in (short, long) for rows in _batches(_rows_of(causal, part, row_tokens), batch_tokens)]


def _rows_of(causal: CausalModel, answers: Iterable[TokenizedCompletion], row_tokens: int) -> list["_Row"]:
    blocks = _blocks(answers, row_tokens)
    if causal.packs:
        return _rows(blocks, row_tokens)
    return [_Row([[answer]], _length([answer])) for block in blocks for answer in block]


def _batches(unsorted: Iterable["_Row"], batch_tokens: int) -> list[list["_Row"]]:
    """Rows of like length together, at most `batch_tokens` places in all."""
    rows = sorted(unsorted, key=lambda row: row.length, reverse=True)
    batches: list[list[_Row]] = []
    for row in rows:
        # Sorted by length, so the first row of a batch is its widest. A row much shorter than that starts a new batch.
        width = batches[-1][0].length if batches else 0
        if batches and (len(batches[-1]) + 1) * width <= batch_tokens and row.length >= FULL * width:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def length_of(answer: TokenizedCompletion) -> int:
    """The length of an answer with its prompt, in tokens."""
    return len(answer.prompt) + len(answer.completion)


def longest(answers: Iterable[TokenizedCompletion]) -> int:
    """The length of the longest answer with its prompt, in tokens."""
    return max(map(length_of, answers))


FULL = 0.7  # a row that fills less of a batch's width than this is cheaper in a batch of its own


@dataclass
class _Row:
    """Blocks (answers to one prompt) side by side, and how many places they take."""

    blocks: list[list[TokenizedCompletion]]
    length: int


def _length(block: Sequence[TokenizedCompletion]) -> int:
    return len(block[0].prompt) + sum(len(answer.completion) for answer in block)


def _blocks(answers: Iterable[TokenizedCompletion], row_tokens: int) -> list[list[TokenizedCompletion]]:
    """Answers to one prompt together, as many as fit into a row."""
    by_prompt: dict[tuple[int, ...], list[TokenizedCompletion]] = {}
    for answer in answers:
        by_prompt.setdefault(answer.prompt, []).append(answer)
    blocks: list[list[TokenizedCompletion]] = []
    for group in by_prompt.values():
        length = row_tokens + 1
        for answer in sorted(group, key=lambda answer: len(answer.completion)):
            if length + len(answer.completion) > row_tokens:
                blocks.append([])
                length = len(answer.prompt)
            blocks[-1].append(answer)
            length += len(answer.completion)
    return blocks


def _rows(blocks: list[list[TokenizedCompletion]], row_tokens: int) -> list[_Row]:
    """Blocks into as few rows as first-fit decreasing finds."""
    rows: list[_Row] = []
    blocks = sorted(blocks, key=_length, reverse=True)
    lengths = [_length(block) for block in blocks]
    for block, length, number in zip(blocks, lengths, first_fit(lengths, row_tokens), strict=True):
        if number == len(rows):
            rows.append(_Row([], 0))
        rows[number].blocks.append(block)
        rows[number].length += length
    return rows


def _check(answer: TokenizedCompletion, causal: CausalModel) -> None:
    prompt, completion = answer.prompt, answer.completion
    total = len(prompt) + len(completion)
    if not prompt or not completion:
        missing = "completion" if prompt else "prompt"
        raise ModelError(f"item {answer.key}: an empty {missing} has no probability; leave the item out")
    if total > causal.context:
        raise ModelError(f"item {answer.key}: {total} tokens exceed the {causal.context} of {causal.name}; shorten it")
    for ids, bound in ((prompt, causal.vocabulary), (completion, causal.known)):
        if not 0 <= min(ids) <= max(ids) < bound:
            token = max(ids) if min(ids) >= 0 else min(ids)
            raise ModelError(f"item {answer.key}: token id {token} is outside the vocabulary of {bound}")


class _Flat:
    """The flat lists that a batch is made of, grown block by block. `at` is the next free place."""

    def __init__(self) -> None:
        self.at = 0
        self.segments = 0
        self.keys: list[int] = []
        self.answers: list[TokenizedCompletion] = []
        self.begins: list[tuple[int, int]] = []
        self.last: list[int] = []
        # One entry a place in use: where it is, its token, its position, its segment and the segment of its prompt.
        self.used: list[int] = []
        self.token: list[int] = []
        self.position: list[int] = []
        self.segment: list[int] = []
        self.root: list[int] = []
        # One entry a completion token.
        self.source: list[int] = []
        self.place: list[int] = []
        self.target: list[int] = []
        self.owner: list[int] = []
        self.step: list[int] = []

    def add(self, block: Sequence[TokenizedCompletion]) -> None:
        """A prompt and its answers."""
        prompt = block[0].prompt
        begin, end = self.at, self.at + len(prompt) - 1
        root = self.segments
        self._run(prompt, 0, root)
        for answer in block:
            size = len(answer.completion)
            first = self.at
            self._run(answer.completion, len(prompt), root)
            self.source += [end, *range(first, first + size - 1)]
            self.place += range(first, first + size)
            self.target += answer.completion
            self.owner += [len(self.keys)] * size
            self.step += range(size)
            self.last.append(first + size - 1)
            self.keys.append(answer.key)
            self.answers.append(answer)
            self.begins.append((begin, first))

    def _run(self, tokens: tuple[int, ...], position: int, root: int) -> None:
        size = len(tokens)
        self.used += range(self.at, self.at + size)
        self.token += tokens
        self.position += range(position, position + size)
        self.segment += [self.segments] * size
        self.root += [root] * size
        self.segments += 1
        self.at += size


def _lay_out(rows: list[_Row], causal: CausalModel) -> PackedBatch:
    width = rows[0].length
    flat = _Flat()
    for number, row in enumerate(rows):
        flat.at = number * width
        for block in row.blocks:
            flat.add(block)
    used = torch.tensor(flat.used)

    def grid(values: list[int], empty: int) -> Tensor:
        grid_X = torch.full((len(rows) * width,), empty)
        grid_X[used] = torch.tensor(values)
        return grid_X

    parts = [
        grid(flat.token, causal.pad_id),
        grid(flat.position, 0),
        grid(flat.segment, -1),
        grid(flat.root, -2),
        *map(torch.tensor, (flat.source, flat.place, flat.target, flat.owner, flat.step, flat.last)),
    ]
    moved = _moved(parts, causal.device)
    token_X, position_X, segment_X, root_X, source_N, place_N, target_N, owner_N, step_N, last_A = moved
    return PackedBatch(
        tuple(flat.keys),
        token_X.view(len(rows), width),
        position_X.view(len(rows), width),
        segment_X.view(len(rows), width),
        root_X.view(len(rows), width),
        source_N,
        place_N,
        target_N,
        owner_N,
        step_N,
        last_A,
        longest=max(flat.position) + 1,
        answers=tuple(flat.answers),
        begins=tuple(flat.begins),
        single=all(len(row.blocks) == len(row.blocks[0]) == 1 for row in rows),
    )


def _moved(parts: list[Tensor], device: torch.device) -> list[Tensor]:
    """Tensors of one type on the device, in one transfer."""
    if device.type == "cpu":
        return parts
    sizes = [len(part) for part in parts]
    return list(torch.cat(parts).pin_memory().to(device, non_blocking=True).split(sizes))
