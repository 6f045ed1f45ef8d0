"""A `Sampler` that is a server: given the policy's weights whenever they have moved, and asked for token ids.

Each answer is of the weights that were handed over, where the server says whose it is; whoever else gives it weights
meanwhile is noticed. Its first answers are held against the trainer's own log-probabilities: what is off by far, or is
of another temperature, is no sample of the policy. Where weights may be lost on their way, those of another model are
handed over before: a server that keeps some of its own would show by little as long as the policy has moved by little.
That trial finds a server that keeps much of its own; a tied head that is kept it has been seen to pass over.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import NamedTuple

import torch

from accord.errors import EndpointError
from accord.lm.causal import CausalModel
from accord.lm.endpoint import Endpoint
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.weight_files import halved
from accord.policy.servers.accord_api import AccordAPI
from accord.policy.servers.api import ServerAPI
from accord.policy.servers.replies import SampleRequest
from accord.policy.servers.settings import SamplerServer
from accord.policy.servers.sglang_api import SGLangAPI
from accord.policy.servers.vllm_api import VLLMAPI
from accord.records import Sample, Sampling
from accord.train.checkpointing import weights_digest
from accord.train.ranks import from_first

__all__ = ["HandOver", "ServerSampler"]

APIS: dict[str, type[ServerAPI]] = {"accord": AccordAPI, "vllm": VLLMAPI, "sglang": SGLangAPI}
LOST = 0.2  # nats a token by which weights that all arrived are never off
COLD = 0.05  # nats a token by which log-probabilities at another temperature must be off to be told from rounding


class HandOver(NamedTuple):
    """Weights that were handed over: bytes, and seconds until they were in place."""

    size: int
    seconds: float


class ServerSampler:
    """A `Sampler` of the weights of `causal` at a server, as they are when it is asked.

    handed_over   what the last call handed over; None where the weights had not moved, and before any call
    """

    def __init__(self, settings: SamplerServer, causal: CausalModel) -> None:
        self.settings, self.causal = settings, causal
        token = os.environ.get(settings.key)
        endpoint = Endpoint.at(settings.address(), token, timeout=settings.timeout, retries=settings.retries)
        self.api = APIS[settings.server](settings, endpoint)
        self.handed_over: HandOver | None = None
        self._checked = False

    def sample(self, prompts: Sequence[Sequence[int]], n: int, sampling: Sampling) -> list[list[Sample]]:
        """`n` samples of each prompt. Where several processes share the stage the first one asks for all.

        Raises `EndpointError` where the server cannot be reached, refuses, or answers what is no sample of the policy.
        """
        return from_first(lambda: self._sample(prompts, n, sampling))

    def _sample(self, prompts: Sequence[Sequence[int]], n: int, sampling: Sampling) -> list[list[Sample]]:
        if self.api.may_lose_weights and not self._checked:
            self._prove_hand_over(prompts[0])
        name = weights_digest(self.causal.model)
        self.handed_over = self._hand_over(name)
        request = self._request(n, sampling)

        def group(number: int) -> list[Sample]:
            raw = self.api.ask(prompts[number], number, sampling, request)
            for each in raw:
                self._check_weights(each.weights, name)
            return request.samples(raw)

        with ThreadPoolExecutor(self.settings.parallel) as threads:
            groups = list(threads.map(group, range(len(prompts))))
        self._check_weights(self.api.weights(), name)
        if not self._checked:
            self._check_distribution(prompts, groups, sampling.temperature)
            self._checked = True
        return groups

    def _request(self, n: int, sampling: Sampling) -> SampleRequest:
        return SampleRequest(
            self.api.place,
            n=n,
            max_tokens=sampling.max_tokens,
            stops=sampling.stop is not None,
            ends=frozenset(self.causal.end_ids),
            vocabulary=self.causal.vocabulary,
        )

    @torch.no_grad()
    def _prove_hand_over(self, prompt: Sequence[int]) -> None:
        """Hand half of every weight over, and see whether that is what answers. Raises `EndpointError`."""
        sampling = Sampling(max_tokens=8, seed=0)
        request = self._request(4, sampling)
        with halved(self.causal):
            self.api.put_weights(self.causal, f"half-{weights_digest(self.causal.model)}")
            group = request.samples(self.api.ask(prompt, 0, sampling, request))
            off = _mean_diff(self.causal, tuple(prompt), group, 1.0)
        if off > LOST:
            raise EndpointError(
                f"{self.api.place}: of weights that were handed over for a trial some did not arrive (its "
                f"log-probabilities are {off:.2f} nats a token from theirs); where the head is tied to the embeddings, "
                "serve the model untied: docs/sampler.md",
                may_pass=False,
            )

    def _hand_over(self, name: str) -> HandOver | None:
        """Give the server the weights of this name, unless it has them."""
        if self.api.weights() == name:
            return None
        began = monotonic()
        size = self.api.put_weights(self.causal, name)
        return HandOver(size, monotonic() - began)

    def _check_weights(self, found: object, name: str) -> None:
        """Raises `EndpointError` where a server that says whose weights it has says others."""
        if found is not None and found != name:
            raise EndpointError(
                f"{self.api.place}: the weights '{found}' answer where '{name}' were handed over; does another run use "
                "the same server?",
                may_pass=False,
            )

    @torch.no_grad()
    def _check_distribution(
        self, prompts: Sequence[Sequence[int]], groups: Sequence[Sequence[Sample]], temperature: float
    ) -> None:
        """Hold the answers to the first prompt against the trainer's log-probabilities. Raises `EndpointError`."""
        prompt, group = tuple(prompts[0]), groups[0]
        off = _mean_diff(self.causal, prompt, group, temperature or 1.0)
        plain = off if temperature in (0, 1) else _mean_diff(self.causal, prompt, group, 1.0)
        if plain < off / 2 and off > COLD:
            raise EndpointError(
                f"{self.api.place}: its log-probabilities are those at temperature 1, and texts are drawn at "
                f"{temperature:g}; start vLLM with --logprobs-mode processed_logprobs",
                may_pass=False,
            )
        if off > self.settings.max_logprob_diff:
            raise EndpointError(
                f"{self.api.place}: its log-probabilities are {off:.2f} nats a token from the trainer's, above "
                f"max_logprob_diff = {self.settings.max_logprob_diff:g}; is it the same model, whole and unquantized?",
                may_pass=False,
            )


def _mean_diff(causal: CausalModel, prompt: tuple[int, ...], group: Sequence[Sample], temperature: float) -> float:
    """Mean size of the log-ratio of a token, trainer to server, in nats."""
    answers = [TokenizedCompletion(prompt, sample.token_ids, key) for key, sample in enumerate(group)]
    total, count = 0.0, 0
    for batch in pack(causal, answers):
        tokens = token_logprobs(causal, batch, batch.hidden(causal), temperature=temperature, entropy=False)
        owners, steps = batch.owner_N.tolist(), batch.step_N.tolist()
        sampled = [group[batch.keys[owner]].logprobs[step] for owner, step in zip(owners, steps, strict=True)]
        total += float((tokens.logprob_N.cpu().double() - torch.tensor(sampled, dtype=torch.float64)).abs().sum())
        count += len(sampled)
    return total / count
