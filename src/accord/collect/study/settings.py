"""A study of people as one value, read from one TOML file: what is asked, of whom, how often, on which terms.

Paths are meant from the folder of the file. An unknown key is an error that names its nearest neighbour. What people
read before they answer (`instructions`, the question with its scale or labels) has one digest, which goes with every
answer.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, ValidationError

from accord.collect.study.assist import Assist
from accord.collect.study.catalogue import ENGLISH, Catalogue
from accord.collect.study.chat import Chat
from accord.collect.study.dialogue import Dialogue
from accord.collect.study.experts import Experts
from accord.collect.study.interface_languages import interface_catalogues, language_problems
from accord.collect.study.item_metadata import ItemQuota, Suggest
from accord.collect.study.key_errors import first_problem
from accord.collect.study.kinds import ARRANGEMENT, KINDS, AnyQuestion
from accord.collect.study.phrases import phrase
from accord.collect.study.platform import Platform, ScreenOut
from accord.collect.study.questionnaire import Questionnaire, named, problems_between
from accord.collect.study.section import Section, Word
from accord.errors import StudyError, nearest, storage
from accord.records import Sampling

__all__ = ["Pay", "Stop", "Study"]

Share = Annotated[float, Field(ge=0, lt=1)]
MAX_MINUTES = 525_600  # a year


class Stop(Section):
    """When an item has enough answers before it reaches its overlap: see `acquisition.majority_right`."""

    probability: float = Field(default=0.95, gt=0.5, lt=1, description="that the majority is right, to stop")
    least: int = Field(default=2, ge=1, description="answers that every item gets in any case")


class Pay(Section):
    """What people are paid; both may be given and are added. `idle_minutes` says which time counts."""

    per_item: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    per_hour: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    idle_minutes: float = Field(
        default=3.0, gt=0, allow_inf_nan=False, description="time counts so long after the last sign of life"
    )
    currency: Word = "EUR"


class Study(Section):
    """All settings of a study. Read one with `Study.load`, or from text with `Study.parse`."""

    renamed: ClassVar[Mapping[str, str]] = {
        "kind": "questions.kind",
        "question": "questions.text",
        "scale": "questions.scale",
        "labels": "questions.labels",
        "span_types": "questions.span_types",
        "strength": "questions.strength",
        "ties": "questions.ties",
        "longest": "questions.longest",
        "recruited": "recruitment",
        "trained": "training",
    }
    """Keys of earlier versions, with where each stands now."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    title: Word
    questions: Annotated[tuple[AnyQuestion, ...], Field(min_length=1), AfterValidator(named)]
    ask: Literal["in turn", "together"] = Field(
        default="in turn", description="several questions about an item: one after the other, or all on one page"
    )
    instructions: str = ""
    instructions_file: str | None = None
    consent: str = ""
    consent_file: str | None = None
    warning: str = Field(default="", description="told before an item; whoever prefers may skip it")
    thanks: str = phrase("rest.thanks")
    render: Literal["markdown", "text"] = Field(
        default="markdown", description="how texts are shown; as they stand, they are a key away in either case"
    )

    language: str = Field(default=ENGLISH, description="of the pages' own texts, as BCP 47 writes it")
    languages: tuple[str, ...] = Field(
        default=(), description="those that people may choose from, `language` among them"
    )
    texts: str | dict[str, str] | None = Field(
        default=None, description="a file of the pages' texts in `language`, or one for each language"
    )

    items_file: str | None = None
    gold_file: str | None = None
    practice_file: str | None = None
    reference: JsonValue = Field(
        default=None, description="what programs hold an item against that has none of its own"
    )
    candidates: int | None = Field(default=None, ge=1, le=16, description="completions to write for a bare prompt")
    sampling: Sampling = Sampling()

    overlap: int = Field(default=1, ge=1)
    answers: int | None = Field(default=None, ge=1, description="at most so many answers in all; unset: no limit")
    show: tuple[Word, ...] = Field(default=(), description="keys of the items' metadata that stand on the page")
    item_quota: ItemQuota | None = None
    suggest: Suggest | None = None
    comment: bool = Field(default=False, description="a field for what people want to add in their own words")
    choose: Literal["coverage", "disagreement"] = "coverage"
    stop: Stop | None = None
    experts: Experts | None = None
    reserve_minutes: float = Field(default=30.0, gt=0, le=MAX_MINUTES)
    session_items: int = Field(default=50, ge=1)
    break_minutes: float = Field(default=10.0, ge=0, le=MAX_MINUTES)
    daily_items: int | None = Field(default=None, ge=1)
    dialogue: Dialogue | None = None
    assist: Assist | None = None
    gold_share: Share = 0.0
    repeat_share: Share = 0.0
    repeat_gap: int = Field(default=5, ge=1, description="items between an item and its repetition at least")

    attributes: dict[Word, tuple[Word, ...]] = Field(default={}, description="what people may say of themselves")
    quotas: dict[str, dict[str, Share]] = Field(default={}, description="the target population, by attribute")
    quota_wait_hours: float = Field(default=24.0, ge=0, description="how long places wait for a group nobody is of")
    pay: Pay = Pay()
    platform: Platform | None = None
    screen_out: ScreenOut | None = None
    chat: Chat | None = None
    recruitment: str | None = None
    training: str | None = None
    round: int | None = Field(default=None, ge=0)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """The study in a file, with its paths made absolute and the texts of its files read.

        Raises `StudyError` that names the key, `StorageError` where a file cannot be read.
        """
        path = Path(path)
        study = cls.parse(_read_text(path), place=path.name)._anchored(path.resolve().parent)
        study.catalogues()
        return study

    @classmethod
    def parse(cls, text: str, *, place: str = "study") -> Self:
        """The study in a text. Raises `StudyError` that names the key and the remedy."""
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise StudyError(f"{place}: not TOML ({error})") from error
        for key in content:
            if new := cls.renamed.get(key):
                under = "; write it under [[questions]]" if new.startswith("questions.") else ""
                raise StudyError(f"{place}: study.{key}: renamed to {new}{under}")
        try:
            study = cls.model_validate(content)
        except ValidationError as error:
            raise StudyError(f"{place}: {first_problem(error, cls)}") from error
        for key, problem in _problems(study):
            raise StudyError(f"{place}: study.{key}: {problem}")
        return study

    def catalogues(self) -> dict[str, Catalogue]:
        """The pages' own texts in each language that is offered, the one that everybody begins with first.

        Raises as `read_texts` does.
        """
        return interface_catalogues(self.language, self.languages, self.texts)

    @property
    def question(self) -> AnyQuestion:
        """The question that is asked; the first of several."""
        return self.questions[0]

    @property
    def questionnaire(self) -> Questionnaire:
        """All questions as one form."""
        return Questionnaire(self.questions)

    @property
    def in_turn(self) -> bool:
        """Whether there are several questions, one after the other."""
        return self.questionnaire.several and self.ask == "in turn"

    def study_of(self, question: AnyQuestion) -> str:
        """The name of the study that answers to a question are kept under: of several questions `NAME.QUESTION`."""
        return f"{self.name}.{question.name}" if self.questionnaire.several else self.name

    @property
    def question_of(self) -> dict[str | None, AnyQuestion]:
        """`study_of` undone: each question by the name of the study that its answers are kept under."""
        return {self.study_of(question): question for question in self.questions}

    def what_is_asked(self) -> dict[str, Any]:
        """What is asked, by which the study is known again: the guideline of its question, or of each of several."""
        if not self.questionnaire.several:
            return _arranged(self.question)
        return {question.name: _arranged(question) for question in self.questions}

    @property
    def guideline_digest(self) -> str:
        """The SHA-256 of all that people are told to go by."""
        return self.guideline_digest_of(self.question)

    def guideline_digest_of(self, question: AnyQuestion) -> str:
        """The same for one of several questions."""
        guideline = {**_arranged(question), "instructions": self.instructions}
        if self.render != "markdown":
            guideline["render"] = self.render
        if self.dialogue is not None:
            guideline["dialogue"] = self.dialogue.model_dump()
        return hashlib.sha256(json.dumps(guideline, sort_keys=True).encode()).hexdigest()

    @property
    def consent_digest(self) -> str:
        """The SHA-256 of the consent text."""
        return hashlib.sha256(self.consent.encode()).hexdigest()

    def _anchored(self, folder: Path) -> Self:
        """With the texts of files read, and the paths of items made absolute."""
        changes: dict[str, Any] = {}
        for key in ("instructions", "consent"):
            if name := getattr(self, f"{key}_file"):
                changes[key] = _read_text(folder / name)
                changes[f"{key}_file"] = str(folder / name)
        for key in ("items_file", "gold_file", "practice_file"):
            if name := getattr(self, key):
                changes[key] = str(folder / name)
        if isinstance(self.texts, str):
            changes["texts"] = str(folder / self.texts)
        elif self.texts is not None:
            changes["texts"] = {language: str(folder / name) for language, name in self.texts.items()}
        if self.assist is not None and not self.assist.is_endpoint:
            changes["assist"] = self.assist.model_copy(update={"by": str(folder / self.assist.by)})
        return self.model_copy(update=changes)


