"""1: what the model was before there was any feedback."""

from collections.abc import Iterator

from accord.artefacts import MODEL, RECIPE, DisclosureEvidence, DisclosureField
from accord.report.disclosure.fields import known, line, table, unknown
from accord.report.disclosure.findings import audit_field
from accord.report.disclosure.item import Item
from accord.report.disclosure.model_files import architecture, parameters, vocabulary
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records
from accord.report.words import counted, series

__all__ = ["PRETRAINING"]

SECTIONS = ("sft", "policy", "reward")
STAGES = {"sft": "the supervised start", "policy": "the policy"}


def _fields(records: Records) -> Iterator[DisclosureField]:
    yield _base(records)
    yield _size(records)
    yield _tokenizer(records)
    yield _weights(records)
    yield unknown("licence", "Licence of the base model", "runs do not record licences")
    yield audit_field(records, "biases", "Biases that the pretrained model brings in (DC1)", {"DC1"})
    label = "What it remembers of private strings in its training texts"
    yield audit_field(records, "memorisation", label, {"RL2 canaries"})


def _base(records: Records) -> DisclosureField:
    """What training started from, as the recipe names it, and the digest that the run noted of it."""
    label = "Base model"
    lines = []
    for section in SECTIONS:
        base = records.section(section).get("base")
        if not isinstance(base, str):
            continue
        noted = records.reader.run.manifest.inputs.get(f"{section}.base")
        revision = records.section(section).get("revision")
        what = records.privacy.name(base) + (f", revision {revision}" if revision else "")
        lines.append(line(f"[{section}]", what, "none noted" if noted is None else noted.digest))
    if not lines:
        return unknown("base", label, "no recipe in this run names a model")
    names = list(dict.fromkeys(each.cells[1] for each in lines))
    head = ("section of the recipe", "base", "digest of its folder, or commit")
    return known("base", label, series(names), [records.evidence(RECIPE)], lines=table(head, lines))


def _size(records: Records) -> DisclosureField:
    """Parameters by the headers of the weights' files."""
    label, lines, evidence = "Size and architecture", [], list[DisclosureEvidence]()
    for stage, name in STAGES.items():
        counts = parameters(records, stage)
        if counts is None:
            continue
        lines.append(line(name, f"{counts.trained:,}", counts.dtypes, architecture(records, stage) or "not known"))
        evidence += [DisclosureEvidence(file=file, sha256=digest) for file, digest in counts.files]
    if not lines:
        return unknown("size", label, "the run keeps no weights whose size can be read")
    value = f"{series([f'{each.cells[0]} has {each.cells[1]} parameters' for each in lines])}"
    head = ("model", "parameters in the run's files", "kept in", "architecture")
    return known("size", label, f"{value[0].upper()}{value[1:]}.", evidence, lines=table(head, lines))


def _tokenizer(records: Records) -> DisclosureField:
    label = "Tokenizer"
    for stage, name in STAGES.items():
        read = vocabulary(records, stage)
        if read is not None:
            size = f"{counted(read.size)} tokens" if read.size is not None else "a vocabulary of unknown size"
            evidence = [DisclosureEvidence(file=read.file, sha256=read.sha256)]
            return known("tokenizer", label, f"{read.kind}, {size} (that of {name}).", evidence)
    return unknown("tokenizer", label, "the run keeps no tokenizer")


def _weights(records: Records) -> DisclosureField:
    """Digests of every file of the start's and the policy's folders."""
    label = "Digests of the weights"
    lines = [
        line(name, file, entry.sha256)
        for stage, name in STAGES.items()
        for file, entry in records.files_of(MODEL, stage)
    ]
    if not lines:
        return unknown("weights", label, "the run keeps no weights of a start or a policy")
    evidence = [DisclosureEvidence(file=each.cells[1], sha256=each.cells[2]) for each in lines]
    files = {each.cells[0] for each in lines}
    value = f"{len(lines)} files of {series(sorted(files))}, each by its SHA-256."
    return known("weights", label, value, evidence, lines=table(("model", "file", "SHA-256"), lines))


PRETRAINING = Item(
    1,
    "human_feedback.pretraining",
    "Pretraining",
    "What was the model trained on before there was any feedback, and which biases may that have left in it?",
    "records and a person",
    _fields,
    (
        Question(
            "text",
            "Where does the text come from that the base model was trained on, what was filtered out of it, and which "
            "gaps are known?",
        ),
        Question("base", "From which model did training start?"),
        Question("size", "How large is it, and how is it built?"),
        Question("tokenizer", "With which tokenizer does it read?"),
        Question("weights", "By which digests can its weights be told from others?"),
        Question("licence", "Under which licence may the base model be used?"),
        Question("biases", "Which biases of the base model were measured or are known?"),
        Question("memorisation", "Was it tested whether it repeats texts of its training by heart, and what came out?"),
    ),
)
