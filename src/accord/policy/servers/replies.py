"""Samples out of what a server answers: ids as they were drawn, each with its log-probability, or one line on why not.

Nothing is encoded again: a text has many encodings, and the one that was drawn is what its log-probabilities are of.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from accord.errors import EndpointError
from accord.records import FinishReason, Sample

__all__ = ["Asked", "Drawn", "completions_of"]

ROUNDING = 1e-3  # nats by which a log-probability may be above 0
NONE = -9000.0  # vLLM writes -9999 for what has no probability
PREFIX = "token_id:"  # as vLLM spells tokens where it is asked for ids in their place


class Drawn(NamedTuple):
    """One answer of a server, unchecked: ids, log-probabilities, why it ended, the name of its weights."""

    token_ids: Any
    logprobs: Any
    finish_reason: Any
    weights: Any = None


@dataclass(frozen=True)
class Asked:
    """What answers are held against: `place` is named where they are wrong.

    ends         token ids that end a text of the policy
    vocabulary   how many token ids there are
    """

    place: str
    n: int
    max_tokens: int
    stops: bool
    ends: frozenset[int]
    vocabulary: int

    def samples(self, drawn: Sequence[Drawn]) -> list[Sample]:
        """The samples. Raises `EndpointError` where one of the answers is none, or there are not `n`."""
        if len(drawn) != self.n:
            raise self.problem(f"it gave {len(drawn)} completions where {self.n} were asked for")
        return [self._sample(each) for each in drawn]

    def problem(self, what: str) -> EndpointError:
        """What is wrong with an answer."""
        return EndpointError(f"{self.place}: {what}", may_pass=False)

    def _sample(self, drawn: Drawn) -> Sample:
        ids = self._ids(drawn.token_ids)
        logprobs = self._logprobs(drawn.logprobs, len(ids))
        return Sample(token_ids=ids, logprobs=logprobs, finish_reason=self._end(ids, drawn.finish_reason))

    def _ids(self, ids: Any) -> tuple[int, ...]:
        if ids is None:
            raise self.problem("it returns no token ids, and a text that is encoded again may be other tokens")
        if not isinstance(ids, list) or not ids or not all(type(each) is int for each in ids):
            raise self.problem("its answer has no token ids where they belong")
        if len(ids) > self.max_tokens:
            raise self.problem(f"it wrote {len(ids)} tokens where max_tokens is {self.max_tokens}")
        if bad := [each for each in ids if not 0 <= each < self.vocabulary]:
            raise self.problem(
                f"token id {bad[0]} is outside of the policy's vocabulary of {self.vocabulary}; is it the same model?"
            )
        return tuple(ids)

    def _logprobs(self, logprobs: Any, count: int) -> tuple[float, ...]:
        if not isinstance(logprobs, list):
            raise self.problem("it returns no log-probabilities")
        if len(logprobs) != count:
            raise self.problem(f"it returns {len(logprobs)} log-probabilities of {count} tokens")
        for each in logprobs:
            if type(each) not in (int, float) or not math.isfinite(each) or not NONE < each <= ROUNDING:
                raise self.problem(f"a token that was drawn has the log-probability {each!r}")
        return tuple(min(float(each), 0.0) for each in logprobs)

    def _end(self, ids: tuple[int, ...], reason: Any) -> FinishReason:
        """Why a text ended: by the policy's own end token, by a stop string, or by the limit."""
        if any(each in self.ends for each in ids[:-1]):
            raise self.problem("it goes on behind the token that ends a text of the policy; is it the same model?")
        if ids[-1] in self.ends:
            return "eos"
        if reason == "length" and len(ids) == self.max_tokens:
            return "length"
        if reason == "stop" and self.stops:
            return "stop"
        raise self.problem(
            f"a text of {len(ids)} tokens ended ({reason!r}) without an end token of the policy, a stop string or the "
            f"limit of {self.max_tokens}"
        )


def completions_of(answer: Any, model: str, asked: Asked) -> list[Drawn]:
    """What an answer of `/v1/completions` holds. Raises `EndpointError` where it is none, or another model's."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not all(isinstance(each, dict) for each in choices):
        raise asked.problem("its answer has no choices")
    if answer.get("model") != model:
        raise asked.problem(f"'{answer.get('model')}' answers where '{model}' was asked")
    by_place = {each.get("index"): each for each in choices}
    if by_place.keys() != set(range(len(choices))):
        raise asked.problem("its choices are not numbered from 0 on")
    return [_drawn(by_place[place]) for place in range(len(choices))]


def _drawn(choice: dict[str, Any]) -> Drawn:
    told = choice.get("logprobs")
    told = told if isinstance(told, dict) else {}
    ids = choice.get("token_ids")
    if ids is None:
        ids = _spelt_ids(told.get("tokens"))
    return Drawn(ids, told.get("token_logprobs"), choice.get("finish_reason"), choice.get("weights"))


def _spelt_ids(tokens: Any) -> list[int] | None:
    """Ids out of tokens that are spelt as such; None where they are spelt otherwise."""
    if not isinstance(tokens, list) or not tokens:
        return None
    digits = [str(each).removeprefix(PREFIX) for each in tokens if str(each).startswith(PREFIX)]
    return [int(each) for each in digits] if len(digits) == len(tokens) and all(map(str.isdecimal, digits)) else None
