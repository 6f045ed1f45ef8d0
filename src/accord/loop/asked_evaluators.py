"""Those whom a round asks, each by what it is: people in a study; models, programs, simulated people at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from json import dumps, loads
from pathlib import Path

from accord.artefacts import AskedPair
from accord.collect.sources.answering import Answerer
from accord.collect.sources.asking import Asking
from accord.collect.sources.judge_prompt import JudgePrompt
from accord.collect.sources.model import ModelAnswerer
from accord.collect.sources.programs import open_program
from accord.collect.sources.simulated import SimulatedAnswerer
from accord.collect.sources.study_items import AskedItem
from accord.collect.study import Study
from accord.errors import ModelError, RecipeError, TrainingStopped, WaitingForPeople, storage
from accord.feedback import Ledger
from accord.lm.remote import EndpointWriter
from accord.loop.asked_crowd import crowd_of
from accord.recipe import Recipe
from accord.recipe.rounds import CROWD, MODEL, PEOPLE, PROGRAM, AskedEvaluator
from accord.records import Completion, Feedback, Prompt, Sampling
from accord.run import write_whole
from accord.train.seeds import seed_of, shuffled

__all__ = ["Asker", "asked_study", "check_rounds", "check_synchronous"]

REPLY_TOKENS = 1024
PARALLEL = 4


def asked_study(file: str | None, evaluators: Sequence[AskedEvaluator], number: int) -> Study:
    """The study whose question is asked, its answers marked with the number of the round.

    Raises `StudyError` where it cannot be read, `RecipeError` where its question is not about two texts, or there are
    several.
    """
    assert file is not None
    study = Study.load(file)
    paper = study.questionnaire
    about_two = paper.least <= 2 and (paper.most is None or paper.most >= 2)
    if paper.several or study.dialogue is not None or not about_two:
        raise RecipeError(f"{file}: rounds ask one question about two texts, such as a comparison")
    if any(each.by == PEOPLE for each in evaluators) and study.items_file is None:
        raise RecipeError(f"{file}: items_file is missing; what people are asked is written there")
    return study.model_copy(update={"round": number})


def check_rounds(recipe: Recipe) -> None:
    """Raises what would be raised when the first round asks: where the study or a program is not what it should be."""
    loop = recipe.loop
    if loop is None or loop.ask == "never" or loop.rounds == 1:
        return
    study = asked_study(loop.study, loop.evaluators, 2)
    for each in loop.evaluators:
        if each.by.startswith(CROWD):
            crowd_of(each, study)
    _open_programs(loop.evaluators, study)


def check_synchronous(recipe: Recipe) -> None:
    """The same of what is asked between steps; and where the reward does not learn from answers to that question."""
    settings = recipe.synchronous
    if settings is None:
        return
    study = asked_study(settings.study, settings.evaluators, 1)
    _open_programs(settings.evaluators, study)
    kind, reward = study.question.kind, recipe.reward
    if reward is not None and settings.steps and kind not in reward.learns_from:
        raise RecipeError(
            f"{settings.study}: it asks for a {kind}, and recipe.reward (kind '{reward.kind}') learns from "
            f"{', '.join(sorted(reward.learns_from))}; ask for one of them"
        )


def _open_programs(evaluators: Sequence[AskedEvaluator], study: Study) -> None:
    for each in evaluators:
        if each.by.startswith(PROGRAM):
            open_program(each.by.removeprefix(PROGRAM), study.question)


@dataclass(frozen=True)
class Asker:
    """Puts pairs to whom they are for, and finds in the ledger what was said of them.

    evaluators  who is asked, by the places that pairs name
    study     of the round
    prompts   by id
    texts     by id
    ledger    where answers are kept
    seed      draws orders and keys
    crowds    the simulated people, by the place of their crowd among the evaluators
    since     when the texts were written; people are waited for at most `patience_hours` from then on
    """

    evaluators: Sequence[AskedEvaluator]
    study: Study
    prompts: Mapping[str, Prompt]
    texts: dict[str, Completion]
    ledger: Ledger
    seed: int
    crowds: Mapping[int, Sequence[SimulatedAnswerer]] = field(default_factory=dict)
    since: datetime | None = None
    patience_hours: float = 0.0

    def ask(self, pairs: Sequence[AskedPair]) -> list[Feedback]:
        """What was said of pairs, whoever was asked before being asked nothing again.

        Raises `WaitingForPeople` where people have not answered yet, after all machines were asked; `ModelError` where
        a machine gave no answer; `TrainingStopped` where people took too long.
        """
        for place, evaluator in enumerate(self.evaluators):
            own = [pair for pair in pairs if pair.evaluator == place]
            if own and place in self.crowds:
                self._ask_crowd(evaluator, self.crowds[place], own)
            elif own and evaluator.by != PEOPLE:
                self._ask_machine(evaluator, own, self._answerer(evaluator))
        answers = self.answers(pairs)
        if missing := self._unanswered(pairs, answers):
            self._put_to_people(missing)
            raise WaitingForPeople(self._waiting(len(missing)))
        return answers

    def answers(self, pairs: Sequence[AskedPair]) -> list[Feedback]:
        """What stands in the ledger on these pairs, in the order of its rows; second readings are among it."""
        asked, replaced = {frozenset(pair.completions) for pair in pairs}, self.ledger.replaced()
        return [
            record
            for record in self.ledger.feedback_to({pair.prompt for pair in pairs})
            if record.study == self.study.name and frozenset(record.completions) in asked and record.id not in replaced
        ]

    @staticmethod
    def count(answers: Sequence[Feedback]) -> int:
        """Answers that a budget is for: a second reading of the same item is not counted."""
        return sum(record.repeat_of is None for record in answers)

    def _ask_crowd(
        self, evaluator: AskedEvaluator, crowd: Sequence[SimulatedAnswerer], pairs: Sequence[AskedPair]
    ) -> None:
        """Each pair is put to as many of the simulated people as it takes answers, drawn by the seed."""
        for number, person in enumerate(crowd):
            own = [pair for pair in pairs if number in self._drawn_from(len(crowd), pair)]
            if own:
                self._ask_machine(evaluator, own, person, seed_of(self.seed, "shown", number))

    def _drawn_from(self, people: int, pair: AskedPair) -> list[int]:
        return shuffled(people, self.seed, "crowd", *pair.completions)[: pair.answers]

    def _ask_machine(
        self, evaluator: AskedEvaluator, pairs: Sequence[AskedPair], answerer: Answerer, seed: int | None = None
    ) -> None:
        items = [
            AskedItem(
                f"pair {number}",
                self.prompts[pair.prompt],
                (self.texts[pair.completions[0]], self.texts[pair.completions[1]]),
                reference=self.study.reference,
            )
            for number, pair in enumerate(pairs, 1)
        ]
        parallel = PARALLEL if evaluator.by.startswith(MODEL) else 1  # so that a program's answers have one order
        asking = Asking(
            self.study,
            items,
            answerer,
            self.ledger,
            resume=True,
            parallel=parallel,
            seed=self.seed if seed is None else seed,
        )
        counts = asking.run()
        if counts.failures:
            raise ModelError(
                f"{evaluator.by}: {counts.failed} of {counts.items} pairs got no answer, the first: "
                f"{counts.failures[0]}; what was answered is kept, and --resume asks the others"
            )

    def _answerer(self, evaluator: AskedEvaluator) -> Answerer:
        if evaluator.by.startswith(MODEL):
            chat = EndpointWriter.find(evaluator.by.removeprefix(MODEL), evaluator.model)
            prompt = JudgePrompt(self.study.question, self.study.instructions, (), self.seed)
            sampling = Sampling(temperature=0.0, max_tokens=REPLY_TOKENS, seed=self.seed)
            return ModelAnswerer(chat, chat.place, self.study, prompt, sampling)
        return open_program(evaluator.by.removeprefix(PROGRAM), self.study.question)

    # -- people ------------------------------------------------------------------------------------------------

    def _unanswered(self, pairs: Sequence[AskedPair], answers: Sequence[Feedback]) -> list[AskedPair]:
        said: dict[frozenset[str], set[str]] = {}
        for record in answers:
            if record.repeat_of is None:
                said.setdefault(frozenset(record.completions), set()).add(record.evaluator)
        people = {place for place, each in enumerate(self.evaluators) if each.by == PEOPLE}
        return [
            pair
            for pair in pairs
            if pair.evaluator in people and len(said.get(frozenset(pair.completions), ())) < pair.answers
        ]

    def _put_to_people(self, pairs: Sequence[AskedPair]) -> None:
        """Write what is not among the study's items yet behind them; or see whether it is too long ago."""
        assert self.study.items_file is not None
        path = Path(self.study.items_file)
        with storage(path):
            before = path.read_bytes() if path.exists() else b""
        there = set(_asked_in(before))
        lines = [
            dumps({"prompt": {"id": pair.prompt}, "completions": [{"id": name} for name in pair.completions]})
            for pair in pairs
            if pair.completions not in there
        ]
        if not lines:
            self._check_patience(len(pairs))
            return
        if before and not before.endswith(b"\n"):
            before += b"\n"
        named = [self.prompts[pair.prompt] for pair in pairs]
        texts = [self.texts[name] for pair in pairs for name in pair.completions]
        self.ledger.extend([*named, *texts])
        with storage(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, before + "".join(f"{line}\n" for line in lines).encode())

    def _check_patience(self, number: int) -> None:
        if self.since is not None and datetime.now(UTC) - self.since > timedelta(hours=self.patience_hours):
            raise TrainingStopped(
                f"{number:,} pairs wait for people since {self.since:%Y-%m-%d %H:%M} UTC, longer than "
                f"loop.patience_hours = {self.patience_hours:g}; raise it, and go on with --resume"
            )

    def _waiting(self, number: int) -> str:
        return (
            f"{number:,} pairs wait for people. They are items of {self.study.items_file}: serve the study "
            f"'{self.study.name}' over the ledger of this run with accord collect, which reads that file when it "
            "starts, and go on with --resume when they are answered"
        )


def _asked_in(content: bytes) -> Iterator[tuple[str, str]]:
    """The pairs, by ids, that a file of items names; lines of another form are others' own."""
    for line in content.decode(errors="replace").splitlines():
        try:
            first, second = (each["id"] for each in loads(line)["completions"])
        except (ValueError, TypeError, KeyError):
            continue
        yield first, second
