"""Continuous batching: many sequences written at once, each with its own settings, a free slot refilled at once.

A step takes every running sequence one token further and starts as many waiting ones as there are free slots. A
prompt is computed once for all the samples of it that wait. Every sequence draws random numbers from its own seed and
stream, so what it says does not depend on what else is written beside it (beyond rounding). Whoever asks for much
leaves room for others, and what cannot be written fails alone.
"""

import math
from collections import Counter, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.conversation import CONTEXT, text_after
from accord.lm.decoders import UncachedDecoder
from accord.lm.kv_cache import KVCache
from accord.lm.native.proven import drawing_kernels
from accord.lm.native_decoder import build_decoder
from accord.lm.sizes import prefill_tokens
from accord.lm.token_sampling import COLDEST, SampledTokens, sample_tokens
from accord.records import Sampling

__all__ = ["Engine", "Failure", "Request", "Token"]

End = Literal["eos", "length", "stop"]
FULL = 512  # tokens of prompts from which on computing more of them together gains nothing on a CPU
PADDED = 0.9  # of the longest of such prompts; shorter ones are computed by themselves
SPLIT = 8  # tokens more, for a character that begins before and for tokens that are no text


@dataclass(frozen=True)
class Request:
    """A prompt (token ids) to be continued. `key` is the caller's own name for it.

    `stream` says which of the random streams of `sampling.seed` is used: give every sample of a prompt its own. `top`
    likeliest tokens are reported at each position. Where several ask, `owner` says who: slots are shared among them,
    and none has all of them. None takes what is free.
    """

    key: Hashable
    prompt: tuple[int, ...]
    sampling: Sampling
    stream: int | tuple[int, ...] = 0
    top: int = 0
    owner: Hashable = None


@dataclass(frozen=True)
class Failure:
    """A request that cannot be written any further, and why. Nothing more comes of it."""

    key: Hashable
    error: ModelError


@dataclass(frozen=True)
class Token:
    """One token of a request, its log-probability and the likeliest there; `end` of the last says why it ended.

    `value` is what a head reads from the state before it, where the engine was given one. `weights` names those that
    wrote it, where the engine was told their name.
    """

    key: Hashable
    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()
    end: End | None = None
    weights: str = ""
    value: float | None = None


@dataclass
class _Running:
    """A request in a slot. `sequence` is all of it so far, prompt included."""

    request: Request
    sequence: list[int]
    uniforms: list[float] = field(repr=False)

    @property
    def written(self) -> int:
        return len(self.sequence) - len(self.request.prompt)


