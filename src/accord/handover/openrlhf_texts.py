"""What OpenRLHF asks about: the whole text of prompt and answer, taken apart exactly or not at all.

    query     prompt and answer as one text, decoded from the tokens, with special tokens
    prompts   the prompt as it was tokenised, chat template and all (from OpenRLHF 0.6 on)
    labels    what `--data.label_key` names of the prompt's row; `accord export --format openrlhf_prompts` writes the
              messages of the prompt there, so that a reward reads what was asked and no template around it

The answer is what stands behind the prompt, without the end of sequence. Where the query does not begin with the prompt
nobody can say where the answer begins, so it is refused.
"""

from dataclasses import dataclass

from accord.errors import RecordError
from accord.feedback.formats.prompt_text import prompt_from_text
from accord.records import Message, Prompt

__all__ = ["DEFAULT_ENDS", "AnswerEnds", "AskedText", "take_apart"]

DEFAULT_ENDS = (
    "<|im_end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<end_of_turn>",
    "<|end|>",
    "<eos>",
    "</s>",
)
"""How widely used models end a text; name other ones by `--end`."""


@dataclass(frozen=True)
class AnswerEnds:
    """The texts of tokens that end an answer."""

    ends: tuple[str, ...] = DEFAULT_ENDS

    def cut(self, text: str) -> tuple[str, bool]:
        """A text without the ends that it ends with, and whether it had one; one that had none was cut by a limit."""
        whole = text
        while end := next((end for end in self.ends if end and text.endswith(end)), ""):
            text = text[: -len(end)]
        return text, text != whole


@dataclass(frozen=True)
class AskedText:
    """An answer to score, and whether an end that is known stood behind it."""

    prompt: Prompt
    text: str
    is_ended: bool


def take_apart(
    query: str, written: str, label: object, ends: AnswerEnds, *, plain: bool, place: str = "0"
) -> AskedText:
    """The prompt and the answer of one query; `written` is the prompt as it stands in it.

    With `plain` a label that holds no prompt is let pass, and what is written is taken for what the user said. Raises
    `RecordError` that names the field and the remedy where prompt or answer cannot be told.
    """
    if not query.startswith(written):
        raise RecordError(
            f"does not begin with prompts[{place}] ({_differing(query, written)}), so where the answer begins is not "
            "known; take shorter prompts or a larger --data.max_len, and a tokenizer that gives back the text that it "
            "was given",
            place=f"query[{place}]",
        )
    text, is_ended = ends.cut(query[len(written) :])
    _check_text(text, f"query[{place}]")
    return AskedText(_prompt(written, label, plain=plain, place=place), text, is_ended)


def _prompt(written: str, label: object, *, plain: bool, place: str) -> Prompt:
    if isinstance(label, str) and label.startswith('{"messages":'):
        prompt = prompt_from_text(label, f"labels[{place}]")
        if (asked := prompt.text.strip()) not in written:
            raise RecordError(
                f"ends in {asked[:60]!r}, which does not stand in prompts[{place}]; label and prompt are of two rows",
                place=f"labels[{place}]",
            )
        return prompt
    if not plain:
        raise RecordError(
            f"{label!r:.60} does not say what was asked; write the prompts by `accord export RUN --format "
            "openrlhf_prompts` and train with --data.label_key label, or start with --plain-prompts where no template "
            "is written around them",
            place=f"labels[{place}]",
        )
    _check_text(written, f"prompts[{place}]")
    return Prompt(messages=(Message(role="user", content=written),))


def _check_text(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecordError("holds half a character (a lone surrogate)", place=place) from error


def _differing(query: str, written: str) -> str:
    """Where two texts part, in words."""
    at = next(
        (i for i, (a, b) in enumerate(zip(query, written, strict=False)) if a != b), min(len(query), len(written))
    )
    return f"at letter {at}: {query[at : at + 20]!r} for {written[at : at + 20]!r}"
