"""How often do the intervals of `accord.stats` hold what they should? Data whose truth is known, drawn again and again.

    tools/interval_coverage --repetitions 2000

prints the table of docs/statistics.md. A design draws data from a random generator and returns the estimate and the
truth; its truths are closed forms, or the mean over 400,000 draws.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from accord.feedback import krippendorff_alpha, pair_agreement
from accord.policy.evaluate import win_rate
from accord.records import Comparison, Completion, Evaluator, Feedback, Judgement, Prompt, Rating, Scale
from accord.stats import Estimate, calibration_error, mean, rate

__all__ = ["DESIGNS", "Coverage", "Design", "main", "measure"]

Random = np.random.Generator
Floats = NDArray[np.float64]
WIN_RATES = (0.5, 0.75, 0.88, 0.91, 0.96)
SCALE = Scale(low=-4.0, high=4.0)


@dataclass(frozen=True)
class Design:
    """Data of one kind: `draw` returns an estimate and what it is of. `few`: its counts may be few."""

    name: str
    draw: Callable[[Random], tuple[Estimate, float]]
    few: bool = False


@dataclass(frozen=True)
class Coverage:
    """The share of intervals that hold the truth, its standard error, and their mean width."""

    share: float
    error: float
    width: float


def measure(design: Design, repetitions: int, seed: int) -> Coverage:
    """Draw so often, and count."""
    random = np.random.default_rng([seed, *design.name.encode()])
    held, widths = 0, []
    for _ in range(repetitions):
        estimate, truth = design.draw(random)
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= truth <= estimate.high
        widths.append(estimate.high - estimate.low)
    share = held / repetitions
    return Coverage(share, float(np.sqrt(share * (1 - share) / repetitions)), float(np.mean(widths)))


def _labels(clusters: int, size: int) -> list[int]:
    return np.repeat(np.arange(clusters), size).tolist()


def _normal(clusters: int) -> Callable[[Random], tuple[Estimate, float]]:
    """Clusters of 5 whose means differ as much as what is in them."""

    def draw(random: Random) -> tuple[Estimate, float]:
        value_CN = random.normal(size=(clusters, 1)) + random.normal(size=(clusters, 5))
        return mean(value_CN.ravel(), _labels(clusters, 5)), 0.0

    return draw


def _unequal(clusters: int) -> Callable[[Random], tuple[Estimate, float]]:
    """Clusters of 1 to 9."""

    def draw(random: Random) -> tuple[Estimate, float]:
        label_N = np.repeat(np.arange(clusters), random.integers(1, 10, clusters))
        value_N = random.normal(size=clusters)[label_N] + random.normal(size=label_N.size)
        return mean(value_N, label_N.tolist()), 0.0

    return draw


def _gamma(between: float | None) -> Callable[[Random], tuple[Estimate, float]]:
    """12 prompts of 10 texts: exponential, times a gamma of each prompt with this shape."""

    def draw(random: Random) -> tuple[Estimate, float]:
        of_prompt_P1 = np.ones((12, 1)) if between is None else random.gamma(between, 1 / between, (12, 1))
        return mean((of_prompt_P1 * random.gamma(1.0, 1.0, (12, 10))).ravel(), _labels(12, 10)), 1.0

    return draw


def _share(truth: float, alike: float) -> Callable[[Random], tuple[Estimate, float]]:
    """40 clusters of 12 with this correlation within a cluster (beta-binomial)."""

    def draw(random: Random) -> tuple[Estimate, float]:
        sharpness = 1 / alike - 1 if alike else 0.0
        share_C = random.beta(truth * sharpness, (1 - truth) * sharpness, 40) if alike else np.full(40, truth)
        return rate((random.random((40, 12)) < share_C[:, None]).ravel(), _labels(40, 12)), truth

    return draw


def _wins(truth: float, between: float) -> Callable[[Random], tuple[Estimate, float]]:
    """12 prompts of 10 samples an arm; gains differ from prompt to prompt by this many of a sample's SDs."""
    gain = float(norm.ppf(truth)) * np.sqrt(2 + between**2)

    def draw(random: Random) -> tuple[Estimate, float]:
        start_PG = random.normal(size=(12, 10))
        policy_PG = gain + between * random.normal(size=(12, 1)) + random.normal(size=(12, 10))
        arms = [
            [(str(prompt), float(score)) for prompt, of_prompt in enumerate(score_PG) for score in of_prompt]
            for score_PG in (policy_PG, start_PG)
        ]
        return win_rate(*arms), truth

    return draw


def _crossed(people: int, texts: int, asked: int) -> Callable[[Random], tuple[Estimate, float]]:
    """Everybody has a session of their own and judges `asked` of the same texts: right in .8; both differ."""
    level = float(norm.ppf(0.8)) * np.sqrt(1 + 0.3**2 + 1.0**2)

    def draw(random: Random) -> tuple[Estimate, float]:
        who_N = np.repeat(np.arange(people), asked)
        text_N = np.concatenate([random.permutation(texts)[:asked] for _ in range(people)])
        ease_N = 0.3 * random.normal(size=people)[who_N] + random.normal(size=texts)[text_N]
        right_N = level + ease_N + random.normal(size=who_N.size) > 0
        return rate(right_N, who_N.tolist(), crossed=text_N.tolist()), 0.8

    return draw