class Engine:
    """Writes for many requests at once, `slots` of them at a time. `steps` counts the steps taken.

    The weights may be read when it is made alone: make a new one when they have moved. `weights` is their name.
    `head` (of one output) reads a value from the state before every token.
    """

    def __init__(
        self,
        causal: CausalModel,
        *,
        slots: int = 32,
        length: int = 256,
        weights: str = "",
        head: nn.Linear | None = None,
    ) -> None:
        if slots < 1:
            raise ValueError(f"{slots} slots; one at least is needed")
        self.causal, self.weights, self._head = causal, weights, head
        self.steps = 0
        self._fast = self._decoder = build_decoder(causal)
        self._ends = causal.end_ids
        self._prefill_tokens = prefill_tokens(causal)
        self._cache = KVCache(slots, length)
        self._waiting: dict[Hashable, deque[Request]] = {}
        self._running: list[_Running] = []
        self._wanted: Counter[tuple[int, ...]] = Counter()
        self._prompts: dict[tuple[int, ...], tuple[Tensor, Tensor]] = {}

    @property
    def busy(self) -> bool:
        """Whether something waits or runs."""
        return bool(self._waiting or self._running)

    def check(self, request: Request) -> None:
        """Raise `ModelError` where the prompt is empty, has an unknown token, or leaves no room for `max_tokens`."""
        self.check_prompt(request.prompt, request.sampling.max_tokens)

    def check_prompt(self, prompt: Sequence[int], max_tokens: int) -> None:
        """Raise `ModelError` where a prompt is empty, has an unknown token, or leaves no room for so many tokens."""
        vocabulary = self.causal.vocabulary
        if not prompt:
            raise ModelError("an empty prompt; give one token at least")
        if len(prompt) + max_tokens > self.causal.context:
            raise ModelError(
                f"{len(prompt)} tokens and {max_tokens} to write exceed the context of "
                f"{self.causal.context}; shorten the prompt or lower max_tokens"
            )
        if not 0 <= min(prompt) <= max(prompt) < vocabulary:
            raise ModelError(f"the prompt has a token id outside the vocabulary of {vocabulary}")

    def submit(self, request: Request) -> None:
        """Put a request in the queue. Raises `ModelError` as `check` does."""
        self.check(request)
        if len(request.prompt) + request.sampling.max_tokens > self.causal.switch:
            # All keys of such a sequence are turned anew when it has become that long, so that none can be kept.
            self._decoder = UncachedDecoder(self.causal)
        self._waiting.setdefault(request.owner, deque()).append(request)
        self._wanted[request.prompt] += 1

    def cancel(self, key: Hashable) -> None:
        """Drop the requests of this key, waiting or running; none is no error."""
        for owner, queue in list(self._waiting.items()):
            dropped = [request for request in queue if request.key == key]
            for request in dropped:
                queue.remove(request)
                self._forget(request)
            if not queue:
                del self._waiting[owner]
        for slot in reversed(range(len(self._running))):
            if self._running[slot].request.key == key:
                self._release(slot)
        self._rest()

    @torch.no_grad()
    def step(self) -> list[Token | Failure]:
        """One token for every running request, those included that find a free slot now.

        A request whose logits are not finite, or for whose prompt the memory does not suffice, fails alone.
        """
        rows = []
        if self._running:
            rows.append(self._decoder.step(self._cache, [running.sequence for running in self._running]))
        started, failed = self._admit()
        rows += started
        if not rows:
            self._rest()
            return [*failed]
        self.steps += 1
        hidden_aD = torch.cat(rows)
        logits_aV = self._decoder.logits(hidden_aD)
        uniform_a = torch.tensor(
            [running.uniforms[running.written] for running in self._running],
            dtype=torch.float64,
            device=logits_aV.device,
        )
        kernels = drawing_kernels(logits_aV.dtype) if self.causal.kernels and logits_aV.device.type == "cpu" else None
        sampled = sample_tokens(logits_aV, [running.request.sampling for running in self._running], uniform_a, kernels)
        results = self._take(sampled, logits_aV, self._values(hidden_aD))
        for slot in reversed([slot for slot, out in enumerate(results) if isinstance(out, Failure) or out.end]):
            self._release(slot)
        return [*failed, *results]

    def _values(self, hidden_aD: Tensor) -> Sequence[float | None]:
        """What the head reads from the states; nothing where there is none."""
        if self._head is None:
            return [None] * len(hidden_aD)
        values: list[float] = self._head(hidden_aD.float())[:, 0].tolist()
        return values

    def _take(self, sampled: SampledTokens, logits_aV: Tensor, values: Sequence[float | None]) -> list[Token | Failure]:
        """Append what was sampled to each running sequence."""
        results: list[Token | Failure] = []
        draws = zip(self._running, sampled.token_S.tolist(), sampled.logprob_S.tolist(), values, strict=True)
        for slot, (running, token, logprob, value) in enumerate(draws):
            request = running.request
            if not math.isfinite(logprob):
                results.append(Failure(request.key, self._not_finite()))
                continue
            running.sequence.append(token)
            top = self._likeliest(request, logits_aV[slot], sampled.total_S[slot]) if request.top else ()
            results.append(Token(request.key, token, logprob, top, self._end(running), self.weights, value))
        return results

    def _not_finite(self) -> ModelError:
        return ModelError(f"{self.causal.name}: its logits are not finite, so nothing can be sampled from it")

    def _end(self, running: _Running) -> End | None:
        request = running.request
        if running.sequence[-1] in self._ends:
            return "eos"
        if stops := request.sampling.stop:
            sequence = running.sequence
            first = len(sequence) - min(running.written, _reach(stops))
            text = text_after(self.causal.tokenizer, sequence[max(0, first - CONTEXT) : first], sequence[first:])
            if any(stop in text for stop in stops):
                return "stop"
        return "length" if running.written >= request.sampling.max_tokens else None

    @staticmethod
    def _likeliest(request: Request, logits_V: Tensor, total: Tensor) -> tuple[tuple[int, float], ...]:
        score_V = logits_V.float() / max(request.sampling.temperature or 1.0, COLDEST)
        likeliest = (score_V - total).topk(min(request.top, len(score_V)))
        return tuple(zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True))

    def _admit(self) -> tuple[list[Tensor], list[Failure]]:
        """Start waiting requests in the free slots: states after their prompts, and those that could not be started."""
        starting = self._starting()
        unknown = dict.fromkeys(request.prompt for request in starting if request.prompt not in self._prompts)
        refused = self._prefill(list(unknown))
        failed = [self._refuse(request, refused[request.prompt]) for request in starting if request.prompt in refused]
        starting = [request for request in starting if request.prompt not in refused]
        by_prompt: dict[tuple[int, ...], list[int]] = {}
        rows = []
        for request in starting:
            by_prompt.setdefault(request.prompt, []).append(len(self._running))
            rows.append(self._prompts[request.prompt][0][None])
            self._running.append(_Running(request, list(request.prompt), _uniforms(request)))
        for prompt, slots in by_prompt.items():
            self._cache.fill(slots, self._prompts[prompt][1])
        for request in starting:
            self._forget(request)
        return rows, failed

    def _starting(self) -> list[Request]:
        """The requests that start now: one after the other of whoever has the fewest slots, as they came.

        Where something runs already, no more prompts are taken than one pass computes, so that nobody's text stands
        still for long.
        """
        slots_of = Counter(running.request.owner for running in self._running)
        starting: list[Request] = []
        prompts: set[tuple[int, ...]] = set()
        while len(self._running) + len(starting) < self._cache.count:
            able = [owner for owner in self._waiting if owner is None or slots_of[owner] < self._share]
            if not able:
                break
            owner = min(able, key=lambda owner: slots_of[owner])
            request = self._waiting[owner][0]
            new = {request.prompt} - prompts - self._prompts.keys()
            if self._running and new and prompts and sum(map(len, prompts | new)) > self._prefill_tokens:
                break
            prompts |= new
            slots_of[owner] += 1
            starting.append(self._waiting[owner].popleft())
            if not self._waiting[owner]:
                del self._waiting[owner]
        return starting

    @property
    def _share(self) -> int:
        """How many slots one owner may have: a quarter is left to others."""
        return max(1, self._cache.count - self._cache.count // 4)

    def _refuse(self, request: Request, reason: str) -> Failure:
        self._forget(request)
        return Failure(
            request.key, ModelError(f"{self.causal.name}: {len(request.prompt)} tokens of a prompt: {reason}")
        )

    def _prefill(self, prompts: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], str]:
        """Compute prompts, those of like length together; returns why some of them could not be."""
        refused: dict[tuple[int, ...], str] = {}
        together: list[tuple[int, ...]] = []
        for prompt in sorted(prompts, key=len, reverse=True):
            if together and (
                (len(together) + 1) * len(together[0]) > self._prefill_tokens or self._is_shorter(prompt, together)
            ):
                refused |= self._compute(together)
                together = []
            together.append(prompt)
        return refused | self._compute(together)

    def _is_shorter(self, prompt: Sequence[int], together: Sequence[Sequence[int]]) -> bool:
        """Whether a prompt is better computed apart from longer ones: on a CPU, where padding costs what tokens do."""
        padded = len(together) * len(together[0])
        is_full = self.causal.device.type == "cpu" and padded >= FULL
        return is_full and len(prompt) < PADDED * len(together[0])

    def _compute(self, prompts: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], str]:
        """Compute prompts in one pass, or each alone where that fails: then those that fail alone, and why."""
        if not prompts:
            return {}
        try:
            self._prompts.update(zip(prompts, self._decoder.prefill(prompts), strict=True))
        except (RuntimeError, MemoryError) as error:  # as torch says that memory is short
            if len(prompts) == 1:
                return {prompts[0]: str(error).partition("\n")[0]}
            return {prompt: why for each in prompts for prompt, why in self._compute([each]).items()}
        return {}

    def _forget(self, request: Request) -> None:
        """One request fewer waits for its prompt; the last one lets it go."""
        self._wanted[request.prompt] -= 1
        if not self._wanted[request.prompt]:
            del self._wanted[request.prompt]
            self._prompts.pop(request.prompt, None)

    def _release(self, slot: int) -> None:
        """Free a slot: the last running sequence moves into it."""
        last = self._running.pop()
        if slot < len(self._running):
            self._cache.move(len(self._running), slot, len(last.sequence))
            self._running[slot] = last
        if not self._running:
            self._cache.clear()
        self._rest()

    def _rest(self) -> None:
        """Where nothing waits or runs, what comes next may be short again."""
        if not self.busy:
            self._decoder = self._fast


def _reach(stop: Sequence[str]) -> int:
    """How many of the last tokens can hold a stop string that the last of them completed: a byte each at least."""
    return max(len(string.encode()) for string in stop) + SPLIT


def _uniforms(request: Request) -> list[float]:
    """Numbers in [0, 1) for each token, from the seed and the stream."""
    # The stream goes into the spawn key: a plain tuple of numbers runs together, and streams of two seeds could meet.
    stream = request.stream if isinstance(request.stream, tuple) else (request.stream,)
    sequence = np.random.SeedSequence((request.sampling.seed or 0) % (1 << 64), spawn_key=stream)
    uniforms: list[float] = np.random.default_rng(sequence).random(request.sampling.max_tokens).tolist()
    return uniforms
