"""3: how what people judged was chosen, and what was done against poisoning."""

from collections import Counter
from collections.abc import Iterator, Mapping

from accord.artefacts import COMPLETIONS, PROMPTS, RECIPE, SPLITS, SUMMARY, DisclosureEvidence, DisclosureField
from accord.report.disclosure.fields import known, line, table, unknown
from accord.report.disclosure.findings import audit_field
from accord.report.disclosure.item import Item
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records
from accord.report.optional import summary_of
from accord.report.provenance import shown
from accord.report.words import count, counted, series

__all__ = ["EXAMPLES_ITEM"]

UNSTATED = "not recorded"
RULES = {
    "split_by": "whole units of the splits",
    "studies": "studies read",
    "kinds": "kinds of judgement read",
    "evaluator_kinds": "kinds of evaluators read",
    "rounds": "rounds read",
    "max_pairs": "most pairs drawn",
    "too_long": "texts too long for a model",
    "structured": "what is more than a text",
    "trust": "whose answers weigh less, by",
    "raking": "weights that give a population's shares",
}


def _fields(records: Records) -> Iterator[DisclosureField]:
    yield _sources(records)
    yield _writers(records)
    yield _selection(records)
    yield _exclusions(records)
    yield audit_field(records, "coverage", "Whether people judged what the policy will be asked (DQ1)", {"DQ1"})
    yield audit_field(records, "overlap", "Whether anything stands on both sides of a split (P-SPLIT)", {"P-SPLIT"})
    yield audit_field(records, "poisoning", "Signs of poisoning (MH3)", {"MH3"})


def _sources(records: Records) -> DisclosureField:
    """Prompts by their source, and judgements by their study."""
    label = "Where prompts and judgements come from"
    if not records.prompts:
        return unknown("sources", label, "the run has no prompts")
    prompts = Counter(each.source or UNSTATED for each in records.prompts)
    studies = Counter(each.study or UNSTATED for each in records.feedback)
    distinct = len({" ".join(each.text.split()) for each in records.prompts})
    lines = [line("prompts of", *cells) for cells in _rows(records, prompts)]
    lines += [line("judgements of the study", *cells) for cells in _rows(records, studies)]
    value = f"{count(len(records.prompts), 'prompt')}, {counted(distinct)} of them different texts"
    value += f"; {count(len(records.feedback), 'judgement')}." if records.feedback else "."
    evidence = [records.evidence(PROMPTS), *records.answers_evidence()]
    return known("sources", label, value, evidence, lines=table(("what", "source", "number"), lines))


def _rows(records: Records, numbers: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for name, number in sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0])):
        yield records.privacy.name(name), f"{number:,}"


def _writers(records: Records) -> DisclosureField:
    """Who wrote what was judged: the share of each writer, the run's own models among them."""
    label = "Who wrote the texts that were judged"
    writers = Counter(each.writer for each in records.completions)
    if not writers.keys() - {None}:
        return unknown("writers", label, "no completion says who wrote it")
    total = writers.total()
    lines = [
        line(records.privacy.name(name or UNSTATED), f"{number:,}", f"{number / total:.1%}")
        for name, number in sorted(writers.items(), key=lambda pair: (-pair[1], pair[0] or ""))
    ]
    value = f"{count(total, 'text')} by {count(len(writers.keys() - {None}), 'writer')}."
    head = ("writer", "texts", "share")
    return known("writers", label, value, [records.evidence(COMPLETIONS)], lines=table(head, lines))


def _selection(records: Records) -> DisclosureField:
    """The rules of the recipe by which examples were drawn and split, and what came of them."""
    label = "Rules by which examples were drawn and split"
    data, summary = records.section("data"), summary_of(records.reader)
    if not data and summary is None:
        return unknown("selection", label, "the run has neither a recipe nor counts of its data")
    evidence, lines = list[DisclosureEvidence](), []
    if data:
        shares = ", ".join(f"{split} {shown(data[split])}" for split in SPLITS if split in data)
        lines += [line("shares of the splits", shares)] if shares else []
        lines += [line(words, _told(records, data[key])) for key, words in RULES.items() if key in data]
        evidence.append(records.evidence(RECIPE))
    if summary is not None:
        drawn = {split: (number, summary.pairs.get(split, 0)) for split, number in summary.prompts.items()}
        lines += [line(f"prompts and pairs of {split}", f"{a:,} and {b:,}") for split, (a, b) in drawn.items()]
        evidence.append(records.evidence(SUMMARY))
    value = "Drawn by the rules of the recipe and the seed of the run." if data else "Only what came of it is known."
    return known("selection", label, value, evidence, lines=table(("rule", "setting"), lines))


def _told(records: Records, value: object) -> str:
    if isinstance(value, list):
        return ", ".join(records.privacy.name(str(each)) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return counted(value)


def _exclusions(records: Records) -> DisclosureField:
    """What was read and not learnt from, and why."""
    label = "What was left out"
    summary = summary_of(records.reader)
    if summary is None:
        return unknown("exclusions", label, "the run has no counts of its data")
    lines = [line(reason, f"{number:,}") for reason, number in (summary.unused or {}).items()]
    lines += [line("would stand in two splits", f"{summary.bound_twice:,}")] if summary.bound_twice else []
    excluded = records.excluded
    kinds = Counter({"e-": "evaluator", "f-": "judgement"}.get(str(each)[:2], "study") for each in excluded)
    parts = [_left_out(records, kind, number) for kind, number in sorted(kinds.items())]
    value = f"By the recipe: {series(parts)}." if parts else "The recipe leaves nothing and nobody out by name."
    value = value if records.recipe else "Only what came of the choice is known."
    evidence = [records.evidence(SUMMARY)] + ([records.evidence(RECIPE)] if records.recipe else [])
    head = ("judgements that no pair was drawn from", "number")
    return known("exclusions", label, value, evidence, lines=table(head, lines))


def _left_out(records: Records, kind: str, number: int) -> str:
    if kind == "evaluator":
        return f"{records.privacy.people(number)} of the evaluators"
    return count(number, kind, "studies" if kind == "study" else "")


EXAMPLES_ITEM = Item(
    3,
    "human_feedback.example_selection",
    "Examples",
    "How were the examples chosen that people judged, and what was done against poisoning?",
    "records and a person",
    _fields,
    (
        Question("text", "By which policy were prompts and texts chosen for people to judge?"),
        Question("safeguards", "What was done against people who mean harm, as where anybody could take part?"),
        Question("sources", "Where do prompts and judgements come from?"),
        Question("selection", "By which rules were examples drawn and split?"),
        Question("exclusions", "What was left out, and why?"),
        Question("coverage", "Were people asked about what the model will be asked?"),
        Question("overlap", "How was it made sure that nothing was learnt from and tested on?"),
        Question("poisoning", "How was it looked whether somebody poisoned the data?"),
        Question("writers", "Who wrote the texts that were judged, and how many of them the policy itself?"),
    ),
)