def _calibrated(n: int, sharpness: float = 1.0) -> Callable[[Random], tuple[Estimate, float]]:
    """Forecasts whose log-odds are normal; what happens has log-odds `sharpness` times as large."""
    bins = min(15, n // 25)

    @cache
    def truth() -> float:
        logit_N = 1.5 * np.random.default_rng(0).normal(size=400_000)
        gap_N = expit(np.sort(logit_N)) - expit(sharpness * np.sort(logit_N))
        return float(sum(abs(part.sum()) for part in np.array_split(gap_N, bins)) / gap_N.size)

    def draw(random: Random) -> tuple[Estimate, float]:
        logit_N = 1.5 * random.normal(size=n)
        happened_N = (random.random(n) < expit(sharpness * logit_N)).astype(np.float64)
        return calibration_error(expit(logit_N), happened_N), truth()

    return draw


def _people_and_texts(batches: int, people: int, texts: int) -> tuple[list[Evaluator], list[list[Completion]]]:
    asked = Prompt.ask("Which is better?")
    return (
        [Evaluator(kind="person", pseudonym=f"{batch}/{i}") for batch in range(batches) for i in range(people)],
        [[Completion(prompt=asked.id, text=f"{batch}.{i}") for i in range(texts)] for batch in range(batches)],
    )


def _said(who: Evaluator, about: tuple[Completion, ...], judgement: Judgement, session: int) -> Feedback:
    names = tuple(completion.id for completion in about)
    return Feedback(
        evaluator=who.id, prompt=about[0].prompt, completions=names, judgement=judgement, session=str(session)
    )


def _agreeing(batches: int) -> Callable[[Random], tuple[Estimate, float]]:
    """6 people a batch compare its 8 pairs; pairs differ in how clear they are, batches in care."""

    def probability(random: Random, size: int) -> tuple[Floats, Floats]:
        return 1.2 * random.normal(size=(size, 8)), np.exp(0.3 * random.normal(size=(size, 1)))

    @cache
    def truth() -> float:
        clear_BP, care_B1 = probability(np.random.default_rng(0), 50_000)
        first_BP = norm.cdf(clear_BP * care_B1)
        return float(np.mean(first_BP**2 + (1 - first_BP) ** 2))

    def draw(random: Random) -> tuple[Estimate, float]:
        who, texts = _people_and_texts(batches, 6, 16)
        clear_BP, care_B1 = probability(random, batches)
        first_BPE = random.random((batches, 8, 6)) < norm.cdf(clear_BP * care_B1)[:, :, None]
        said = [
            _said(
                who[6 * batch + person],
                (texts[batch][2 * pair], texts[batch][2 * pair + 1]),
                Comparison(preferred="left" if first_BPE[batch, pair, person] else "right"),
                batch,
            )
            for batch, pair, person in np.ndindex(batches, 8, 6)
        ]
        estimate = pair_agreement(said)
        assert estimate is not None
        return estimate, truth()

    return draw


def _rating_alike(batches: int) -> Callable[[Random], tuple[Estimate, float]]:
    """5 people a batch rate its 10 texts with noise of one SD, texts 1.5 apart: alpha is 1.5^2 / (1 + 1.5^2)."""

    def draw(random: Random) -> tuple[Estimate, float]:
        who, texts = _people_and_texts(batches, 5, 10)
        value_BTE = 1.5 * random.normal(size=(batches, 10, 1)) + random.normal(size=(batches, 10, 5))
        value_BTE = np.clip(value_BTE / 3, -4, 4)
        said = [
            _said(
                who[5 * batch + person],
                (texts[batch][text],),
                Rating(value=float(value_BTE[batch, text, person]), scale=SCALE),
                batch,
            )
            for batch, text, person in np.ndindex(batches, 10, 5)
        ]
        estimate = krippendorff_alpha(said)
        assert estimate is not None
        return estimate, 1.5**2 / (1 + 1.5**2)

    return draw


def _designs() -> Iterator[Design]:
    for clusters in (2, 3, 4, 6, 10, 20, 42):
        yield Design(f"mean, normal, {clusters} clusters", _normal(clusters))
    for clusters in (3, 6, 20):
        yield Design(f"mean, normal, {clusters} clusters of 1 to 9", _unequal(clusters))
    yield Design("KL a text, gamma, 12 prompts x 10", _gamma(None))
    yield Design("the same, prompts differ by a gamma of shape 3", _gamma(3.0))
    for truth in (0.95, 0.98, 0.99, 0.995):
        yield Design(f"rate of {truth:g}, 40 clusters x 12", _share(truth, 0.0), few=True)
        yield Design(f"rate of {truth:g}, correlated by .15", _share(truth, 0.15), few=True)
    for truth in WIN_RATES:
        yield Design(
            f"win rate of {truth:g}, 12 prompts x 10 x 2, prompts differ by 1 SD", _wins(truth, 1.0), few=truth > 0.9
        )
        yield Design(f"win rate of {truth:g}, prompts alike", _wins(truth, 0.0), few=truth > 0.8)
    for batches in (3, 6, 12):
        yield Design(f"agreement on pairs, {batches} batches", _agreeing(batches), few=batches == 3)
        yield Design(f"Krippendorff's alpha, {batches} batches", _rating_alike(batches))
    for people, texts, asked in ((5, 60, 60), (10, 40, 40), (30, 25, 25), (40, 200, 20)):
        name = f"accuracy, {people} people with sessions of their own, {asked} of the same {texts} texts"
        yield Design(name, _crossed(people, texts, asked))
    for n in (100, 200, 400, 719):
        yield Design(f"calibration error of 0, {n} pairs", _calibrated(n))
    yield Design("calibration error of .096, 400 pairs", _calibrated(400, 0.5))


DESIGNS = {design.name: design for design in _designs()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args()
    print("| data | holds the truth in | mean width |\n|---|---|---|")
    for design in DESIGNS.values():
        coverage = measure(design, settings.repetitions, settings.seed)
        print(f"| {design.name} | {100 * coverage.share:.1f} % | {coverage.width:.3f} |", flush=True)
