"""Rows in which a prompt is computed once for all the answers to it.

    row:        prompt A | answer | answer | ... | prompt B | answer | ...        one row of a batch
    attention:  an answer sees its prompt and itself only, a prompt itself only
    positions:  a prompt starts at 0, every answer where its prompt ends

So a shared prompt gives exactly what repeating it would, and rows are filled to the brim: padding is time. A
completion of n tokens gives n predictions: the first is made where the prompt ends, the others along the completion;
places to read are carried as indices, so nothing is ever masked by comparing with the padding token.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from accord.errors import ModelError
from accord.lm.causal import CausalModel

__all__ = ["BATCH_TOKENS", "PackedBatch", "TokenizedCompletion", "default_row_tokens", "longest", "pack"]

ROW_TOKENS, BATCH_TOKENS = 320, 2048  # tokens of a row, and of a batch, where no budget says otherwise
NARROW = 64  # tokens of a row at least


@dataclass(frozen=True)
class TokenizedCompletion:
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
    mask          [B, 1, T, T] added to attention scores: 0 where a place may look, very negative elsewhere; None for
                  a model that cannot pack: a row is then one sequence, and its padding comes after it
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
    mask: Tensor | None
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
        if self.mask is None:
            return causal.hidden(input_ids=self.input_ids).flatten(0, 1)
        mask = self.mask.to(next(causal.model.parameters()).dtype)
        hidden_BTD = causal.hidden(input_ids=self.input_ids, position_ids=self.position_ids, attention_mask=mask)
        return hidden_BTD.flatten(0, 1)


def default_row_tokens(causal: CausalModel) -> int:
    """Places of a row where nobody says otherwise: 320, or the model's width where that is less, but not below 64.

    A place looks along its whole row, also at what it must not see; in a row longer than the model is wide that costs
    more than what two answers save that share a prompt.
    """
    return min(ROW_TOKENS, max(NARROW, causal.width))


def pack(
    causal: CausalModel,
    answers: Iterable[TokenizedCompletion],
    *,
    row_tokens: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> list[PackedBatch]:
    """Lay answers out in batches of at most `batch_tokens` places, answers to one prompt side by side.

    A row holds at most `row_tokens` places (unset: `default_row_tokens`) unless a single answer needs more. Rows of
    like length share a batch.
    Raises `ModelError` for an empty completion or prompt, an id outside the vocabulary, and a sequence longer than
    the model's context: nothing is ever cut short silently.
    """
    row_tokens = row_tokens or default_row_tokens(causal)
    blocks = _blocks(causal, answers, row_tokens)
    unsorted = (
        _rows(blocks, row_tokens)
        if causal.packs
        else [_Row([[answer]], _length([answer])) for block in blocks for answer in block]
    )
    rows = sorted(unsorted, key=lambda row: row.length, reverse=True)
    batches: list[list[_Row]] = []
    for row in rows:
        # Sorted by length, so the first row of a batch is its widest. A row much shorter than that starts a new batch.
        width = batches[-1][0].length if batches else 0
        if batches and (len(batches[-1]) + 1) * width <= batch_tokens and row.length >= FULL * width:
            batches[-1].append(row)
        else:
            batches.append([row])
    return [_lay_out(batch, causal) for batch in batches]


def longest(answers: Iterable[TokenizedCompletion]) -> int:
    """The length of the longest answer with its prompt, in tokens."""
    return max(len(answer.prompt) + len(answer.completion) for answer in answers)


FULL = 0.7  # a row that fills less of a batch's width than this is cheaper in a batch of its own


@dataclass
class _Row:
    """Blocks (answers to one prompt) side by side, and how many places they take."""

    blocks: list[list[TokenizedCompletion]]
    length: int


def _length(block: Sequence[TokenizedCompletion]) -> int:
    return len(block[0].prompt) + sum(len(answer.completion) for answer in block)


def _blocks(
    causal: CausalModel, answers: Iterable[TokenizedCompletion], row_tokens: int
) -> list[list[TokenizedCompletion]]:
    """Answers to one prompt together, as many as fit into a row."""
    vocabulary, context = causal.vocabulary, causal.context
    by_prompt: dict[tuple[int, ...], list[TokenizedCompletion]] = {}
    for answer in answers:
        _check(answer, vocabulary, context, causal.name)
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
    for block in sorted(blocks, key=_length, reverse=True):
        length = _length(block)
        row = next((row for row in rows if row.length + length <= row_tokens), None)
        if row is None:
            rows.append(_Row([block], length))
        else:
            row.blocks.append(block)
            row.length += length
    return rows


def _check(answer: TokenizedCompletion, vocabulary: int, context: int, name: str) -> None:
    total = len(answer.prompt) + len(answer.completion)
    if not answer.prompt or not answer.completion:
        missing = "completion" if answer.prompt else "prompt"
        raise ModelError(f"item {answer.key}: an empty {missing} has no probability; leave the item out")
    if total > context:
        raise ModelError(f"item {answer.key}: {total} tokens exceed the {context} of {name}; shorten it")
    for token in (min(*answer.prompt, *answer.completion), max(*answer.prompt, *answer.completion)):
        if not 0 <= token < vocabulary:
            raise ModelError(f"item {answer.key}: token id {token} is outside the vocabulary of {vocabulary}")


class _Layout:
    """The flat lists that a batch is made of, grown block by block. `at` is the next free place."""

    def __init__(self) -> None:
        self.at = 0
        self.segments = 0
        self.keys: list[int] = []
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
        end = self.at + len(prompt) - 1
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
    width, device = rows[0].length, causal.device
    layout = _Layout()
    for number, row in enumerate(rows):
        layout.at = number * width
        for block in row.blocks:
            layout.add(block)

    def grid(values: list[int], empty: int) -> Tensor:
        flat = torch.full((len(rows) * width,), empty)
        flat[torch.tensor(layout.used)] = torch.tensor(values)
        return flat.view(len(rows), width)

    def index(values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    return PackedBatch(
        keys=tuple(layout.keys),
        input_ids=grid(layout.token, causal.pad_id).to(device),
        position_ids=grid(layout.position, 0).to(device),
        mask=_mask(grid(layout.segment, -1), grid(layout.root, -2)).to(device) if causal.packs else None,
        source_N=index(layout.source),
        place_N=index(layout.place),
        target_N=index(layout.target),
        owner_N=index(layout.owner),
        step_N=index(layout.step),
        last_A=index(layout.last),
    )


def _mask(segment_BT: Tensor, root_BT: Tensor) -> Tensor:
    """What each place may see: its own segment and that of its prompt, up to itself.

    Padding is segment -1 with root -2: it sees itself and the padding before it, for a row of nothing would be NaN.
    """
    own_segment = segment_BT[:, :, None] == segment_BT[:, None, :]
    own_prompt = root_BT[:, :, None] == segment_BT[:, None, :]
    visible = (own_segment | own_prompt).tril()
    return torch.zeros(visible.shape).masked_fill(~visible, torch.finfo(torch.bfloat16).min)[:, None]
