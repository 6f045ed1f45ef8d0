"""Contrasts of a study's prompts: written under two texts by a model, prompt by prompt, within a budget of tokens."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from accord.collect.sources.ask_counts import AskCounts, tokens_of
from accord.collect.sources.contrast import ContrastSource
from accord.collect.sources.model import Prices, encodable
from accord.collect.sources.study_items import AskedItem
from accord.collect.sources.token_budget import TokenBudget
from accord.collect.sources.work_queue import WorkQueue
from accord.collect.study import Study
from accord.errors import StudyError
from accord.feedback.store.ledger import Ledger
from accord.interfaces import Chat
from accord.records import Completion, Feedback, Prompt, Record, Sampling, Usage

__all__ = ["ContrastAsking"]

TOKENS_OF_A_TEMPLATE = 128


@dataclass
class _CountingWriter:
    """A `Writer` that talks to a model and notes what each answer cost (None where nobody counted)."""

    chat: Chat
    usages: list[Usage | None] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.chat.name

    def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
        return [[self._write(prompt, sampling) for _ in range(n)] for prompt in prompts]

    def _write(self, prompt: Prompt, sampling: Sampling) -> Completion:
        reply = self.chat.reply(prompt, sampling)
        self.usages.append(reply.usage)
        return Completion(
            prompt=prompt.id,
            text=encodable(reply.text),
            writer=self.chat.name,
            sampling=sampling,
            finish_reason=reply.finish_reason,
        )


@dataclass(frozen=True)
class ContrastAsking:
    """Every prompt of a study answered once under `plus` and once under `minus`; see `ContrastSource`.

    Settings are those of `Asking`. A contrast is feedback of a rule, named by who wrote. Raises `StudyError` for a
    study that asks for no comparison.
    """

    study: Study
    items: Sequence[AskedItem]
    plus: str
    minus: str
    chat: Chat
    ledger: Ledger
    prices: Prices | None = None
    resume: bool = False
    budget: int | None = None
    parallel: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.study.question.kind != "comparison":
            raise StudyError(f"a contrast is a comparison, and the study asks for a {self.study.question.kind}")
        if self.plus == self.minus:
            raise StudyError("the two texts of a contrast are the same; let them differ")

    def run(self) -> AskCounts:
        """Ask for what is left; raises as `Asking.run`."""
        prompts = {item.prompt.id: item for item in reversed(self.items)}
        before = {
            record.prompt: record
            for record in self.ledger.feedback_of(self._source(()).evaluator.id)
            if record.study == self.study.name
        }
        queue = deque(item for item in reversed(prompts.values()) if item.prompt.id not in before)
        counts = AskCounts(items=len(prompts), before=len(prompts) - len(queue))
        if counts.before and not self.resume:
            raise StudyError(
                f"{self.ledger.location}: {counts.before} of the {counts.items} prompts were contrasted so before; "
                f"--resume contrasts the others"
            )
        WorkQueue(
            self._most_tokens,
            self._records,
            lambda _, records: self._keep(records, counts),
            lambda item, error: counts.fail(item.place, error),
            TokenBudget(self.budget, self._tokens_on_record(before.values(), prompts)),
            self.parallel,
        ).run(queue)
        counts.left = len(queue)
        return counts

    def _tokens_on_record(self, records: Collection[Feedback], prompts: Mapping[str, AskedItem]) -> int:
        """Tokens that contrasts on record cost; as many as they can have cost at most where nobody counted."""
        counted = sum(tokens_of(record.usage) for record in records if record.usage is not None)
        names = [record.prompt for record in records if record.usage is None]
        return counted + sum(self._most_tokens(prompts[name]) for name in names if name in prompts)

    def _source(self, prompts: Sequence[Prompt], writer: _CountingWriter | None = None) -> ContrastSource:
        writer = writer or _CountingWriter(self.chat)
        name = f"contrast by {self.chat.name}"
        return ContrastSource(
            self.plus, self.minus, prompts, writer, 1, self.study.sampling, name, self.seed, self.study.name
        )

    def _most_tokens(self, item: AskedItem) -> int:
        """Each byte one, each answer as long as it may be."""
        prompt = sum(len(message.content.encode()) for message in item.prompt.messages)
        texts = len((self.plus + self.minus).encode())
        return 2 * (prompt + TOKENS_OF_A_TEMPLATE + self.study.sampling.max_tokens) + texts

    def _records(self, item: AskedItem) -> list[Record]:
        """What a prompt gives, its feedback with what the two answers cost."""
        writer = _CountingWriter(self.chat)
        records = list(self._source((item.prompt,), writer).records())
        usages = [usage for usage in writer.usages if usage is not None]
        if len(usages) < len(writer.usages):
            return records
        usage = Usage(
            input_tokens=sum(usage.input_tokens for usage in usages),
            output_tokens=sum(usage.output_tokens for usage in usages),
            requests=len(usages),
        )
        usage = usage if self.prices is None else self.prices.of(usage)
        return [
            record.model_copy(update={"usage": usage}) if isinstance(record, Feedback) else record for record in records
        ]

    def _keep(self, records: Sequence[Record], counts: AskCounts) -> int | None:
        self.ledger.extend(records)
        (feedback,) = (record for record in records if isinstance(record, Feedback))
        counts.add([feedback], "comparison")
        return None if feedback.usage is None else tokens_of(feedback.usage)
