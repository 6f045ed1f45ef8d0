"""A run of people who are known: their pseudonyms, attributes, pay and words must not leave the house."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accord.artefacts import CARD, FINDINGS, OBJECTIVE, Finding, GroupMeasure, ObjectiveRow, RewardCard, Verdict
from accord.artefacts.finding import IdList
from accord.feedback import Ledger, draw_dataset, write_data
from accord.records import Comparison, Completion, Critique, Evaluator, Feedback, Prompt
from accord.run import RunDirectory
from accord.stats import mean, proportion

__all__ = ["STATEMENTS", "Person", "crowd", "people_of", "secrets_of"]

SHARES = {"train": 0.5, "eval_reward": 0.25, "held_out": 0.25}
RECIPE = """seed = 0

[data]
ledger = "/home/someone.private/feedback.db"
exclude = ["e-1", "a study"]

[sft]
base = "/home/someone.private/models/start"

[reward]
kind = "bradley_terry"
base = "owner/name"

[policy]
kind = "ppo"
"""
STATEMENTS = """
[human_feedback.pretraining]
signed_by = "Ada Writer"
date = 2026-01-31
public = true
text = "Encyclopaedias and forums until 2024; nothing after it."
licence = "apache-2.0"
memorisation = "Not looked for by us."

[systemic.equity]
signed_by = "Ben Payer"
date = "2026-02-01"
text = "Everybody could say no at any time; psychologists were there."
currency = "EUR"
pay_floor = 14.0
harmful_share = 0.02
contact = "people@crowd.example, +49 171 1234567"
"""


@dataclass(frozen=True)
class Person:
    """Somebody who judges, and what is on record of them."""

    pseudonym: str
    region: str | None = None
    payment: str | None = "12 EUR an hour"
    pool: str | None = "the crowd"


def people_of(regions: Sequence[tuple[str | None, int]]) -> list[Person]:
    """So many people of each region, each under a pseudonym that is found in no other text."""
    names = [region for region, number in regions for _ in range(number)]
    return [Person(f"zq{place:03d}kestrel", region) for place, region in enumerate(names)]


def crowd(path: Path, people: Sequence[Person], *, prompts: int = 8, card: bool = True) -> RunDirectory:
    """Everybody compares all pairs of answers, and says of the first what they think. The caller closes the run."""
    draw = np.random.default_rng(0)
    run = RunDirectory.create(path, seed=0)
    run.manifest.created = "2026-01-01T00:00:00+00:00"
    with Ledger(path.with_name(path.name + ".db")) as ledger:
        asked = [
            Prompt.ask(f"Describe the harbour number {place} at dusk.", source="harbours") for place in range(prompts)
        ]
        texts = [
            [Completion(prompt=one.id, text=f"Gulls circle over pier {place} {side}.", writer="start") for side in "ab"]
            for place, one in enumerate(asked)
        ]
        who = [_evaluator(person) for person in people]
        ledger.extend([*asked, *(text for both in texts for text in both), *who])
        ledger.extend(_answers(who, asked, texts, draw))
        data = draw_dataset(ledger, seed=0, fractions=SHARES, unit="prompt")
        write_data(run, data, ledger=ledger, about="Which description of a harbour is livelier?")
    run.write_text("recipe.toml", RECIPE, stage="recipe")
    row = ObjectiveRow(
        kind="bradley_terry", learns_from=("comparison",), likelihood="F(r_a - r_b)", disagreement="noise"
    )
    OBJECTIVE.write(run, row, stage="reward")
    if card:
        CARD.write(run, _card(people), stage="reward")
    FINDINGS.write(run, _findings(who))
    return run


def secrets_of(people: Sequence[Person], prompts: int = 8) -> list[str]:
    """Everything that no redacted byte may hold: pseudonyms, texts of the ledger, notes of evaluators, contacts."""
    texts = [f"Describe the harbour number {place} at dusk." for place in range(prompts)]
    texts += [f"Gulls circle over pier {place} {side}." for place in range(prompts) for side in "ab"]
    texts += [f"I like pier {place} for its gulls." for place in range(prompts)]
    notes = ["posters at the port", "an hour with a harbour master"]
    return [
        *(person.pseudonym for person in people),
        *texts,
        *notes,
        "people@crowd.example",
        "1234567",
        "someone.private",
    ]


def _evaluator(person: Person) -> Evaluator:
    return Evaluator(
        kind="person",
        pseudonym=person.pseudonym,
        pool=person.pool,
        attributes=None if person.region is None else {"region": person.region},
        recruitment="posters at the port",
        training="an hour with a harbour master",
        payment=person.payment,
    )


def _answers(
    who: list[Evaluator], asked: list[Prompt], texts: list[list[Completion]], draw: np.random.Generator
) -> list[Feedback]:
    answers = []
    for one in who:
        for place, prompt in enumerate(asked):
            first, second = texts[place]
            form = {"evaluator": one.id, "prompt": prompt.id, "study": "harbours", "session": f"{one.pseudonym}-1"}
            better = Comparison(preferred="left" if draw.random() < 0.8 else "right")
            answers.append(
                Feedback(
                    **form, completions=(first.id, second.id), judgement=better, shown_digest="d", seconds=30.0,
                    position_in_session=place,
                )
            )  # fmt: skip
        said = Critique(text=f"I like pier {0} for its gulls.")
        answers.append(
            Feedback(**form | {"prompt": asked[0].id}, completions=(texts[0][0].id,), judgement=said, seconds=60.0)
        )
    return answers


def _card(people: Sequence[Person]) -> RewardCard:
    """Accuracies by region, of whoever is of one."""
    regions = dict.fromkeys(person.region for person in people if person.region is not None)
    groups = tuple(GroupMeasure(attribute="region", group=region, estimate=proportion(7, 10)) for region in regions)
    return RewardCard(accuracy=proportion(70, 100), majority=proportion(50, 100), groups=groups)


def _findings(who: list[Evaluator]) -> tuple[Finding, ...]:
    """Findings that name people and repeat their words, as those of checks of one's own may."""
    name, ids = (
        who[0].pseudonym,
        {"evaluators": IdList.of(one.id for one in who[:6]), "prompts": IdList.of(["p-1", "p-2"])},
    )
    return (
        Finding(
            "MH3", "people", "Nobody's answers go against what all the others foresee.", Verdict.FIRES, "above 0.05",
            f"{name} goes against all others: 'I like pier 0 for its gulls.'", mean([0.2, 0.31, 0.24, 0.28]),
            remedy=f"Ask {name}.", ids=ids, title="Individual human evaluators can poison data",
        ),
        Finding(
            "MH3", "few", "One person alone is named.", Verdict.INCONCLUSIVE, "above 0.05", f"{name} and nobody else.",
            mean([0.02, 0.09, 0.06]), needs=f"more answers of {name}", ids={"evaluators": IdList.of([who[0].id])},
        ),
        Finding(
            "RG2", "turnover", "More optimisation would still please the independent judge.", Verdict.QUIET,
            "above 0.05", "It still rises.", mean([0.0, 0.01, 0.02]), fundamental=True, primary=True,
            title="Optimizing for an imperfect reward proxy leads to reward hacking",
        ),
        Finding(
            "OV1", "careless", "Answers were not given at random.", Verdict.NOT_ASSESSABLE, "", "Cannot be assessed.",
            needs=f"more answers than {name} gave", primary=True,
        ),
    )  # fmt: skip
