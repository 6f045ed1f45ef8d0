"""Who says whether a clause holds: a model here, by the probabilities of its two answers, or one that is talked to."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred
from accord.errors import ModelError
from accord.interfaces import Chat
from accord.lm.causal import CausalModel
from accord.records import Message, Prompt, Sampling
from accord.reward.specification.clauses import NO, YES

with deferred():
    from accord.lm.logprobs import completion_logprobs

__all__ = ["ChatAnswers", "LogprobAnswers", "YesOrNo", "read_reply"]

AGAIN = f"That could not be read. Reply with one word, {YES} or {NO}."
SAMPLING = Sampling(temperature=0.0, max_tokens=8, seed=0)


class YesOrNo(Protocol):
    """Answers questions with yes or no."""

    def probability(self, questions: Sequence[Prompt]) -> NDArray[np.float64]:
        """P(yes) of each question, [N]; NaN where there is no answer that can be read."""
        ...


@dataclass(frozen=True)
class LogprobAnswers:
    """A model of one's own: P(yes) = F(log P("Yes") - log P("No")), each as a whole reply, with its end."""

    causal: CausalModel

    def probability(self, questions: Sequence[Prompt]) -> NDArray[np.float64]:
        """Raises `ModelError` where a question is longer than the model's context."""
        prompts = [self.causal.encode_prompt(question) for question in questions]
        yes, no = self.causal.encode_completion(YES), self.causal.encode_completion(NO)
        longest = max(map(len, prompts), default=0) + max(len(yes), len(no))
        if longest > self.causal.context:
            raise ModelError(
                f"{self.causal.name}: a question about a completion has {longest} tokens, more than the context of "
                f"{self.causal.context}; show fewer examples, write shorter completions, or take another judge model"
            )
        twice = [prompt for prompt in prompts for _ in range(2)]
        logprobs = completion_logprobs(self.causal, twice, [yes, no] * len(prompts))
        sum_N2 = np.array([float(each.double().sum()) for each in logprobs]).reshape(-1, 2)
        probability_N: NDArray[np.float64] = 1 / (1 + np.exp(np.clip(sum_N2[:, 1] - sum_N2[:, 0], -700, 700)))
        return probability_N


@dataclass(frozen=True)
class ChatAnswers:
    """A model that is talked to: 1 or 0 as it says, asked a second time where its reply cannot be read."""

    chat: Chat
    parallel: int = 8
    sampling: Sampling = SAMPLING

    def probability(self, questions: Sequence[Prompt]) -> NDArray[np.float64]:
        """Raises `ModelError` where the model gives no reply at all."""
        with ThreadPoolExecutor(self.parallel) as threads:
            return np.array(list(threads.map(self._answer, questions)), dtype=np.float64)

    def _answer(self, question: Prompt) -> float:
        reply = self.chat.reply(question, self.sampling).text
        if (holds := read_reply(reply)) is None:
            messages = (*question.messages, Message(role="assistant", content=reply or "..."))
            again = Prompt(messages=(*messages, Message(role="user", content=AGAIN)))
            holds = read_reply(self.chat.reply(again, self.sampling).text)
        return float("nan") if holds is None else float(holds)


def read_reply(reply: str) -> bool | None:
    """Whether a reply begins with yes or with no; None where it does neither, or says both."""
    stated = set(re.findall(r"\b(yes|no)\b", reply.lower()))
    first = re.match(r"\W*(yes|no)\b", reply.lower())
    return None if first is None or len(stated) != 1 else first[1] == "yes"
