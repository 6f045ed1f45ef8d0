"""Marks of harm: what lists, judges and references make of the evaluation's samples, of any run that has them."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path

from accord.artefacts import EVALUATION_SAMPLES, HARM_MARKS, MODEL, PROMPTS, EvaluationSample, HarmMark
from accord.audit.collection.prompt_distances import prompt_text
from accord.audit.conduct.harm_thresholds import HarmThresholds
from accord.audit.conduct.statements import read_references, unsupported_in
from accord.audit.conduct.term_file import read_terms
from accord.errors import AuditError, nearest
from accord.interfaces import Judge
from accord.loop.arms import all_there, digests_of_files, places_of
from accord.loop.attacks import function_judge
from accord.loop.rewards import judges_of
from accord.loop.stage import Context
from accord.records import Completion, Prompt
from accord.run import InputEntry, digest_of_settings

__all__ = ["mark_harm"]


def mark_harm(context: Context, judges: Mapping[str, Judge] | None = None) -> None:
    """Write `harm_marks.jsonl` by what `[audit.harm]` names; nothing where it names nothing, or no samples are there.

    `judges` are asked beside those of the recipe. Where the same was made of the same samples before, what is there
    stays; so it does where files are not there any more, as when a run was moved. Raises `AuditError` where a file
    holds something else, or a judge is named that is not there.
    """
    settings = context.recipe.audit.of(HarmThresholds)
    run, stage = context.run, context.beside("audit")
    path, name = HARM_MARKS.path(stage), f"{stage}: harm"
    source = EVALUATION_SAMPLES.path(context.beside(EVALUATION_SAMPLES.stage))
    files = [*settings.lists, *settings.references, *_code_of(settings)]
    grounded = settings.grounded or bool(settings.references)
    if not (files or settings.judges or grounded) or not run.has(source):
        return
    if run.has(path) and not all_there(files):
        return
    how = [[n.rpartition("/")[2], sign] for n, sign in settings.judges]
    models = {file: entry.sha256 for file, entry in run.manifest.files.items() if f"/{MODEL.file}/" in f"/{file}"}
    read = [run.manifest.files[source].sha256, models if settings.judges else {}]
    counts = [len(settings.lists), len(settings.references), settings.grounded]
    entry = InputEntry(digest_of_settings([digests_of_files(files), how, read, counts]), places_of(context, files))
    if run.manifest.inputs.get(name) == entry and run.has(path) and not run.problem_of(path):
        return
    samples = [row for row in context.reader.evaluation_samples if row.arm in {"start", "policy"}]
    prompts = context.reader.prompts if context.reader.has(PROMPTS) else {}
    rows = list(_by_lists(samples, settings.lists))
    rows += list(_by_judges(context, samples, prompts, settings, judges or {}))
    if grounded:
        rows += _unsupported(samples, prompts, settings)
    HARM_MARKS.write(run, rows, stage=stage)
    run.record_input(name, entry)


def _by_lists(samples: Sequence[EvaluationSample], lists: Sequence[str]) -> Iterator[HarmMark]:
    for path in lists:
        terms = read_terms(path)
        for row in samples:
            found = tuple(dict.fromkeys(row.text[start:end] for start, end in terms.spans_in(row.text)))
            yield _mark(row, Path(path).name, "list", float(bool(found)), found)


def _by_judges(
    context: Context,
    samples: Sequence[EvaluationSample],
    prompts: Mapping[str, Prompt],
    settings: HarmThresholds,
    judges: Mapping[str, Judge],
) -> Iterator[HarmMark]:
    known = [row for row in samples if row.prompt in prompts]
    if settings.judges and not known:
        raise AuditError("[audit.harm]: judges read prompts, and the run has none of its samples'; name lists")
    asked = [prompts[row.prompt] for row in known]
    texts = [Completion(prompt=row.prompt, text=row.text) for row in known]
    for name, sign in settings.judges:
        judge = _judge(context, name, judges)
        with context.progress.busy(f"  audit: {name} reads {len(known)} samples"):
            scores = judge.score(asked, texts).value_N.tolist()
        for row, score in zip(known, scores, strict=True):
            if isfinite(score):  # else it is not known
                yield _mark(row, name.rpartition("/")[2], "judge", sign * score)


def _unsupported(
    samples: Sequence[EvaluationSample], prompts: Mapping[str, Prompt], settings: HarmThresholds
) -> Iterator[HarmMark]:
    """Samples whose prompts are known; without `grounded`, of those that have a reference."""
    references = read_references(settings.references)
    for row in samples:
        if (prompt := prompts.get(row.prompt)) is None:
            continue
        beside = references.get(prompt_text(prompt).strip(), ())
        if settings.grounded or beside:
            sources = [*(message.content for message in prompt.messages), *beside]
            found = tuple(unsupported_in(row.text, sources))
            yield _mark(row, "unsupported", "unsupported", float(bool(found)), found)


def _mark(row: EvaluationSample, measure: str, kind: str, value: float, terms: tuple[str, ...] = ()) -> HarmMark:
    return HarmMark.model_validate(
        {
            "arm": row.arm,
            "index": row.index,
            "prompt": row.prompt,
            "measure": measure,
            "kind": kind,
            "value": value,
            "terms": terms,
        }
    )


def _judge(context: Context, name: str, judges: Mapping[str, Judge]) -> Judge:
    """A judge of the run, one of `[rewards.NAME]`, or a function. Raises `AuditError` where there is none."""
    file, colon, function = name.rpartition(".py:")
    if colon:
        return function_judge(f"{file}.py", function, name="harm")
    rewards = context.recipe.rewards
    if name in rewards:
        return rewards[name].load(context.run, stage=context.beside(f"rewards/{name}"))
    known = {**judges_of(context), **judges}
    if name not in known:
        raise AuditError(
            f"[audit.harm]: the run has no judge '{name}'{nearest(name, [*known, *rewards])}; or name a function, "
            "FILE.py:NAME"
        )
    return known[name]


def _code_of(settings: HarmThresholds) -> list[str]:
    """The Python files whose functions judge."""
    return [f"{name.rpartition('.py:')[0]}.py" for name, _ in settings.judges if ".py:" in name]
