"""Where an answer begins and ends: conversations as a model's chat template writes them, as token ids and back.

    rendered      header user ... header assistant | opening | answer | end | what follows
    prompt        up to the first bar: what `add_generation_prompt` gives
    completion    opening, answer, end: what is learnt, and what a sampler writes

The template says all of it. It is tried on conversations of one and several turns, with and without a system text, and
their whole rendering is held against prompt and completion: what differs is laid out as the template has it, or
refused with the difference. The end that is taught is the first control token that the template writes after an answer;
those of the model's configuration end a text as well.
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from accord.errors import ModelError
from accord.lm.chat_messages import template_message
from accord.lm.chat_template import asks_for_the_date, is_fixed, without_control
from accord.lm.marks import Marks, control_tokens
from accord.lm.token_reach import CONTEXT, INCOMPLETE, reach_of_tokens
from accord.records import Completion, Message, Prompt, Sample

__all__ = ["CONTEXT", "Conversation", "configured_ends", "text_after"]

ANSWER = "It is a lake."
TALKS: tuple[tuple[Message, ...], ...] = (
    (Message(role="user", content="What is it?"),),
    (Message(role="system", content="Be brief."), Message(role="user", content="Say more")),
    (
        Message(role="user", content="What is it?"),
        Message(role="assistant", content="A question."),
        Message(role="user", content="Say more"),
    ),
    (
        Message(role="system", content="Be brief."),
        Message(role="user", content="What is it?"),
        Message(role="assistant", content="A question."),
        Message(role="user", content="Say more"),
    ),
)
"""What a template is tried on. It may refuse roles, but it must not write an answer otherwise than it is laid out."""


@dataclass(frozen=True)
class Layout:
    """What the template writes around an answer.

    anchor    what stands before every answer, as far as it is the same: the end of every prompt
    header    what has to be added to a prompt, because the template writes it before an answer alone
    opening   what stands between prompt and answer
    closing   what stands between the answer and its end
    mark      the control token that ends it, as the template writes it; empty where it writes none
    end       its id, or that of the tokenizer's own end
    """

    anchor: str
    header: str
    opening: str
    closing: str
    mark: str
    end: int


def configured_ends(*configurations: Any) -> tuple[int, ...]:
    """The end tokens that configurations of a model name, in order; a list, a number or nothing each.

    Raises `ModelError` where one names something else.
    """
    found: list[int] = []
    for configuration in configurations:
        ends = getattr(configuration, "eos_token_id", None)
        ends = [] if ends is None else ends if isinstance(ends, list | tuple) else [ends]
        if not all(isinstance(end, int) for end in ends):
            raise ModelError(f"eos_token_id of its configuration is {ends!r}; give a token id, or a list of them")
        found += ends
    return tuple(dict.fromkeys(found))


def text_after(tokenizer: PreTrainedTokenizerBase, before: Sequence[int], token_ids: Sequence[int]) -> str:
    """The text that `token_ids` add after `before`, control tokens and outer white space included."""
    context = list(before[-CONTEXT:])
    head, whole = (_decode(tokenizer, ids) for ids in (context, [*context, *token_ids]))
    shared = head.rstrip(INCOMPLETE)  # bytes at its end may become a character by what follows
    return whole[len(head) :] if whole.startswith(head) else whole[len(shared) :]


class Conversation:
    """The conversations of one tokenizer. `configured` are the end tokens that the model's configuration names.

    Raises `ModelError` at the first use of what the template cannot give.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, name: str, configured: Sequence[int] = ()) -> None:
        self.tokenizer, self.name = tokenizer, name
        self.template = tokenizer.chat_template
        self._configured = tuple(configured)

    @property
    def is_dated(self) -> bool:
        """Whether the template writes the day on which it is asked."""
        return isinstance(self.template, str) and asks_for_the_date(self.template) and not is_fixed(self.template)

    # -- ends --------------------------------------------------------------------------------------------

    @property
    def end(self) -> int:
        """The token that ends an answer: the one that the template writes; without a template the tokenizer's own.

        Raises `ModelError` where there is none, or the template cannot be laid out.
        """
        return self._own_end() if self.template is None else self.layout.end

    @cached_property
    def ends(self) -> frozenset[int]:
        """Every token that ends a text: the template's, the tokenizer's, those of the model's configuration.

        Raises `ModelError` where there is none.
        """
        ends = set(self._configured)
        eos = self.tokenizer.eos_token_id
        if isinstance(eos, int):
            ends.add(eos)
        if self.template is not None and not self.problem:
            ends.add(self.layout.end)
        return frozenset(ends or {self._own_end()})

    def _own_end(self) -> int:
        for end in (self.tokenizer.eos_token_id, *self._configured):
            if isinstance(end, int):
                return end
        raise ModelError(f"{self.name}: its tokenizer has no end-of-sequence token, so nothing could ever stop")

    # -- token ids ---------------------------------------------------------------------------------------

    def encode_prompt(self, prompt: Prompt) -> list[int]:
        """Token ids of a conversation, ready for the answer. Raises `ModelError` where the template refuses it."""
        return self._ids(self._prompt_text(prompt.messages))

    def encode_whole(self, prompt: Prompt, text: str) -> list[int]:
        """Token ids of a conversation with its answer, all of it as the template writes it.

        Raises `ModelError` where there is no template, or it refuses the messages.
        """
        talk = (*prompt.messages, Message(role="assistant", content=text))
        return self._ids(self._render([self._hidden(message) for message in talk]))

    def encode_completion(self, text: str, *, ended: bool = True) -> list[int]:
        """Token ids of an answer that was not sampled here.

        Where it was cut off (`ended` is false) no end follows, and half a character at its end is left out.
        """
        layout = self.layout
        if not ended:
            text = text.rstrip(INCOMPLETE)
        opening = layout.opening if self._opens(text) else ""
        closing = layout.closing if ended else ""
        ids = self._after_anchor(f"{opening}{self._marks.hidden(text)}{closing}")
        return [*ids, layout.end] if ended else ids

    def encode_answer(self, completion: Completion) -> list[int]:
        """Token ids of a completion: those that were sampled, where they are of this tokenizer; else its text's.

        What was cut off by the limit has no end. Without a `finish_reason` that is told from the ids and the limit.
        """
        ids = completion.token_ids or ()
        if not ids or not self._is_own(completion):
            return self.encode_completion(completion.text, ended=not _cut(completion))
        if ids[-1] in self.ends or completion.finish_reason == "stop":
            return list(ids)
        return self.whole_characters(ids) if _cut(completion) else [*ids, self.layout.end]

    def whole_characters(self, token_ids: Sequence[int]) -> list[int]:
        """What was cut off, without the bytes at its end that are no whole character."""
        ids = list(token_ids)
        for size in range(len(ids), max(0, len(ids) - 4), -1):
            if not _decode(self.tokenizer, ids[:size]).endswith(INCOMPLETE):
                return ids[:size]
        return ids

    # -- texts -------------------------------------------------------------------------------------------

    def text(self, token_ids: Sequence[int]) -> str:
        """What was written, without the token that ended it: outer white space and control tokens are part of it.

        What the template writes around every answer is not.
        """
        text = self._written(token_ids)
        if self.template is None or self.problem:
            return text
        text = text.removeprefix(self.layout.opening)
        return text.removesuffix(self.layout.closing) if self._ended(token_ids) else text

    def text_of(self, sample: Sample, stop: Sequence[str] = ()) -> str:
        """The text of a sample: before its stop string, and without half a character where the limit cut it off."""
        if sample.finish_reason == "length":
            return self.text(self.whole_characters(sample.token_ids))
        text = self.text(sample.token_ids)
        if sample.finish_reason == "stop":
            return text[: min((place for each in stop if (place := text.find(each)) >= 0), default=len(text))]
        return text

    def reaches(self, token_ids: Sequence[int]) -> list[int]:
        """How long the text is with the tokens up to and with each, in time that grows with it (`reach_of_tokens`)."""
        whole, text = self._written(token_ids), self.text(token_ids)
        ids, opened = list(token_ids[:-1] if self._ended(token_ids) else token_ids), whole.index(text)
        behind_prompt = self.template is not None and not self.problem and self._in_context
        before = self._anchor_ids[-CONTEXT:] if behind_prompt else []
        reached = reach_of_tokens(lambda some: _decode(self.tokenizer, some), before, ids, whole)
        reached += [len(whole)] * (len(token_ids) - len(ids))  # the end adds nothing
        return [min(len(text), max(0, reach - opened)) for reach in reached]

    def _written(self, token_ids: Sequence[int]) -> str:
        """The text with what the template writes around it."""
        ids = list(token_ids[:-1] if self._ended(token_ids) else token_ids)
        if self.template is None or self.problem or not self._in_context:
            return _decode(self.tokenizer, ids)
        return text_after(self.tokenizer, self._anchor_ids, ids)

    def _ended(self, token_ids: Sequence[int]) -> bool:
        return bool(token_ids) and token_ids[-1] in self.ends

    # -- what the template writes ------------------------------------------------------------------------

    @property
    def layout(self) -> Layout:
        """What the template writes around an answer. Raises `ModelError` where it cannot be learnt as it is."""
        if self.problem:
            raise ModelError(f"{self.name}: {self.problem}")
        assert self._laid_out is not None
        return self._laid_out

    @property
    def problem(self) -> str:
        """Why answers cannot be laid out; empty where they can."""
        return self._tried[1]

    @property
    def _laid_out(self) -> Layout | None:
        return self._tried[0]

    @cached_property
    def _tried(self) -> tuple[Layout | None, str]:
        """The layout, or what is wrong."""
        try:
            layout = self._lay_out()
        except ModelError as error:
            return None, str(error).removeprefix(f"{self.name}: ")
        if layout.header:
            warnings.warn(
                f"{self.name}: its chat template does not heed add_generation_prompt; {layout.header!r}, which it "
                "writes before an answer, is added to every prompt",
                stacklevel=4,
            )
        return layout, self._difference(layout)

    def _lay_out(self) -> Layout:
        """Read the layout from a conversation of one turn."""
        prompt, plain = (self._render(TALKS[0], generation=generation) for generation in (True, False))
        whole = self._render((*TALKS[0], Message(role="assistant", content=ANSWER)))
        before, found, after = whole.rpartition(ANSWER)
        if not found:
            raise ModelError(f"{self.name}: its chat template leaves the assistant's answer out; give a chat_template")
        if not before.startswith(prompt):
            raise ModelError(
                f"{self.name}: its chat template writes {_end_of(before)!r} before an answer, but ends a prompt with "
                f"{_end_of(prompt)!r}; set template_arguments, or give a chat_template, by which both are the same"
            )
        opening, header = before[len(prompt) :], ""
        if prompt == plain and opening.strip():
            opening, header = "", opening
        closing, mark, end = self._end_in(after)
        asked, other = (
            self._render((Message(role="user", content=text),), generation=True, asked=True)
            for text in ("What is it?", "Say more")
        )
        return Layout(_shared_end(asked, other) + header, header, opening, closing, mark, end)

    def _end_in(self, after: str) -> tuple[str, str, int]:
        """What the template writes after an answer up to its end, and that end; the tokenizer's where it writes none.

        Raises `ModelError` where it writes text there and no control token.
        """
        ids = {token: number for token, number in self._control_tokens.items() if token in after}
        if ids:
            token = min(ids, key=lambda each: (after.index(each), -len(each)))
            return after[: after.index(token)], token, ids[token]
        if after.strip():
            raise ModelError(
                f"{self.name}: its chat template ends an answer with {after!r}, which has none of the tokenizer's "
                "special tokens, so no end can be taught; write {{ eos_token }} there"
            )
        return "", "", self._own_end()

    def _difference(self, layout: Layout) -> str:
        """Where the template writes a conversation otherwise than it is laid out; empty where it does nowhere."""
        for talk in TALKS:
            try:
                prompt = self._render(talk, generation=True)
                whole = self._render((*talk, Message(role="assistant", content=ANSWER)))
            except ModelError:  # it refuses a role: whoever uses one is told
                continue
            laid = f"{prompt}{layout.header}{layout.opening}{ANSWER}{layout.closing}{layout.mark}"
            if not whole.startswith(laid):
                place = max(0, _shared(laid, whole) - 20)
                turns = "several turns" if any(message.role == "assistant" for message in talk) else "one turn"
                return (
                    f"its chat template writes a conversation of {turns} otherwise than prompt, answer and end: "
                    f"{whole[place : place + 60]!r}, not {laid[place : place + 60]!r}; set another chat_template"
                )
        return ""

    @cached_property
    def _control_tokens(self) -> dict[str, int]:
        scaffold = "" if self.template is None else "".join(self._render_if_any(talk) for talk in TALKS)
        return control_tokens(self.tokenizer, scaffold)

    def _render_if_any(self, talk: Sequence[Message]) -> str:
        try:
            return self._render(talk, generation=True)
        except ModelError:
            return ""

    @cached_property
    def _marks(self) -> Marks:
        return Marks(self.tokenizer, self._control_tokens, self.name)

    def _hidden(self, message: Message) -> Message:
        calls = message.tool_calls and tuple(
            call.model_copy(update={"arguments": self._marks.hidden(call.arguments)}) for call in message.tool_calls
        )
        return message.model_copy(update={"content": self._marks.hidden(message.content), "tool_calls": calls})

    def _prompt_text(self, messages: Sequence[Message]) -> str:
        """The conversation as the template writes it, up to the answer, with stand-ins for the marks of its texts."""
        if self.template is None:
            raise ModelError(
                f"{self.name}: its tokenizer has no chat template; set chat_template, or use an instruct model"
            )
        text = self._render([self._hidden(message) for message in messages], generation=True, asked=True)
        return text if self._laid_out is None else text + self._laid_out.header

    def _render(self, messages: Sequence[Message], *, generation: bool = False, asked: bool = False) -> str:
        """A conversation as the template writes it; `asked` includes a control that ends every prompt.

        Raises `ModelError` where there is no template, or it refuses the messages.
        """
        if self.template is None:
            raise ModelError(
                f"{self.name}: its tokenizer has no chat template; set chat_template, or use an instruct model"
            )
        turns = [template_message(message) for message in messages]
        plain = without_control(self.template) if isinstance(self.template, str) and not asked else None
        try:
            text = self.tokenizer.apply_chat_template(
                turns, chat_template=plain, tokenize=False, add_generation_prompt=generation
            )
        except (TemplateError, TypeError, ValueError) as error:
            roles = " ".join(message.role for message in messages)
            remedy = (
                "put the system text into the user's first message"
                if messages[0].role == "system"
                else "take these messages out"
            )
            raise ModelError(
                f"{self.name}: its chat template refuses messages of the roles {roles} ({error}); {remedy}, or set a "
                "chat_template that takes them"
            ) from error
        return str(text)

    def _ids(self, text: str) -> list[int]:
        """A rendered conversation from its beginning as token ids."""
        ids = self._marks.encode(text)
        # Most templates write BOS themselves, so letting the tokenizer add it would double it.
        bos = self.tokenizer.bos_token_id
        if bos is not None and ids[:1] != [bos] and self.tokenizer("")["input_ids"][:1] == [bos]:
            return [bos, *ids]
        return ids

    def _opens(self, text: str) -> bool:
        """Whether the template writes its opening before this answer: one that has it, or its like, gets no other."""
        if not self.layout.opening.strip():
            return True
        whole = self._render((*TALKS[0], Message(role="assistant", content=text)))
        written = whole[len(self._render(TALKS[0], generation=True)) :]
        return written.startswith(self.layout.opening + text) or not written.startswith(
            f"{text}{self.layout.closing}{self.layout.mark}"
        )

    @cached_property
    def _anchor_ids(self) -> list[int]:
        return self._marks.encode(self.layout.anchor)

    def _after_anchor(self, text: str) -> list[int]:
        """Token ids of a text as it stands behind the end of a prompt.

        Where a piece would reach over both, prompt and answer are tokenized each alone, as a sampler has them.
        """
        anchor = self._anchor_ids
        ids = self._marks.encode(self.layout.anchor + text)
        return ids[len(anchor) :] if ids[: len(anchor)] == anchor else self._marks.encode(text)

    @cached_property
    def _in_context(self) -> bool:
        """Whether a text comes back as it was when it is decoded behind the end of a prompt."""
        ids = self._after_anchor(ANSWER)
        return text_after(self.tokenizer, self._anchor_ids, ids) == ANSWER

    def _is_own(self, completion: Completion) -> bool:
        """Whether the token ids of a completion are of this tokenizer: they then give its text."""
        ids = completion.token_ids or ()
        if max(ids) >= len(self.tokenizer):
            return False
        text = self.text(ids)
        if completion.finish_reason == "stop":
            return text.startswith(completion.text)
        # Earlier versions kept texts without their outer white space.
        return completion.text.strip() in {text.strip(), self.text(self.whole_characters(ids)).strip()}


def _cut(completion: Completion) -> bool:
    """Whether the limit cut a completion off; told from its length where nothing says so."""
    if completion.finish_reason is not None:
        return completion.finish_reason == "length"
    ids, sampling = completion.token_ids, completion.sampling
    return ids is not None and sampling is not None and len(ids) >= sampling.max_tokens


def _decode(tokenizer: PreTrainedTokenizerBase, token_ids: Iterable[int]) -> str:
    return str(tokenizer.decode(list(token_ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _shared(one: str, other: str) -> int:
    """How many characters at the start of both are the same."""
    places = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(places, min(len(one), len(other)))


def _shared_end(one: str, other: str) -> str:
    """The longest end of both."""
    return one[len(one) - _shared(one[::-1], other[::-1]) :]


def _end_of(text: str) -> str:
    return text[-40:]
