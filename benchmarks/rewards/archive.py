"""The archive of movie-review ratings: mixed kinds of feedback, a head a rater, and members against people.

Sheets of 30 snippets, each rated by some 20 people from -4 to 4. Rewards are linear in features of SmolLM2-135M (last
token's state after its first 12 layers, 64 principal components), fitted by the terms that recipes use; trained on some
sheets, tested on others.

mixed        each person of the training sheets belongs to one third: of the first the ratings are read, of the second
             rankings of four, of the third comparisons. One reward of each third, one of all three; Spearman's
             correlation with the mean rating of a held-out snippet, within its sheet
persons      a person's reward is everybody's, or everybody's and a deviation of their own from 20 of their ratings:
             how often it orders their other ten as they do
pairwise     share of 20 members (Bayesian bootstrap over people) that prefer a snippet to another one of its sheet,
             against the share of people who do; beside it the probability of the mean reward
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import spearmanr
from torch import Tensor

from accord.feedback import Dataset, Ledger, import_feedback
from accord.lm.layers import cut_layers
from accord.lm.loading import load
from accord.lm.packed import pack, tokenized
from accord.records import Comparison, Completion, Feedback, Prompt, Ranking, Rating
from accord.reward.terms.base import Term
from accord.reward.terms.comparisons import Answering, Comparisons
from accord.reward.terms.graded_ratings import GradedRatings
from accord.reward.terms.rankings import Rankings
from accord.stats import Estimate, mean

Floats = NDArray[np.float64]
LAYERS, WIDTH = 12, 64
TRAINED, TESTED = 60, 40  # sheets
PRIOR = 1.0  # deviation of each weight of the reward
MEMBERS = 20
DEVIATIONS = (0.1, 0.2, 0.4)  # of a person's weights from everybody's


@dataclass(frozen=True)
class Sheet:
    """Ratings of the people of a sheet, by person and snippet (its number among all)."""

    name: str
    ratings: dict[str, dict[int, float]]

    @property
    def snippets(self) -> list[int]:
        """The snippets that several people rated."""
        return sorted({number for of_person in self.ratings.values() for number in of_person})

    def mean_of(self, number: int) -> float:
        """The mean rating of a snippet."""
        return float(np.mean([of_person[number] for of_person in self.ratings.values() if number in of_person]))


def measure(data: Path, seeds: range) -> dict[str, Any]:
    """All three, on sheets drawn by each seed."""
    with TemporaryDirectory() as folder, Ledger(Path(folder) / "ratings.db") as ledger:
        import_feedback(data / "hutto_ICWSM_2014.tar.gz", "ratings_archive", ledger)
        records, completions, prompts = list(ledger.feedback()), ledger.completions(), ledger.prompts()
        evaluators = ledger.evaluators()
    by_sheet: dict[str, list[Feedback]] = {}
    for record in records:
        if record.repeat_of is None:
            by_sheet.setdefault(str(record.session), []).append(record)
    found: dict[str, Any] = {}
    for seed in seeds:
        random = np.random.default_rng(seed)
        drawn = random.permutation(sorted(by_sheet))[: TRAINED + TESTED].tolist()
        chosen = [record for name in drawn for record in by_sheet[name]]
        ids = list(dict.fromkeys(record.completions[0] for record in chosen))
        place = {name: number for number, name in enumerate(ids)}
        feature_ND = _features([completions[name] for name in ids], prompts)
        sheets = [_sheet(name, by_sheet[name], place) for name in drawn]
        learnt, tested = drawn[:TRAINED], sheets[TRAINED:]
        dataset = Dataset(
            prompts=prompts,
            completions={name: completions[name] for name in ids},
            evaluators=evaluators,
            split_of=dict.fromkeys(prompts, "train"),
            pairs={},
            feedback={"train": _thirds([by_sheet[name] for name in learnt], random)},
        )
        found[f"seed {seed}"] = {
            "mixed": _mixed(dataset, feature_ND, place, tested),
            "persons": _persons(sheets[:TRAINED], feature_ND, random),
            "pairwise": _pairwise(sheets[:TRAINED], tested, feature_ND, random),
        }
    return found


def _sheet(name: str, records: Sequence[Feedback], place: dict[str, int]) -> Sheet:
    ratings: dict[str, dict[int, float]] = {}
    for record in records:
        assert isinstance(record.judgement, Rating)
        ratings.setdefault(record.evaluator, {})[place[record.completions[0]]] = record.judgement.value
    return Sheet(name, ratings)


@torch.no_grad()
def _features(completions: Sequence[Completion], prompts: dict[str, Prompt]) -> Floats:
    """Standardised principal components of the states at the last tokens, [N, 64]."""
    causal = load("smollm2-135m")
    cut_layers(causal, LAYERS)
    answers = [
        tokenized(causal, causal.encode_prompt(prompts[each.prompt]), each, key, judged=True)
        for key, each in enumerate(completions)
    ]
    state_ND = np.zeros((len(answers), causal.width))
    for batch in pack(causal, answers, batch_tokens=8192):
        state_ND[list(batch.keys)] = batch.hidden(causal)[batch.last_A].double().numpy()
    state_ND -= state_ND.mean(0)
    _, _, direction_DD = np.linalg.svd(state_ND, full_matrices=False)
    component_ND = state_ND @ direction_DD[:WIDTH].T
    return np.asarray(component_ND / component_ND.std(0))


def _thirds(sheets: Sequence[Sequence[Feedback]], random: np.random.Generator) -> tuple[Feedback, ...]:
    """Ratings of a third of the people; rankings of four, and comparisons, made of the ratings of the other two."""
    records: list[Feedback] = []
    for sheet in sheets:
        by_person: dict[str, list[Feedback]] = {}
        for record in sheet:
            by_person.setdefault(record.evaluator, []).append(record)
        kind = 0
        for person in random.permutation(sorted(by_person)).tolist():
            theirs = [by_person[person][i] for i in random.permutation(len(by_person[person]))]
            kind = (kind + 1) % 3
            if kind == 0:
                records += theirs
                continue
            size = 4 if kind == 1 else 2
            records += [_joined(theirs[i : i + size]) for i in range(0, len(theirs) - size + 1, size)]
    return tuple(records)


def _joined(ratings: Sequence[Feedback]) -> Feedback:
    """Ratings of one person as a comparison of two, or a ranking of more; equal ones are ties."""
    values = [record.judgement.value for record in ratings if isinstance(record.judgement, Rating)]
    judgement: Comparison | Ranking
    if len(values) == 2:
        preferred = "tie" if values[0] == values[1] else "left" if values[0] > values[1] else "right"
        judgement = Comparison(preferred=preferred)
    else:
        levels = sorted(set(values), reverse=True)
        judgement = Ranking(tiers=tuple(tuple(i for i, v in enumerate(values) if v == level) for level in levels))
    first = ratings[0]
    return Feedback(
        evaluator=first.evaluator,
        prompt=first.prompt,
        completions=tuple(record.completions[0] for record in ratings),
        judgement=judgement,
        session=first.session,
    )


def _mixed(data: Dataset, feature_ND: Floats, place: dict[str, int], tested: Sequence[Sheet]) -> dict[str, Any]:
    made: dict[str, Callable[[], Term]] = {
        "ratings": lambda: GradedRatings.of(data),
        "rankings": lambda: Rankings.of(data),
        "comparisons": lambda: Comparisons.of(data, Answering(ties="davidson"), acts=True),
    }
    arms = {**{name: [name] for name in made}, "joint": list(made)}
    by_arm: dict[str, list[float]] = {}
    acts = {}
    for arm, names in arms.items():
        terms = [made[name]() for name in names]
        acts[arm] = sum(len(term.read(data, "train").observations) for term in terms)
        score_N = feature_ND @ _fitted(terms, data, feature_ND, place)
        by_arm[arm] = [_rank_correlation(score_N, sheet) for sheet in tested]
    table: dict[str, Any] = {
        arm: {"acts": acts[arm], "spearman": mean(values).to_json()} for arm, values in by_arm.items()
    }
    for arm in made:
        gains = np.subtract(by_arm["joint"], by_arm[arm])
        table[f"joint less {arm}"] = mean(gains.tolist()).to_json()
    return table


def _rank_correlation(score_N: Floats, sheet: Sheet) -> float:
    """Of the scores of a sheet's snippets with their mean ratings."""
    numbers = sheet.snippets
    return float(spearmanr(score_N[numbers], [sheet.mean_of(number) for number in numbers]).statistic)


