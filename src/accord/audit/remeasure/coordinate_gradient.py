"""A suffix by which a model is led to begin as it should not: greedy coordinate gradient (Zou et al. 2023, 2307.15043).

The loss is the mean negative log-likelihood of the target's tokens after the request and the suffix. In a step
(algorithm 1) its gradient at the one-hot vectors of the suffix says which tokens would lower it most at each place, to
first order; candidates exchange one of them at a random place; all their losses are computed, and the lowest is gone
on from. The best suffix of all steps is given back.

A suffix is sent as text, so candidates whose text would be tokenized to other ids are passed over, and so are tokens
that are not printable ASCII.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.logprobs import completion_logprobs

__all__ = ["Suffix", "SuffixSearch", "SuffixTask", "printable_tokens"]

FIRST = (" !", "!", " x", "x")  # what every place of a suffix begins as: the first that stays itself as text
STEEPEST = 32  # tokens of each place, those of the steepest descent, of which one is drawn
DRAWS = 100  # suffixes drawn at random to begin with, where no token can be repeated
TRIES = 4  # draws for each candidate, of which the first that stays itself as text is taken


@dataclass(frozen=True)
class Suffix:
    """A suffix as text, the loss of the target behind it (nats a token), and how many suffixes were evaluated."""

    text: str
    loss: float
    evaluations: int


@dataclass(frozen=True)
class SuffixTask:
    """What a suffix is to bring about.

    causal    the model
    prompt    token ids of the whole prompt whose user's message ends with the text that is handed over
    target    how the answer is to begin
    """

    causal: CausalModel
    prompt: Callable[[str], Sequence[int]]
    target: str

    def losses(self, suffixes: Sequence[str]) -> list[float]:
        """The loss of each suffix, nats a target token."""
        target = self.target_ids
        prompts = [self.prompt(suffix) for suffix in suffixes]
        logprobs = completion_logprobs(self.causal, prompts, [target] * len(prompts))
        return [-float(logprob_T.mean()) for logprob_T in logprobs]

    @property
    def target_ids(self) -> list[int]:
        """The target's token ids, without an end: an answer may go on."""
        return self.causal.conversation.encode_completion(self.target, ended=False)


class SuffixSearch:
    """The search over suffixes of `tokens` tokens out of `printable` for one task; `seed` decides every draw.

    Raises `ModelError` where no suffix can be told in the prompt's tokens.
    """

    def __init__(self, task: SuffixTask, printable: Mapping[int, str], *, tokens: int, seed: int) -> None:
        self.task = task
        self._random = np.random.default_rng(seed)
        self._allowed = sorted(printable)
        self._ids = self._beginning(printable, tokens)

    def run(self, steps: int, candidates: int) -> Suffix:
        """The best suffix after so many steps of so many candidates.

        Raises `ModelError` where prompt and target are longer than the model reads.
        """
        best = Suffix(self._text(self._ids), self.task.losses([self._text(self._ids)])[0], 1)
        for _ in range(steps):
            tried = self._candidates(self.gradient(), candidates)
            if not tried:
                break
            losses = self.task.losses([self._text(ids) for ids in tried])
            lowest = int(np.argmin(losses))
            self._ids, done = tried[lowest], best.evaluations + len(tried)
            lower = losses[lowest] < best.loss
            best = Suffix(self._text(tried[lowest]), losses[lowest], done) if lower else _after(best, done)
        return best

    def gradient(self) -> Tensor:
        """Of the loss at the one-hot vector of each place of the suffix, [S, V], float32."""
        causal = self.task.causal
        prompt = self.task.prompt(self._text(self._ids))
        place = _find(prompt, self._ids)
        assert place is not None
        target = self.task.target_ids
        ids_T = torch.tensor([*prompt, *target], device=causal.device)
        embed = causal.model.get_input_embeddings()
        with torch.enable_grad():
            embedded_1TD = embed(ids_T[None]).detach().requires_grad_()
            hidden_TD = causal.hidden(inputs_embeds=embedded_1TD)[0]
            logits_NV = causal.logits(hidden_TD[len(prompt) - 1 : -1])
            logprob_NV = torch.log_softmax(logits_NV, -1)
            loss = -logprob_NV.gather(1, ids_T[len(prompt) :, None]).mean()
            (gradient_1TD,) = torch.autograd.grad(loss, embedded_1TD)
        with torch.no_grad():
            table_VD = embed(torch.arange(causal.known, device=causal.device)).float()
        gradient_SV: Tensor = gradient_1TD[0, place : place + len(self._ids)].float() @ table_VD.T
        return gradient_SV

    def _candidates(self, gradient_SV: Tensor, count: int) -> list[list[int]]:
        """Suffixes with one token exchanged, each different and the same ids when it is read as text."""
        allowed = torch.tensor(self._allowed, device=gradient_SV.device)
        kept = min(STEEPEST, len(allowed))
        best_SK = allowed[gradient_SV[:, allowed].topk(kept, largest=False).indices].tolist()
        found: dict[tuple[int, ...], None] = {}
        for _ in range(count * TRIES):
            if len(found) == count:
                break
            place, choice = int(self._random.integers(len(self._ids))), int(self._random.integers(kept))
            ids = [*self._ids[:place], best_SK[place][choice], *self._ids[place + 1 :]]
            if ids != self._ids and tuple(ids) not in found and self._stays(ids):
                found[tuple(ids)] = None
        return [list(ids) for ids in found]

    def _stays(self, ids: Sequence[int]) -> bool:
        """Whether the suffix stands in the prompt with these ids when it is sent as text."""
        return _find(self.task.prompt(self._text(ids)), ids) is not None

    def _beginning(self, printable: Mapping[int, str], tokens: int) -> list[int]:
        """A suffix of one token again and again, as far as that stays itself as text; else one at random that does."""
        alike = [token for wanted in FIRST for token, text in printable.items() if text == wanted]
        for first in alike:
            if self._stays([first] * tokens):
                return [first] * tokens
        for _ in range(DRAWS if self._allowed else 0):
            drawn = [int(each) for each in self._random.choice(self._allowed, tokens)]
            if self._stays(drawn):
                return drawn
        raise ModelError(
            f"{self.task.causal.name}: no suffix of {tokens} tokens of printable ASCII stays itself in a prompt; leave "
            "[audit.attacks] white_box out"
        )

    def _text(self, ids: Sequence[int]) -> str:
        return self.task.causal.conversation.text(ids)


def _after(best: Suffix, evaluations: int) -> Suffix:
    return Suffix(best.text, best.loss, evaluations)


def printable_tokens(causal: CausalModel) -> dict[int, str]:
    """The tokens that are printable ASCII, with their texts; marks of the template are none."""
    texts = {token: causal.conversation.text([token]) for token in range(causal.known) if token not in causal.end_ids}
    special = set(causal.tokenizer.all_special_ids)
    return {
        token: text
        for token, text in texts.items()
        if token not in special and text and text.isascii() and text.isprintable()
    }


def _find(prompt: Sequence[int], ids: Sequence[int]) -> int | None:
    """Where the ids stand in the prompt for the last time."""
    prompt, ids = list(prompt), list(ids)
    for place in range(len(prompt) - len(ids), -1, -1):
        if prompt[place : place + len(ids)] == ids:
            return place
    return None
