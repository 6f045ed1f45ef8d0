"""Texts that are too long for a model that is to read them, found before anything is trained.

Every model of a recipe is asked with its own tokenizer and chat template: those that learn from texts about these, with
their prompts and their ends; those that write, or judge what is written, about prompts with the tokens that may be
written after them. What a template refuses is found on the way. No weights are loaded; of models that come with accord,
whose templates take whatever is text, nothing is where the bytes of a text say that it fits.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from accord.deferred import deferred
from accord.errors import ModelError, RecipeError
from accord.feedback import LEARNS_FROM, PAIR_KINDS, current_feedback
from accord.feedback.dataset.structured import without_acts
from accord.feedback.formats.lines import lines
from accord.lm import packaged, tiny
from accord.lm.settings import ModelSettings
from accord.policy.materials import FROM_PAIRS
from accord.recipe import Recipe
from accord.records import Completion, Correction, Demonstration, Feedback, Prompt
from accord.report.words import count
from accord.reward.kinds.classifier import Classifier

with deferred():
    from accord.lm.causal import context_of
    from accord.lm.classifier import read_classifier_tokenizer, reading_context
    from accord.lm.conversation import Conversation
    from accord.lm.loading import open_tokenizer

__all__ = ["Fitting", "Reader", "TooLong", "dated_note", "fitting", "long_texts", "readers"]

SLACK = 64  # tokens that a template may write around an answer
OWN_CONTEXTS = {tiny.NAME: tiny.CONTEXT, packaged.NAME: packaged.CONTEXT}
"""Of models that come with accord: how many tokens each reads."""
OWN_SLACK = {tiny.NAME: 16, packaged.NAME: 128}  # tokens that their templates write around a conversation at most
TURN = 16  # and around each of its messages: two marks, two line feeds, a role of up to nine bytes
NAMED = 5  # texts that are too long are named, at most


@dataclass(frozen=True)
class Reader:
    """A model that a section of a recipe opens, as far as lengths go.

    kinds    judgements whose texts it learns from
    writes   tokens that are written after prompts, by it or for it to judge; 0 where there are none
    before   what it has in front of prompts when it writes, as a system text
    slack    of one that comes with accord: tokens that its template writes around a conversation at most. It is opened
             for texts alone that may be too long, for a token is a byte at least
    """

    section: str
    open: Callable[[], Conversation]
    context: int
    kinds: frozenset[str] = frozenset()
    writes: int = 0
    before: str | None = None
    slack: int | None = None
    _prompts: dict[str, int] = field(default_factory=dict, repr=False, compare=False)
    _answers: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def conversation(self) -> Conversation:
        """Its tokenizer and chat template."""
        return self.open()

    def prompt_tokens(self, prompt: Prompt, beside: int) -> int:
        """How many tokens a prompt has, or a bound with which so many `beside` it fit in the context.

        Raises `ModelError` where the template refuses it.
        """
        if self.slack is not None and all(message.plain for message in prompt.messages):
            bound = self.slack + sum(TURN + len(message.content.encode()) for message in prompt.messages)
            if bound + beside <= self.context:
                return bound
        if prompt.id not in self._prompts:
            try:
                self._prompts[prompt.id] = len(self.conversation.encode_prompt(prompt))
            except ModelError as error:
                raise ModelError(f"recipe.{self.section}: prompt {prompt.id}: {error}") from error
        return self._prompts[prompt.id]

    def tokens(self, prompt: Prompt, completion: Completion) -> int:
        """How many tokens prompt and completion have together, or a bound that fits in the context."""
        answer = max(len(completion.text.encode()), len(completion.token_ids or ())) + SLACK
        head = self.prompt_tokens(prompt, answer)
        if head + answer <= self.context:  # a token is a byte at least
            return head + answer
        if completion.id not in self._answers:
            self._answers[completion.id] = len(self.conversation.encode_answer(completion))
        return head + self._answers[completion.id]


@dataclass(frozen=True)
class TooLong:
    """A text that does not fit: a completion, a prompt with what is to be written, a text in somebody's feedback."""

    name: str
    text: str
    tokens: int
    reader: Reader
    feedback: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.tokens:,} tokens, {self.reader.section} reads {self.reader.context:,})"


def readers(recipe: Recipe, *, local: bool = False) -> list[Reader]:
    """The models of a recipe that read texts; with `local` those alone that need not be fetched.

    Raises `ModelError` where one has no tokenizer, or its template cannot be laid out.
    """
    opened = [*_learning(recipe, local), *_writing(recipe, local)]
    for reader in opened:
        if reader.kinds and reader.slack is None and reader.conversation.problem:
            raise ModelError(f"recipe.{reader.section}: {reader.conversation.name}: {reader.conversation.problem}")
    return opened