def _fitted(terms: Sequence[Term], data: Dataset, feature_ND: Floats, place: dict[str, int]) -> Floats:
    """The MAP weights under the terms' joint likelihood, [D]."""
    feature = torch.tensor(feature_ND, dtype=torch.float32)
    weight_D = torch.zeros(feature.shape[1], requires_grad=True)
    readings = [term.read(data, "train").observations for term in terms]
    places = [[[place[name] for name in each.completions] for each in reading] for reading in readings]
    parameters = [weight_D, *(each for term in terms for each in term.parameters())]
    optimiser = torch.optim.LBFGS(parameters, max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        score_N1 = (feature @ weight_D)[:, None]
        total = weight_D.square().sum() / (2 * PRIOR**2)
        for term, reading, rows in zip(terms, readings, places, strict=True):
            total = total + term.nll(score_N1, reading, rows).sum() + term.penalty()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[arg-type]
    return weight_D.detach().double().numpy()


def _differences(of_person: dict[int, float], numbers: Sequence[int], feature_ND: Floats) -> Floats:
    """Features of the snippet that somebody rated higher less those of the other one, [P, D]; ties are left out."""
    pairs = [(a, b) for a, b in combinations(numbers, 2) if of_person[a] != of_person[b]]
    ordered = [(a, b) if of_person[a] > of_person[b] else (b, a) for a, b in pairs]
    if not ordered:
        return np.zeros((0, feature_ND.shape[1]))
    higher, lower = np.array(ordered).T
    return np.asarray(feature_ND[higher] - feature_ND[lower])


def _newton(difference_PD: Floats, weight_P: Floats, prior_std: float, offset_P: Floats | float = 0.0) -> Floats:
    """MAP weights of a Bradley-Terry reward linear in the differences, [D]; some of the margin may be given."""
    weight_D = np.zeros(difference_PD.shape[1])
    for _ in range(25):
        p_P = expit(-(difference_PD @ weight_D + offset_P))
        slope_D = difference_PD.T @ (weight_P * p_P) - weight_D / prior_std**2
        curve_DD = (difference_PD.T * (weight_P * p_P * (1 - p_P))) @ difference_PD
        step_D = np.linalg.solve(curve_DD + np.eye(len(weight_D)) / prior_std**2, slope_D)
        weight_D = weight_D + step_D
        if np.abs(step_D).max() < 1e-8:
            break
    return weight_D


def _persons(sheets: Sequence[Sheet], feature_ND: Floats, random: np.random.Generator) -> dict[str, Any]:
    """Each person's ratings are cut into 20 and the rest; a pair counts as much as its person has others like it."""
    cuts = {
        (sheet.name, person): [int(i) for i in random.permutation(sorted(of_person))]
        for sheet in sheets
        for person, of_person in sheet.ratings.items()
        if len(of_person) >= 25
    }
    ratings = {(sheet.name, person): sheet.ratings[person] for sheet in sheets for person in sheet.ratings}
    own = {key: _differences(ratings[key], numbers[:20], feature_ND) for key, numbers in cuts.items()}
    # 190 pairs of 20 ratings are no 190 answers: each weighs as if a rating were an answer.
    shares = {key: np.full(len(pairs), 20 / max(1, len(pairs))) for key, pairs in own.items()}
    everybody_D = _newton(np.concatenate(list(own.values())), np.concatenate(list(shares.values())), PRIOR)
    right: dict[str, list[float]] = {}
    for key, numbers in cuts.items():
        held_PD = _differences(ratings[key], numbers[20:], feature_ND)
        if not len(held_PD):
            continue
        right.setdefault("everybody's", []).append(float((held_PD @ everybody_D > 0).mean()))
        for prior in DEVIATIONS:
            deviation_D = _newton(own[key], shares[key], prior, own[key] @ everybody_D)
            share = float((held_PD @ (everybody_D + deviation_D) > 0).mean())
            right.setdefault(f"deviation {prior:g}", []).append(share)
    shared = right["everybody's"]
    table: dict[str, Any] = {name: mean(values).to_json() for name, values in right.items()}
    for prior in DEVIATIONS:
        gains = np.subtract(right[f"deviation {prior:g}"], shared)
        table[f"gain {prior:g}"] = mean(gains.tolist()).to_json()
    return table


def _pairwise(
    learnt: Sequence[Sheet], tested: Sequence[Sheet], feature_ND: Floats, random: np.random.Generator
) -> dict[str, Any]:
    """Mean distance of a share of members, and of the reward's probability, from the share of people."""
    parts = [_differences(s.ratings[p], sorted(s.ratings[p]), feature_ND) for s in learnt for p in s.ratings]
    owner_P = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    share_P = np.concatenate([np.full(len(part), 30 / max(1, len(part))) for part in parts])
    difference_PD = np.concatenate(parts)
    draw_MO = random.exponential(size=(MEMBERS, len(parts)))
    weight_MD = np.array([_newton(difference_PD, share_P * draw_O[owner_P], PRIOR) for draw_O in draw_MO])
    rows = []
    for sheet in tested:
        for a, b in combinations(sheet.snippets, 2):
            both = [(r[a], r[b]) for r in sheet.ratings.values() if a in r and b in r and r[a] != r[b]]
            if len(both) < 10:
                continue
            margin_M = weight_MD @ (feature_ND[a] - feature_ND[b])
            people = float(np.mean([x > y for x, y in both]))
            rows.append((sheet.name, people, float((margin_M > 0).mean()), float(expit(margin_M.mean()))))
    sheets = [row[0] for row in rows]
    people_P, members_P, chance_P = (np.array([row[k] for row in rows]) for k in (1, 2, 3))

    def distance(share_P: Floats) -> Estimate:
        return mean(np.abs(share_P - people_P).tolist(), sheets)

    sure_P = (members_P == 0) | (members_P == 1)
    return {
        "pairs": len(rows),
        "members": distance(members_P).to_json(),
        "probability": distance(chance_P).to_json(),
        "a half, always": distance(np.full(len(rows), 0.5)).to_json(),
        "pairs of which all members prefer the same": float(sure_P.mean()),
        "share of people who prefer it too": float(np.where(members_P == 1, people_P, 1 - people_P)[sure_P].mean()),
    }
