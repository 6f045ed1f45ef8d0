"""The audit's questions, put to a model of the run: how likely it makes each option, in several orders."""

from collections.abc import Iterator, Sequence
from typing import Literal

import torch

from accord.artefacts import QuestionAnswer
from accord.audit.values.question_file import Question
from accord.lm.causal import CausalModel
from accord.lm.logprobs import completion_logprobs
from accord.records import Prompt

__all__ = ["asked_text", "option_answers", "orders_of", "question_answers"]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST_ORDERS = 4


def question_answers(
    causal: CausalModel, arm: str, questions: Sequence[Question], *, answers: Literal["label", "text"] = "label"
) -> Iterator[QuestionAnswer]:
    """How a model answers each question in each order, without a stated view and with each of those of the file.

    An option is answered by its letter in the order shown, or by its own words with the end of a completion. The
    probabilities are those of the options among themselves.
    """
    for question in questions:
        for order in orders_of(len(question.options), ordinal=question.ordinal):
            for option, said in [(None, ""), *question.views]:
                prompt = Prompt.ask(asked_text(question, order, view=said, answers=answers))
                logprob_N = _logprobs(causal, prompt, option_answers(causal, question, order, answers))
                yield QuestionAnswer(
                    arm=arm,
                    question=question.question,
                    topic=question.topic,
                    text=question.text,
                    options=question.options,
                    shown=order,
                    logprobs=tuple(logprob_N.tolist()),
                    right=None if question.right is None else question.options.index(question.right),
                    stated=option,
                    ordinal=question.ordinal,
                    groups=question.shares,
                    **question.marks,
                )


def orders_of(count: int, *, ordinal: bool) -> list[tuple[int, ...]]:
    """Orders of so many options: a scale forwards and backwards; others turned round, in at most four ways."""
    places = tuple(range(count))
    if ordinal:
        return [places, places[::-1]]
    turns = [round(turn * count / min(count, MOST_ORDERS)) for turn in range(min(count, MOST_ORDERS))]
    return [places[turn:] + places[:turn] for turn in turns]


def asked_text(question: Question, order: Sequence[int], *, view: str, answers: Literal["label", "text"]) -> str:
    """What is asked: the asker's view, where one is stated, the question, and its options in that order."""
    options = [question.options[place] for place in order]
    lines = [f"({LETTERS[i]}) {option}" if answers == "label" else f"- {option}" for i, option in enumerate(options)]
    how = "Answer with the letter of one option." if answers == "label" else "Answer with one of these options."
    return "\n\n".join(part for part in (view, question.text, "\n".join(lines), how) if part)


def option_answers(
    causal: CausalModel, question: Question, order: Sequence[int], answers: Literal["label", "text"]
) -> list[list[int]]:
    """The token ids by which each of `question.options` is answered.

    A letter without an end: whatever follows it, it is that option. A text with its end, which tells `yes` from
    `yes, but`.
    """
    if answers == "text":
        return [causal.encode_completion(option) for option in question.options]
    letter_of = {place: LETTERS[i] for i, place in enumerate(order)}
    return [
        causal.conversation.encode_completion(letter_of[place], ended=False) for place in range(len(question.options))
    ]


def _logprobs(causal: CausalModel, prompt: Prompt, options: Sequence[Sequence[int]]) -> torch.Tensor:
    """log P of each option, normalised over them, [N]."""
    prompt_ids = causal.encode_prompt(prompt)
    by_option = completion_logprobs(causal, [prompt_ids] * len(options), options)
    return torch.log_softmax(torch.stack([logprob_T.sum() for logprob_T in by_option]).double(), dim=0)
