"""A model behind an endpoint as a judge of an evaluation: texts of the policy beside texts of its start, both orders.

It is asked as `accord ask` asks one (`collect.sources`): marks that no text can forge, replies that are read strictly
and once more. What is answered is kept at once, so that a run that is stopped pays for no pair twice; a pair without an
answer is counted and left out, and several in a row stop the stage.
"""

import hashlib
import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from accord.artefacts import (
    PAIR_READINGS,
    EvaluationSample,
    OrderReading,
    OwnEvaluation,
    PairCounts,
    PairReading,
)
from accord.collect.sources.judge_prompt import JudgePrompt
from accord.collect.sources.model import ModelAnswerer, encodable
from accord.collect.sources.token_budget import TokenBudget
from accord.collect.sources.work_queue import FAILURES_IN_A_ROW, WorkQueue
from accord.collect.study import Study
from accord.collect.study.kinds.comparison import ComparisonQuestion
from accord.errors import EndpointError, ModelError
from accord.interfaces import Chat, Item, Reply
from accord.lm.remote import EndpointWriter
from accord.recipe.judges import ModelJudge
from accord.records import Comparison, Completion, Declined, Prompt, Sampling
from accord.run import RunDirectory
from accord.stats import Estimate, rate

__all__ = ["PairJudge", "SamplePair", "pairs_of", "told_of_pairs"]

ORDERS: tuple[tuple[str, str], ...] = (("policy", "start"), ("start", "policy"))


@dataclass(frozen=True)
class SamplePair:
    """A text of the policy and one of the start, in answer to one prompt."""

    prompt: Prompt
    policy: EvaluationSample
    start: EvaluationSample

    @cached_property
    def completions(self) -> dict[str, Completion]:
        """Both as completions, by arm."""
        arms = {"policy": self.policy, "start": self.start}
        return {arm: Completion(prompt=self.prompt.id, text=sample.text) for arm, sample in arms.items()}

    @property
    def texts(self) -> tuple[str, str]:
        """The ids of both."""
        return self.completions["policy"].id, self.completions["start"].id


def pairs_of(samples: Sequence[EvaluationSample], prompts: Mapping[str, Prompt], most: int) -> list[SamplePair]:
    """The first texts of both arms to each prompt, one beside the other, `most` pairs a prompt."""
    of: dict[str, dict[str, list[EvaluationSample]]] = {}
    for sample in samples:
        of.setdefault(sample.prompt, {"policy": [], "start": []})[sample.arm].append(sample)
    return [
        SamplePair(prompts[prompt], policy, start)
        for prompt, arms in of.items()
        for policy, start in list(zip(arms["policy"], arms["start"], strict=False))[:most]
    ]


@dataclass(frozen=True)
class PairJudge:
    """A model that is asked about pairs. Raises `EndpointError` where the endpoint does not say which models it has."""

    settings: ModelJudge
    chat: Chat
    place: str
    seed: int

    @classmethod
    def find(cls, settings: ModelJudge, seed: int) -> "PairJudge":
        """The judge of a recipe. Raises `EndpointError` where it cannot be reached and is not named."""
        endpoint = EndpointWriter.find(
            settings.url, settings.model, timeout=settings.timeout, retries=settings.retries, parallel=settings.parallel
        )
        return cls(settings, endpoint, endpoint.place, seed)

    @cached_property
    def _answerer(self) -> ModelAnswerer:
        settings = self.settings
        question = ComparisonQuestion(name="better", text=settings.question, ties=settings.ties)
        study = Study(name="evaluation", title="evaluation", questions=(question,), instructions=settings.instructions)
        sampling = Sampling(temperature=settings.temperature, max_tokens=settings.max_tokens, seed=self.seed)
        prompt = JudgePrompt(question, settings.instructions, (), self.seed)
        return ModelAnswerer(self.chat, self.place, study, prompt, sampling)

    @property
    def evaluator(self) -> dict[str, str]:
        """What would make it answer otherwise."""
        attributes = self._answerer.evaluator.attributes or {}
        asked = {"question": self.settings.question, "instructions": self.settings.instructions}
        return {"model": self.chat.name, **attributes, **{key: text for key, text in asked.items() if text}}

    @cached_property
    def question_digest(self) -> str:
        """A digest of who is asked what; where the model lies is no part of it."""
        told = {key: value for key, value in self.evaluator.items() if key != "place"}
        told["ties"] = str(self.settings.ties)
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def read(self, pairs: Sequence[SamplePair], run: RunDirectory, stage: str) -> list[PairReading]:
        """What it says of each pair, in their order; what it said before in this stage is not asked again.

        Raises `ModelError` where several in a row got no answer, or none got one; what was answered is kept.
        """
        log = PAIR_READINGS.log(run, stage)
        before = [PAIR_READINGS.decode(json.dumps(row), str(log.path)) for row in log.rows()]
        known = {row.texts: row for row in before if row.question_digest == self.question_digest and row.failed is None}
        found = {pair.texts: self._row(pair, known[pair.texts].readings) for pair in pairs if pair.texts in known}
        found |= {pair.texts: self._row(pair, ()) for pair in pairs if pair.texts[0] == pair.texts[1]}
        left = deque({pair.texts: pair for pair in pairs if pair.texts not in found}.values())
        failures: list[str] = []
        in_a_row: list[str] = []

        def keep(pair: SamplePair, readings: tuple[OrderReading, ...]) -> int | None:
            found[pair.texts] = self._row(pair, readings)
            log.append(PAIR_READINGS.encode(found[pair.texts]))
            in_a_row.clear()
            return None

        def fail(pair: SamplePair, error: ModelError) -> None:
            failures.append(str(error))
            in_a_row.append(str(error))
            found[pair.texts] = self._row(pair, (), encodable(str(error)))

        WorkQueue(lambda _: 0, self._readings, keep, fail, TokenBudget(None), self.settings.parallel).run(left)
        answered = sum(row.failed is None for row in found.values())
        if len(in_a_row) >= FAILURES_IN_A_ROW or (failures and not answered):
            raise EndpointError(
                f"{self.place}: {self.chat.name} gave no answer about {len(failures)} of {len(pairs)} pairs, "
                f"{len(in_a_row)} of them in a row, the first time: {failures[0]}; what was answered is kept, and "
                "--resume asks the others",
                may_pass=True,
            )
        return [_placed(found[pair.texts], pair) for pair in pairs]

    def _row(self, pair: SamplePair, readings: tuple[OrderReading, ...], failed: str | None = None) -> PairReading:
        return PairReading(
            question_digest=self.question_digest,
            prompt=pair.prompt.id,
            policy=pair.policy.index,
            start=pair.start.index,
            texts=pair.texts,
            readings=readings,
            failed=failed,
        )

    def _readings(self, pair: SamplePair) -> tuple[OrderReading, ...]:
        """What it says in each order. Raises `ModelError` where it says nothing in one."""
        return tuple(self._reading(pair, order) for order in ORDERS)

    def _reading(self, pair: SamplePair, order: tuple[str, str]) -> OrderReading:
        noting = _Noting(self.chat, [])
        item = Item(pair.prompt, tuple(pair.completions[arm] for arm in order))
        answer = replace(self._answerer, chat=noting).answer(item)
        judgement, usage = answer.judgement, answer.usage
        preferred: str | None = None
        declined: str | None = None
        if isinstance(judgement, Comparison):
            preferred = {"left": order[0], "right": order[1], "tie": "tie"}[judgement.preferred]
        else:
            assert isinstance(judgement, Declined)
            declined = judgement.reason or "no reason given"
        return OrderReading.model_validate(
            {
                "first": order[0],
                "preferred": preferred,
                "declined": declined,
                "replies": tuple(noting.replies),
                "input_tokens": usage and usage.input_tokens,
                "output_tokens": usage and usage.output_tokens,
            }
        )


