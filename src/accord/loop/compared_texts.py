"""What a reward that compares texts makes of changed references, of which it is known whether they say the same."""

from collections.abc import Iterator, Mapping
from random import Random

from accord.artefacts import COMPARED_TEXTS, ComparedText
from accord.interfaces import Judge
from accord.loop.stage import Context
from accord.records import Completion, Prompt
from accord.reward.comparator.edits import EDITS, Edit
from accord.reward.comparator.judge import TextComparisonJudge, texts_of
from accord.run import InputEntry, digest_of_settings

__all__ = ["changed_references", "compare_changed_references"]

PROMPTS = 60
HARMLESS = frozenset({"punctuation", "contraction", "clause order"})
"""Kinds of edits that surely change nothing; of synonyms and forms of numbers people may differ."""


def compare_changed_references(context: Context, judges: Mapping[str, Judge]) -> None:
    """Write `compared_texts.jsonl` where the reward compares texts with references; nothing where it does not.

    What is there stays where reward and references are what they were.
    """
    run, stage, judge = context.run, context.beside("audit"), judges.get("reward")
    if not isinstance(judge, TextComparisonJudge):
        return
    path, name = COMPARED_TEXTS.path(stage), f"{stage}: compared texts"
    files = {file: each.sha256 for file, each in run.files_of(context.beside("reward")).items()}
    entry = InputEntry(digest_of_settings([files, PROMPTS]))
    if run.manifest.inputs.get(name) == entry and run.has(path) and not run.problem_of(path):
        return
    with context.progress.busy("  audit: changing references"):
        COMPARED_TEXTS.write(run, changed_references(judge, context.reader.prompts, seed=run.seed), stage=stage)
    run.record_input(name, entry)


def changed_references(
    judge: TextComparisonJudge, prompts: Mapping[str, Prompt], *, seed: int
) -> Iterator[ComparedText]:
    """Each kind of change once for each of up to 60 prompts, where it applies, beside what the judge makes of it.

    Prompts with several references are left out: what one says less another may say. What is changed is one whole
    reference; edits are drawn from the seed.
    """
    single = {name: prompt for name, prompt in prompts.items() if judge.references.has(prompt)}
    texts = {name: texts_of(judge.references.of(prompt)) for name, prompt in single.items()}
    names = sorted(name for name, of_prompt in texts.items() if len(of_prompt) == 1)
    draw = Random(seed)
    draw.shuffle(names)
    for name in names[:PROMPTS]:
        prompt, (reference,) = prompts[name], texts[name]
        changes = list(_changes(reference, draw))
        if not changes:
            continue
        completions = [Completion(prompt=name, text=text) for _, text in changes]
        scores = judge.score([prompt] * len(changes), completions)
        same_N = scores.components["same"].value_N.tolist()
        for (edit, text), same in zip(changes, same_N, strict=True):
            yield ComparedText(
                prompt=name,
                kind=edit.kind,
                reference=reference,
                text=text,
                same=edit.effect == "same",
                taken_for_same=min(max(same, 0.0), 1.0),
            )


def _changes(reference: str, draw: Random) -> Iterator[tuple[Edit, str]]:
    """One edit of each kind that applies, of those after which a text says something else, or surely the same."""
    edits = [edit for edit in EDITS if edit.effect == "other" or (edit.effect == "same" and edit.kind in HARMLESS)]
    for kind in dict.fromkeys(edit.kind for edit in edits):
        of_kind = [edit for edit in edits if edit.kind == kind]
        draw.shuffle(of_kind)
        for edit in of_kind:
            text = edit.change(reference, draw, ())
            if text is not None and text.strip() and text.split() != reference.split():
                yield edit, text
                break
