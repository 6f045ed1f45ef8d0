"""Whether what a recipe names is there, and what it leaves unused: looked at before anything is started."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from accord.audit.attacks.attack_file import read_attacks
from accord.audit.attacks.queries import chosen_families
from accord.audit.attacks.thresholds import AttackThresholds
from accord.audit.values.question_file import read_questions
from accord.audit.values.thresholds import ValuesThresholds
from accord.deferred import deferred
from accord.errors import AccordError, RecipeError, storage
from accord.extras import QUANTISED, lacking
from accord.feedback import FORMATS, Dataset, ImportSettings, open_feedback
from accord.loop.plan import PlannedStage, plan_of
from accord.loop.tracking import missing_trackers
from accord.records import Completion, Evaluator, Feedback, Prompt

with deferred():
    from accord.feedback import Ledger
    from accord.feedback.dataset.draw import dataset_of
    from accord.feedback.dataset.structured import plain_texts
    from accord.feedback.formats.prompt_files import read_prompts
    from accord.feedback.store.location import is_url
    from accord.lm.inspection import problem_with
    from accord.lm.settings import ModelSettings
    from accord.loop.asked_evaluators import check_rounds, check_synchronous
    from accord.loop.devices import notes_on_devices
    from accord.loop.learnt_kinds import learnt_kinds, unlearnt_note
    from accord.loop.lengths import Reader, dated_note, fitting, readers
    from accord.recipe import Data, Recipe

__all__ = ["Preflight", "preflight"]


@dataclass(frozen=True)
class Preflight:
    """What stands in the way of running a recipe, what of its feedback it leaves unused, and what it would do."""

    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    plan: tuple[PlannedStage, ...] = ()


def preflight(recipe: Recipe) -> Preflight:
    """Look at what a recipe names, and read its feedback as a run would: the ledger's, and what a source adds to it.

    All that would stop the run is told, as far as one thing can be looked at without another. What is packaged would
    have to be fetched, and is not looked at.
    """
    problems, notes = list[str](), list[str]()
    read: _Read | None = None
    for look in (_missing_data, _unread_prompts):
        with _told(problems):
            problems += look(recipe.data)
    if all(problem.startswith("recipe.data.deployment_prompts") for problem in problems):
        with _told(problems):
            read = _read(recipe)
    without_models = _missing_models(recipe)
    problems += without_models
    problems += _wrong_questions(recipe)
    if recipe.loop is not None or recipe.synchronous is not None:
        for check in (check_rounds, check_synchronous):
            with _told(problems):
                check(recipe)
    data = None
    if read is not None:
        here: list[Reader] = []
        if not without_models:
            with _told(problems):
                here = readers(recipe, local=True)
        with _told(problems):
            data = _data(recipe, read, here, notes)
    notes += [*missing_trackers(recipe), *notes_on_devices(recipe)]
    plan = plan_of(recipe, data)
    problems += [stage.lacks for stage in plan if stage.lacks]
    return Preflight(tuple(dict.fromkeys(problems)), () if problems else tuple(notes), tuple(plan))


@contextmanager
def _told(problems: list[str]) -> Iterator[None]:
    """What the block raises on purpose, among the problems."""
    try:
        yield
    except AccordError as error:
        problems.append(str(error))


@dataclass
class _Read:
    """What a run would read: the feedback that the recipe selects, and what it names."""

    feedback: Sequence[Feedback] = field(default_factory=list)
    prompts: dict[str, Prompt] = field(default_factory=dict)
    completions: dict[str, Completion] = field(default_factory=dict)
    evaluators: dict[str, Evaluator] = field(default_factory=dict)


def _data(recipe: Recipe, read: _Read, here: Sequence[Reader], notes: list[str]) -> Dataset | None:
    """The data set that a run would draw, and what there is to say of it; None where it is packaged.

    Raises `RecipeError` where texts are too long for models that are here, or the data set cannot be drawn;
    `ModelError` where a template refuses some.
    """
    settings = recipe.data
    if settings.source == "packaged":
        notes += filter(None, [dated_note(here)])
        return None
    plain = plain_texts(read.feedback, read.prompts, read.completions, settings.structured)
    prompts = {name: prompt for name, prompt in read.prompts.items() if name not in plain.without}
    source = None if settings.source is None else Path(str(settings.source))
    fit = fitting(recipe, plain.feedback, prompts, read.completions, by=here, source=source)
    notes += filter(None, [dated_note(here), plain.note, fit.note, unlearnt_note(recipe, fit.feedback)])
    return dataset_of(
        fit.feedback,
        read.evaluators,
        {name: prompt for name, prompt in prompts.items() if name not in fit.without},
        read.completions,
        limit=settings.max_pairs,
        seed=recipe.seed,
        fractions=settings.fractions,
        unit=settings.split_by,
        supervised=settings.supervised,
    )


def _missing_models(recipe: Recipe) -> list[str]:
    rewards = recipe.reward_sections
    problems = [f"recipe.{name}.{problem}" for name, reward in rewards.items() for problem in reward.problems()]
    for name, settings in {"sft": recipe.sft, "policy": recipe.policy, **rewards}.items():
        if isinstance(settings, ModelSettings) and (problem := problem_with(settings)):
            problems.append(f"recipe.{name}.{problem}")
        if lacked := lacking(QUANTISED):
            problems += [f"recipe.{name}.{key}: {lacked}" for key in _in_few_bits(settings)]
    return problems


def _in_few_bits(settings: object) -> list[str]:
    """The settings of a section that take the extra `quantised`."""
    asked = {
        'optim.moments = "8bit"': getattr(getattr(settings, "optim", None), "moments", "float32") == "8bit",
        'lora.quantised = "nf4"': getattr(getattr(settings, "lora", None), "quantised", None) is not None,
    }
    return [key for key, is_asked in asked.items() if is_asked]


def _wrong_questions(recipe: Recipe) -> list[str]:
    """What is wrong with the questions of the audit, and with what it attacks with."""
    problems = []
    questions, attacks = recipe.audit.of(ValuesThresholds).questions, recipe.audit.of(AttackThresholds)
    try:
        if questions:
            read_questions(questions)
    except AccordError as error:
        problems.append(f"audit.values.questions: {error}")
    try:
        if attacks.requests:
            read_attacks(attacks.requests)
            chosen_families(attacks)
            if attacks.function is not None and not Path(attacks.function[0]).is_file():
                problems.append(f"audit.attacks.judge: no file {attacks.function[0]}")
    except AccordError as error:
        problems.append(f"audit.attacks: {error}")
    return problems


def _missing_data(data: Data) -> list[str]:
    if data.format is not None:
        if data.format not in FORMATS:
            return [f"recipe.data.format: '{data.format}' is not one of {', '.join(FORMATS.names)}"]
        if data.source != "packaged" and not _is_file("source", str(data.source)):
            return [f"recipe.data.source: no file {data.source}"]
    elif data.prompts is None and not _has_ledger(data):
        return [f"recipe.data.ledger: no ledger at {data.ledger}; import feedback, or name a source"]
    return []


def _unread_prompts(data: Data) -> list[str]:
    """Why files of prompts cannot be read; nothing where they can, or none are named."""
    problems = []
    for key in ("prompts", "deployment_prompts"):
        if (file := getattr(data, key)) is not None:
            try:
                read_prompts(file)
            except AccordError as error:
                problems.append(f"recipe.data.{key}: {error}")
    return problems


def _has_ledger(data: Data) -> bool:
    return is_url(data.ledger) or _is_file("ledger", data.ledger)


def _is_file(key: str, name: str) -> bool:
    """Whether there is such a file. Raises `RecipeError` where the system cannot look."""
    with _blaming(key), storage(name):
        return Path(name).is_file()


def _read(recipe: Recipe) -> _Read:
    """What a run would read. Raises `RecipeError` where it cannot be read, or there is nothing to learn from.

    A database that a source is to fill may hold no ledger yet, and is left alone.
    """
    data = recipe.data
    if data.source == "packaged":
        return _Read()
    feedback: dict[str, Feedback] = {}
    read = _Read()
    evaluators = read.evaluators
    if _has_ledger(data) and not (is_url(data.ledger) and data.source is not None):
        with _blaming("ledger"), Ledger(data.ledger, write=False) as ledger:
            feedback |= {record.id: record for record in ledger.feedback()}
            evaluators |= ledger.evaluators()
            read.prompts, read.completions = ledger.prompts(), ledger.completions()
    if data.source is not None:
        path = Path(data.source)
        with _blaming("source"):
            for record in open_feedback(path, ImportSettings(format=data.format)).records():
                if isinstance(record, Feedback):
                    feedback[record.id] = record
                elif isinstance(record, Evaluator):
                    evaluators[record.id] = record
                elif isinstance(record, Prompt):
                    read.prompts[record.id] = record
                elif isinstance(record, Completion):
                    read.completions[record.id] = record
    if data.prompts is not None:
        read.prompts |= {prompt.id: prompt for prompt in read_prompts(data.prompts)}
    if not feedback and (learnt_kinds(recipe) or not read.prompts):
        section = "ledger" if data.source is None else "source"
        raise RecipeError(f"recipe.data.{section}: {getattr(data, section)} holds no feedback")
    read.feedback = data.selection.of(list(feedback.values()), evaluators)
    return read


@contextmanager
def _blaming(key: str) -> Iterator[None]:
    """Say by which key of `[data]` what cannot be read was named."""
    try:
        yield
    except AccordError as error:
        raise RecipeError(f"recipe.data.{key}: {error}") from error