def _learning(recipe: Recipe, local: bool) -> Iterator[Reader]:
    """Those that learn from texts of the feedback, and rewards that judge what the policy writes."""
    if recipe.sft is not None:
        yield from _reader(recipe, "sft", recipe.sft, LEARNS_FROM[recipe.data.supervised], local)
    writes = max(_written(recipe), default=0)
    for section, reward in recipe.reward_sections.items():
        if isinstance(reward, ModelSettings):
            yield from _reader(recipe, section, reward, reward.reads, local, writes=writes)
        if isinstance(reward, Classifier) and (not local or _is_here(reward.model)):
            tokenizer, configuration = read_classifier_tokenizer(
                reward.model, reward, revision=reward.revision, local=local
            )
            context = reading_context(tokenizer, configuration)
            conversation = Conversation(tokenizer, reward.model)
            yield Reader(section, partial(_itself, conversation), context, writes=writes)


def _writing(recipe: Recipe, local: bool) -> Iterator[Reader]:
    """The policy: what it learns from, and what it writes while it learns and when it is evaluated."""
    policy = recipe.policy
    if policy is None:
        return
    kinds = PAIR_KINDS if policy.needs & FROM_PAIRS else frozenset()
    if "examples" in policy.needs:
        kinds |= LEARNS_FROM[recipe.data.supervised]
    before = getattr(policy, "context", None)
    writes = max(_written(recipe), default=0)
    yield from _reader(recipe, "policy", policy, kinds, local, writes=writes, before=before)


def _written(recipe: Recipe) -> Iterator[int]:
    """The limits of what is written in a run."""
    sampling = getattr(recipe.policy, "sampling", None)
    if sampling is not None:
        yield sampling.max_tokens
    if recipe.evaluate is not None and recipe.policy is not None:
        yield recipe.evaluate.sampling.max_tokens


def _reader(
    recipe: Recipe,
    section: str,
    settings: ModelSettings,
    kinds: frozenset[str],
    local: bool,
    *,
    writes: int = 0,
    before: str | None = None,
) -> Iterator[Reader]:
    """One reader, or none where the model is not on this machine and must not be fetched."""
    base = settings.base or (recipe.sft.base if recipe.sft is not None else None)
    if base is None or (local and not _is_here(base)):
        return
    supervised = recipe.sft if settings.base is None else None
    opening = partial(_opened, base, settings, supervised, local=local)
    if local and base in OWN_CONTEXTS and not any(map(_has_template, filter(None, (settings, supervised)))):
        conversation = partial(_conversation, opening)
        yield Reader(section, conversation, OWN_CONTEXTS[base], kinds, writes, before, OWN_SLACK[base])
        return
    opened, context = opening()
    yield Reader(section, partial(_itself, opened), context, kinds, writes, before)


def _opened(
    base: str, settings: ModelSettings, supervised: ModelSettings | None, *, local: bool
) -> tuple[Conversation, int]:
    """The conversations of a model in the form of a section, and how many tokens it reads."""
    revision = settings.revision if supervised is None else supervised.revision
    trusted = settings.trust_remote_code
    tokenizer, configuration = open_tokenizer(base, revision=revision, trust_remote_code=trusted, local=local)
    if supervised is not None:
        supervised.set_template(tokenizer)  # the supervised start is saved with it
    settings.set_template(tokenizer)
    return Conversation(tokenizer, base), context_of(configuration.get_text_config())


def _conversation(opening: Callable[[], tuple[Conversation, int]]) -> Conversation:
    return opening()[0]


def _itself(conversation: Conversation) -> Conversation:
    return conversation


def _has_template(settings: ModelSettings) -> bool:
    """Whether a section has a chat template of its own, or values for one's variables."""
    return settings.chat_template is not None or bool(settings.template_arguments)


def _is_here(base: str) -> bool:
    """Whether a model is a folder, or built or kept by accord; what the hub's cache holds is not looked at."""
    return base == tiny.NAME or Path(base).is_dir() or (base == packaged.NAME and packaged.is_cached())


def dated_note(by: Sequence[Reader]) -> str:
    """That templates write the day into every conversation; empty where none does."""
    opened = [reader.conversation for reader in by if reader.slack is None]
    names = dict.fromkeys(conversation.name for conversation in opened if conversation.is_dated)
    if not names:
        return ""
    return (
        f"the chat template of {' and '.join(names)} writes today's date; a run keeps the day on which it was begun, "
        "or template_date"
    )


