"""A model as an evaluator: asked in plain text, read strictly, once more where its reply could not be read.

What cannot be read then is `Declined`, with the reason: never a tie, never a guess. Neither log-probabilities nor
forced formats are asked for, which not every endpoint has.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from accord.collect.sources.answering import Answer
from accord.collect.sources.judge_prompt import TEMPLATE_DIGEST, JudgePrompt, Keys
from accord.collect.sources.principles import Principles
from accord.collect.study import Study
from accord.collect.study.kinds import MAX_REASON
from accord.errors import FormError
from accord.interfaces import Chat, Item
from accord.records import Declined, Evaluator, Judgement, Message, Prompt, Sampling, Usage

__all__ = ["ModelAnswerer", "Prices", "declined", "encodable", "tokens_at_most"]

READINGS = 2  # a reply, and once more where it could not be read
REPLY_SHOWN = 200  # characters of a reply that could not be read
TOKENS_A_MESSAGE, TOKENS_A_CONVERSATION = 16, 64  # that a chat template may add
TOKENS_OF_A_PROBLEM = 1_000  # of the words that say what could not be read
CUT_OFF = "It was cut off after {n} tokens."


@dataclass(frozen=True)
class Prices:
    """What a million tokens cost, those read and those written."""

    read: float
    written: float
    currency: str

    def of(self, usage: Usage) -> Usage:
        """The usage with its cost."""
        cost = (usage.input_tokens * self.read + usage.output_tokens * self.written) / 1e6
        return usage.model_copy(update={"cost": cost, "currency": self.currency})


@dataclass(frozen=True)
class ModelAnswerer:
    """An `Answerer`: a model that judges the items of a study as its people do.

    chat        the model
    place       where it is, without anything secret
    study       what is asked
    prompt      how it is asked
    sampling    how its replies are sampled
    principles  what it judges by beside the study's instructions
    prices      what its tokens cost
    """

    chat: Chat
    place: str
    study: Study
    prompt: JudgePrompt
    sampling: Sampling
    principles: Principles | None = None
    prices: Prices | None = None

    depends_on_order = True
    method = "judge"

    @cached_property
    def evaluator(self) -> Evaluator:
        """A model by its name; what would make it answer otherwise is among the attributes, long texts as digests."""
        attributes = {
            "place": self.place,
            "method": self.method,
            "template": TEMPLATE_DIGEST,
            "sampling": self.sampling.model_dump_json(exclude_none=True),
            "seed": str(self.prompt.seed),
        }
        if self.principles is not None:
            attributes["principles"] = self.principles.digest
        if self.prompt.examples:
            attributes["examples"] = hashlib.sha256(repr(self.prompt.examples).encode()).hexdigest()
        return Evaluator(kind="model", pseudonym=self.chat.name, attributes=attributes)

    def most_tokens(self, item: Item) -> int:
        """Those of a reply that could not be read, and of another."""
        messages = self.prompt.conversation(item, self.prompt.keys(item), self.principles_for(item))
        return tokens_at_most(messages, self.prompt.rules(item), self.sampling)

    def answer(self, item: Item) -> Answer:
        """The judgement that it states, at the second time of asking if need be; else `Declined`.

        Raises `ModelError` where the model gives no answer at all.
        """
        principles = self.principles_for(item)
        answer = self.converse(self.prompt, item, principles)
        return replace(answer, principle=self.principle_on_record(principles))

    def principles_for(self, item: Item) -> Sequence[str]:
        """What is told beside the study's instructions about this item."""
        return () if self.principles is None else self.principles.for_prompt(self.prompt.seed, item.prompt.id)

    def principle_on_record(self, principles: Sequence[str]) -> str | None:
        """The principle that was drawn; None where all were told, or none."""
        return principles[0] if self.principles is not None and self.principles.draw else None

    def converse(self, prompt: JudgePrompt, item: Item, principles: Sequence[str], critique: str = "") -> Answer:
        """What comes of asking about an item, with a critique beside it where there is one."""
        keys = prompt.keys(item, *principles, critique)
        messages = prompt.conversation(item, keys, principles, critique)
        usages: list[Usage | None] = []
        problem = ""
        for _ in range(READINGS):
            reading = self._reading(prompt, item, keys, messages)
            usages.append(reading.usage)
            if reading.judgement is not None:
                return Answer(reading.judgement, self._total(usages))
            problem = f"{reading.problem} It wrote: {reading.reply[:REPLY_SHOWN]!r}"
            messages = [*messages, *prompt.again(reading.reply, reading.problem, item, keys)]
        return Answer(declined(f"not read: {problem}"), self._total(usages))

    def _reading(self, prompt: JudgePrompt, item: Item, keys: Keys, messages: Sequence[Message]) -> "_Reading":
        """One reply of the model, and what it states or why that could not be read."""
        reply = self.chat.reply(Prompt(messages=tuple(messages)), self.sampling)
        if reply.finish_reason == "length":
            return _Reading(None, CUT_OFF.format(n=self.sampling.max_tokens), encodable(reply.text), reply.usage)
        try:
            judgement = prompt.read(reply.text, item, keys)
        except FormError as error:
            return _Reading(None, str(error), encodable(reply.text), reply.usage)
        return _Reading(judgement, "", "", reply.usage)

    def _total(self, usages: Sequence[Usage | None]) -> Usage | None:
        """What several requests cost together; None where it is not known of one of them."""
        counts = [usage for usage in usages if usage is not None]
        if len(counts) < len(usages):
            return None
        tokens_in, tokens_out = (
            sum(count.input_tokens for count in counts),
            sum(count.output_tokens for count in counts),
        )
        usage = Usage(input_tokens=tokens_in, output_tokens=tokens_out, requests=len(counts))
        return usage if self.prices is None else self.prices.of(usage)


class _Reading(NamedTuple):
    """A reply: what it states, or (None) the problem with it."""

    judgement: Judgement | None
    problem: str
    reply: str
    usage: Usage | None


def declined(reason: str) -> Declined:
    """An item that is not judged, with the reason as it can be kept."""
    return Declined(reason=encodable(reason).replace("\0", " ")[:MAX_REASON])


def encodable(text: str) -> str:
    """A text with a sign for every half of a character, which no UTF-8 can say."""
    return text.encode("utf-8", "replace").decode()


def tokens_at_most(messages: Sequence[Message], rules: str, sampling: Sampling) -> int:
    """How many tokens a conversation can cost, with the second time of asking.

    No tokenizer makes more tokens than a text has bytes; each reply is as long as it may be.
    """
    first_request = TOKENS_A_CONVERSATION + sum(
        TOKENS_A_MESSAGE + len(message.content.encode()) for message in messages
    )
    second_request = first_request + sampling.max_tokens + len(rules.encode()) + TOKENS_OF_A_PROBLEM
    return first_request + second_request + READINGS * sampling.max_tokens