def _read_text(path: Path) -> str:
    with storage(path):
        raw = path.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise StudyError(f"{path.name}:{line}: not UTF-8 (byte {error.start}); save the file as UTF-8") from error


# -- what no single key can know ------------------------------------------------------------------------------------


def _problems(study: Study) -> Iterator[tuple[str, str]]:
    """What no single key can know: each key with what to do about it."""
    yield from problems_between(study.questions)
    yield from language_problems(study.language, study.languages, study.texts)
    yield from _arrangement_problems(study)
    yield from _quota_problems(study)
    yield from _answer_problems(study)
    yield from _plan_problems(study)
    yield from _candidate_problems(study)
    yield from _dialogue_problems(study)
    yield from () if study.platform is None else study.platform.problems()
    if study.chat is not None and not (study.consent or study.consent_file):
        yield "chat", "needs the consent that its users agreed to; write it as consent or name it in consent_file"
    if study.screen_out is not None and not study.practice_file:
        yield "screen_out", "needs practice questions; name them in practice_file"
    yield from _assist_problems(study)
    yield from () if study.item_quota is None else study.item_quota.problems()
    if study.suggest is not None and study.assist is not None:
        yield "suggest", "what an answer comes of could not be told from assist, which is there too; keep one of them"


def _quota_problems(study: Study) -> Iterator[tuple[str, str]]:
    for name, options in study.attributes.items():
        if not options or len(set(options)) < len(options):
            yield f"attributes.{name}", "name each option once, and one at least"
    for name, shares in study.quotas.items():
        if name not in study.attributes:
            yield f"quotas.{name}", f"no such attribute{nearest(name, list(study.attributes))}"
            continue
        if unknown := [option for option in shares if option not in study.attributes[name]]:
            known = nearest(unknown[0], list(study.attributes[name]))
            yield f"quotas.{name}.{unknown[0]}", f"no such option{known}"
        if abs((total := sum(shares.values())) - 1) > 1e-6:
            yield f"quotas.{name}", f"the shares sum to {total:g}; make them sum to 1"