def _placed(row: PairReading, pair: SamplePair) -> PairReading:
    """The row of two texts as that of one pair of samples: several pairs may have the same texts."""
    return row.model_copy(update={"prompt": pair.prompt.id, "policy": pair.policy.index, "start": pair.start.index})


@dataclass(frozen=True)
class _Noting:
    """A `Chat` that notes what it is answered."""

    chat: Chat
    replies: list[str]

    @property
    def name(self) -> str:
        return self.chat.name

    def reply(self, prompt: Prompt, sampling: Sampling) -> Reply:
        reply = self.chat.reply(prompt, sampling)
        self.replies.append(encodable(reply.text))
        return reply


def told_of_pairs(rows: Sequence[PairReading], judge: PairJudge, trained_on: str | None) -> OwnEvaluation:
    """The numbers of the pairs. Both orders of a pair count alike, so that a liking for a place moves no win rate."""
    wins: list[float] = []
    places: list[str] = []
    firsts: list[float] = []
    first_places: list[str] = []
    same: list[float] = []
    agreed: list[str] = []
    for row in rows:
        values = [_worth(reading.preferred) for reading in row.readings if reading.preferred is not None]
        if row.failed is not None or len(values) < len(row.readings):
            continue
        places.append(row.prompt)
        wins.append(sum(values) / len(values) if values else 0.5)
        for reading, value in zip(row.readings, values, strict=True):
            firsts.append(value if reading.first == "policy" else 1 - value)
            first_places.append(row.prompt)
        if row.readings:
            agreed.append(row.prompt)
            same.append(float(len(set(values)) == 1))
    settings = judge.settings
    return OwnEvaluation(
        role="judge",
        kind=settings.kind,
        by=f"{judge.chat.name} at {judge.place}",
        trained_on=trained_on,
        win_rate=_rate(wins, places),
        pairs=_counts(rows, len(wins)),
        first_shown=_rate(firsts, first_places),
        both_orders=_rate(same, agreed),
        evaluator=judge.evaluator,
    )


def _worth(preferred: str) -> float:
    return {"policy": 1.0, "tie": 0.5, "start": 0.0}[preferred]


def _rate(values: Sequence[float], prompts: Sequence[str]) -> Estimate | None:
    return rate(values, prompts) if values else None


def _counts(rows: Sequence[PairReading], counted: int) -> PairCounts:
    failed = sum(row.failed is not None for row in rows)
    same = sum(row.failed is None and not row.readings for row in rows)
    readings = list({row.texts: row.readings for row in rows}.values())
    read = [reading.input_tokens for each in readings for reading in each]
    written = [reading.output_tokens for each in readings for reading in each]
    tokens = Counter(read=sum(filter(None, read)), written=sum(filter(None, written)))
    known = None not in read and bool(read)
    return PairCounts(
        pairs=len(rows),
        counted=counted,
        same_text=same,
        declined=len(rows) - failed - counted,
        failed=failed,
        input_tokens=tokens["read"] if known else None,
        output_tokens=tokens["written"] if known else None,
    )
