"""6: what the reward model is the optimum of, and what becomes of people who differ."""

from collections.abc import Iterator

from accord.artefacts import MODEL, OBJECTIVE, RECIPE, DisclosureEvidence, DisclosureField
from accord.report.disclosure.fields import inapplicable, known, line, table, unknown
from accord.report.disclosure.findings import audit_field
from accord.report.disclosure.item import Item
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records
from accord.report.provenance import flat, shown
from accord.report.words import series

__all__ = ["OBJECTIVE_ITEM", "no_reward"]


def no_reward(records: Records) -> str | None:
    """Why there is no reward to tell of; None where there is one, or where it is not known."""
    rewarded = any(records.section(name) for name in ("reward", "rewards", "combine"))
    if rewarded or not records.recipe or any(records.has_model(stage) for stage in records.reward_stages):
        return None
    kind = records.section("policy").get("kind")
    return "the recipe has no reward" + (f"; the policy learns by {kind}" if kind else "")


def _fields(records: Records) -> Iterator[DisclosureField]:
    reason = no_reward(records)
    label, prior, disagreement = "Loss and likelihood", "Prior, or regulariser", "How disagreement is modelled"
    if reason is not None:
        yield inapplicable("likelihood", label, reason)
        yield inapplicable("prior", prior, reason)
        yield inapplicable("disagreement", disagreement, reason)
    else:
        yield _of_rewards(records, "likelihood", label)
        yield _of_rewards(records, "prior", prior)
        yield _of_rewards(records, "disagreement", disagreement)
        yield _settings(records)
    label = "Whether one reward can serve those who answered (PM1, PM2)"
    yield audit_field(records, "findings", label, {"PM1", "PM2"})


def _stages(records: Records) -> dict[str, str]:
    return records.reward_stages | ({"combine": "the combination of rewards"} if records.section("combine") else {})


def _of_rewards(records: Records, name: str, label: str) -> DisclosureField:
    """One column of what each reward's stage noted of its objective."""
    lines, evidence = [], list[DisclosureEvidence]()
    for stage, what in _stages(records).items():
        if not records.reader.has(OBJECTIVE, stage):
            continue
        row = records.reader.value(OBJECTIVE, stage)
        prior = row.prior or ("" if row.learns_from else "none, since nothing is learnt")
        text = {"likelihood": row.likelihood, "prior": prior, "disagreement": row.disagreement}[name]
        if text:
            lines.append(line(what, row.kind, text))
            evidence.append(records.evidence(OBJECTIVE, stage))
    if not lines:
        return unknown(name, label, "no reward of this run says so; runs of earlier versions did not note it")
    told = table(("of what", "kind", label.lower()), lines)
    value = f"Of {series([each.cells[0] for each in lines])}."
    return known(name, label, value, evidence, lines=told)


def _settings(records: Records) -> DisclosureField:
    """All settings of the rewards, as the recipe resolved them."""
    label = "Settings of the rewards"
    sections = {name: records.section(name) for name in ("reward", "rewards", "combine")}
    sections["evaluate.judge"] = records.section("evaluate", "judge")
    lines = [
        line(f"{name}.{key}", records.privacy.name(shown(value)))
        for name, section in sections.items()
        for key, value in flat(section)
    ]
    if not lines:
        return unknown("settings", label, "the run has no recipe")
    folders = [records.evidence(MODEL, stage) for stage in records.reward_stages if records.has_model(stage)]
    evidence, head = [records.evidence(RECIPE), *folders], ("setting", "value")
    return known("settings", label, "As the recipe resolved them.", evidence, lines=table(head, lines))


OBJECTIVE_ITEM = Item(
    6,
    "reward_model.objective",
    "What the reward model learns",
    "By which loss does the reward model learn, and how does it take people who disagree (as noise, for instance)?",
    "records",
    _fields,
    (
        Question("text", "Why this loss, and why is disagreement taken so?"),
        Question("likelihood", "By which loss did the reward model learn?"),
        Question("prior", "What held its weights, and how strongly?"),
        Question("disagreement", "What becomes of people who disagree: noise, groups, a distribution?"),
        Question("settings", "With which settings was it trained?"),
        Question("findings", "Was it tested whether one reward can serve all those who answered?"),
    ),
)