def _plan_problems(study: Study) -> Iterator[tuple[str, str]]:
    for key in ("instructions", "consent"):
        if getattr(study, key) and getattr(study, f"{key}_file"):
            yield key, f"given twice; leave out {key} or {key}_file"
    if study.gold_share and not study.gold_file:
        yield "gold_share", "needs questions whose answer is known; name them in gold_file"
    if study.gold_share + study.repeat_share > 0.5:
        yield "gold_share", "gold_share and repeat_share are more than half of all; make them smaller"
    if study.stop and study.stop.least > study.overlap:
        yield "stop.least", f"is above overlap = {study.overlap}; raise overlap or lower it"
    if study.experts is not None:
        stop = None if study.stop is None else study.stop.probability
        yield from study.experts.problems(study.name, overlap=study.overlap, stop=stop)


def _arrangement_problems(study: Study) -> Iterator[tuple[str, str]]:
    """What cannot stand on one page, and what has no place beside several questions."""
    if study.ask == "together":
        if len(study.questions) == 1:
            yield "ask", "there is one question; leave it out"
        for place, question in enumerate(study.questions):
            if question.is_conditional:
                remedy = 'it waits for an earlier answer, so the questions are asked one by one: ask = "in turn"'
                yield f"questions[{place}]", remedy
    if len(study.questions) > 1 and study.dialogue is not None:
        yield "dialogue", f"asks one question of a turn, and there are {len(study.questions)}; keep one"
    if len(study.questions) > 1 and study.chat is not None:
        yield "chat", f"takes answers to one question, and there are {len(study.questions)}; keep one"


def _answer_problems(study: Study) -> Iterator[tuple[str, str]]:
    """What a study can only do with answers of some kinds."""
    paper = study.questionnaire
    kinds = ", ".join(f'"{question.kind}"' for question in paper.of_everybody)
    counted = [question for question in paper.of_everybody if question.countable]
    if study.gold_file and not counted:
        yield "gold_file", f"no two answers of kind = {kinds} are equal; leave it out"
    for key in ("stop", "experts"):
        if getattr(study, key) and not counted:
            yield key, f"no majority can be counted of kind = {kinds}; leave it out"
    if study.choose == "disagreement" and paper.scored is None:
        kinds = " and ".join(f"{kind}s" for kind, known in KINDS.items() if known.scorable)
        yield "choose", f'disagreement is measured of {kinds} only; use "coverage"'


def _candidate_problems(study: Study) -> Iterator[tuple[str, str]]:
    """Completions to write must be as many as the questions are about."""
    if study.candidates is None:
        return
    paper, kind = study.questionnaire, study.question.kind
    about = "the questions are" if paper.several else f"a {kind} is"
    if paper.most == 0:
        yield "candidates", f"{about} about no completion; leave it out"
    elif study.candidates < paper.least or study.candidates > (paper.most or study.candidates):
        more = " or more" if paper.most is None else ""
        yield "candidates", f"{about} about {paper.least} completions{more}"


def _arranged(question: AnyQuestion) -> dict[str, Any]:
    """A question's guideline, with how it stands among others, where that is said."""
    arrangement = question.model_dump(mode="json", include=set(ARRANGEMENT), exclude_defaults=True)
    return {**question.guideline(), **arrangement}


def _dialogue_problems(study: Study) -> Iterator[tuple[str, str]]:
    """No two conversations are the same, so nothing can be counted over them."""
    if study.dialogue is None:
        return
    yield from study.dialogue.problems(study.question)
    alone = {"candidates": None, "stop": None, "experts": None, "repeat_share": 0.0, "choose": "coverage"}
    alone |= {"suggest": None, "comment": False}
    for key, unset in alone.items():
        if getattr(study, key) != unset:
            yield key, "needs the same item for everybody, and a dialogue is everybody's own; leave it out"


def _assist_problems(study: Study) -> Iterator[tuple[str, str]]:
    if study.assist is not None:
        yield from study.assist.problems(study.question)
        if study.dialogue is not None:
            yield "assist", "no remarks stand beside a dialogue; leave it out"
