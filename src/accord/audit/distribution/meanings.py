"""Which answers to a prompt mean the same: by their text, by the number that they end with, or by whoever is asked."""

from collections.abc import Callable, Hashable, Iterator, Sequence

from accord.artefacts import AnswerMeaning, EvaluationSample
from accord.records import Prompt
from accord.verdicts.exact_match import plain
from accord.verdicts.numbers import final_number

__all__ = ["SameMeaning", "meanings_asked", "meanings_read"]

SameMeaning = Callable[[Sequence[Prompt], Sequence[str], Sequence[str]], Sequence[bool]]
"""Whether the first text of each prompt means the same as the second."""


def meanings_read(samples: Sequence[EvaluationSample], by: str) -> Iterator[AnswerMeaning]:
    """Every sample with its class: `text` (but for case, punctuation, articles and spaces), or the `number` at its end.

    An answer without a number stands by its text.
    """
    numbers: dict[tuple[str, Hashable], int] = {}
    for sample in samples:
        number = final_number(sample.text) if by == "number" else None
        key: Hashable = plain(sample.text) if number is None else (number.value, number.percent)
        yield _row(sample, numbers.setdefault((sample.prompt, key), len(numbers)), by)


def meanings_asked(
    samples: Sequence[EvaluationSample], prompts: Sequence[Prompt], same: SameMeaning, by: str
) -> Iterator[AnswerMeaning]:
    """The same by asking whether two mean the same: each against the first of every class, as classes are found.

    Algorithm 1 of Kuhn et al. 2023 (arXiv 2302.09664). `prompts` are those of the samples, in their order. Equal texts
    are asked about once. Questions of all prompts that can be asked together are.
    """
    prompt_of = {sample.prompt: prompt for sample, prompt in zip(samples, prompts, strict=True)}
    class_of: dict[tuple[str, str], int] = {}
    texts = {name: list(dict.fromkeys(s.text for s in samples if s.prompt == name)) for name in prompt_of}
    first_of: dict[str, list[str]] = {name: [] for name in prompt_of}
    for place in range(max((len(of_prompt) for of_prompt in texts.values()), default=0)):
        new = [(name, of_prompt[place]) for name, of_prompt in texts.items() if place < len(of_prompt)]
        asked = [(name, text, number) for name, text in new for number in range(len(first_of[name]))]
        answers = (
            same(
                [prompt_of[name] for name, _, _ in asked],
                [first_of[name][number] for name, _, number in asked],
                [text for _, text, _ in asked],
            )
            if asked
            else ()
        )
        for (name, text, number), is_same in zip(asked, answers, strict=True):
            if is_same:
                class_of.setdefault((name, text), number)
        for name, text in new:
            if (name, text) not in class_of:
                class_of[name, text] = len(first_of[name])
                first_of[name].append(text)
    for sample in samples:
        yield _row(sample, class_of[sample.prompt, sample.text], by)


def _row(sample: EvaluationSample, meaning: int, by: str) -> AnswerMeaning:
    return AnswerMeaning(
        arm=sample.arm, prompt=sample.prompt, text=sample.text, meaning=meaning, by=by, score=sample.eval_reward
    )