def long_texts(
    by: Sequence[Reader],
    feedback: Iterable[Feedback],
    prompts: Mapping[str, Prompt],
    completions: Mapping[str, Completion],
) -> list[TooLong]:
    """Every text that is too long for a reader, once for the first that cannot read it; prompts come first.

    Raises `ModelError` where a template refuses a prompt that is to be read.
    """
    if not by:
        return []
    long: dict[tuple[str, str | None], TooLong] = {}
    for reader in by:
        if reader.writes:
            for prompt in prompts.values():
                rendered = prompt if reader.before is None else prompt.with_system(reader.before)
                tokens = reader.prompt_tokens(rendered, reader.writes) + reader.writes
                if tokens > reader.context:
                    long.setdefault((prompt.id, None), TooLong(prompt.id, prompt.text, tokens, reader))
    for record in current_feedback(feedback):
        prompt = prompts[record.prompt]
        texts, written = _texts(record, completions)
        for reader in by:
            if record.judgement.kind not in reader.kinds:
                continue
            for text in texts:
                tokens = reader.tokens(prompt, text)
                if tokens > reader.context:
                    name = record.id if written else text.id
                    long.setdefault((name, record.id), TooLong(name, text.text, tokens, reader, record.id))
    return list(long.values())


def _texts(record: Feedback, completions: Mapping[str, Completion]) -> tuple[list[Completion], bool]:
    """What of a record may be learnt, and whether the evaluator wrote it."""
    if isinstance(record.judgement, Demonstration | Correction):
        return [Completion(prompt=record.prompt, text=record.judgement.text)], True
    return [completions[name] for name in record.completions], False


@dataclass(frozen=True)
class Fitting:
    """The feedback and prompts that are left; what to say of the others, empty where all fit."""

    feedback: Sequence[Feedback]
    without: frozenset[str] = frozenset()
    note: str = ""


def fitting(
    recipe: Recipe,
    feedback: Sequence[Feedback],
    prompts: Mapping[str, Prompt],
    completions: Mapping[str, Completion],
    *,
    by: Sequence[Reader] | None = None,
    source: Path | None = None,
) -> Fitting:
    """What of the feedback the models of a recipe (or those of `by`) can read, as `data.too_long` says.

    `source` is a file in which texts are looked up, so that their lines can be named. Raises `RecipeError` where texts
    are too long and are to be refused, or prompts are too long and are to be cut.
    """
    long = long_texts(readers(recipe) if by is None else by, feedback, prompts, completions)
    if not long:
        return Fitting(feedback)
    description = _described(long, source)
    rule = recipe.data.too_long
    prompt_ids = {text.name for text in long if text.feedback is None}
    if rule == "refuse" or (rule == "cut" and prompt_ids):
        cut = "" if rule == "refuse" else ' (what is asked cannot be cut: set it to "drop")'
        raise RecipeError(
            f'recipe.data.too_long: {description}; set it to "drop" or "cut", or take a model that reads more{cut}'
        )
    if rule == "cut":
        return Fitting(feedback, note=f"cut to fit, and learnt without an end: {description}")
    remaining = _without(feedback, {text.feedback for text in long}, prompt_ids)
    left_out = f"{count(len(feedback) - len(remaining), 'act')} of feedback left out: {description}"
    if not remaining:
        raise RecipeError(f"recipe.data.too_long: nothing is left; {left_out}")
    return Fitting(remaining, frozenset(prompt_ids), left_out)


def _without(feedback: Sequence[Feedback], acts: set[str | None], prompts: set[str]) -> Sequence[Feedback]:
    """The feedback without some acts and prompts."""
    return without_acts(feedback, {record.id for record in feedback if record.id in acts or record.prompt in prompts})


def _described(long: Sequence[TooLong], source: Path | None) -> str:
    """How many texts are too long, and the first of them with their places."""
    texts = list({text.name: text for text in long}.values())
    named = ", ".join(f"{text}{_place(text, source)}" for text in texts[:NAMED])
    more = f" and {len(texts) - NAMED:,} more" if len(texts) > NAMED else ""
    return f"{count(len(texts), 'text')} too long: {named}{more}"


def _place(long: TooLong, source: Path | None) -> str:
    """` at file:line`, where a line of the source holds the text as JSON."""
    if source is None:
        return ""
    marks = [json.dumps(long.text, ensure_ascii=ascii)[1:-1].encode() for ascii in (True, False)]
    return next((f" at {place}" for place, line in lines(source) if any(mark in line for mark in marks)), "")
