"""What is concluded: the numbers of the marks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from accord.lab.overoptimisation.curves import INDUCED, Curves, Results, alarms, curves
from accord.lab.overoptimisation.points import AlarmPoint
from accord.lab.trap_world import Floats
from accord.policy.best_of_n import best_of_kl
from accord.stats import Estimate, jackknife, mean, proportion

__all__ = ["conclude", "in_time", "lead", "share_kept"]

CAUTIONS = ("worst", "variance", "posterior")
ON_THE_RISE = 4  # n of the best of n whose KL both optimisers are held against each other at, before the peak


def conclude(results: Results) -> Mapping[str, Estimate]:
    """What the marks are about, and beside them the leads of the alarm."""

    def of(arm: str, reward: str, score: str, optimiser: str) -> Curves:
        found = curves(results, arm, reward, score, optimiser)
        assert found is not None, f"{arm} was not run"
        return found

    return {**_laws(of), **_data(of), **_cures(of), **_without_kl(of), **_alarm(results)}


Lookup = Callable[[str, str, str, str], Curves]


def share_kept(curve: Curves, peak_of: Curves | None = None) -> Estimate:
    """Gold at the end over its peak, a ratio of sums over seeds; the higher of two peaks where another is named."""
    peak_S = curve.peak_S if peak_of is None else np.maximum(curve.peak_S, peak_of.peak_S)
    return jackknife(lambda rows: _ratio(curve.gold_SN[rows, -1], peak_S[rows]), len(curve))


def _ratio(above: Floats, below: Floats) -> float:
    return float(above.sum() / below.sum()) if below.sum() else float("nan")


def _laws(of: Lookup) -> dict[str, Estimate]:
    """The fits, that gold turns in the trap and not without it, and who is behind at equal KL."""
    best, rl = (of("narrow-1000", "linear", "plain", optimiser) for optimiser in ("best-of-n", "rl"))
    early, late = best_of_kl(ON_THE_RISE) ** 0.5, float(best.d_N[-1])
    estimates = {
        "best-of-n-law": mean([law.r_squared for law in best.laws("best-of-n")]),
        "rl-law": mean([law.r_squared for law in rl.laws("rl")]),
        "best-of-n-kept": share_kept(best),
        "rl-kept": share_kept(rl),
        "lag-rise": mean(best.at(early) - rl.at(early)),
        "lag-fall": mean(rl.at(late) - best.at(late)),
    }
    for optimiser in ("best-of-n", "rl"):
        healthy = [of("healthy-1000", reward, "plain", optimiser) for reward in ("linear", "quadratic")]
        end_S, peak_S = (
            sum((each.gold_SN[:, -1] for each in healthy), np.zeros(len(best))),
            sum((each.peak_S for each in healthy), np.zeros(len(best))),
        )
        estimates[f"healthy-{optimiser}-kept"] = _jackknifed_ratio(end_S, peak_S)
    return estimates


def _jackknifed_ratio(above_S: Floats, below_S: Floats) -> Estimate:
    return jackknife(lambda rows: _ratio(above_S[rows], below_S[rows]), len(above_S))


def _data(of: Lookup) -> dict[str, Estimate]:
    """What more comparisons change: the slope at the beginning, the height of the peak, its place."""
    estimates = {}
    for reward in ("linear", "quadratic"):
        few, many = (of(f"narrow-{pairs}", reward, "plain", "best-of-n") for pairs in (150, 5000))
        slopes = [[law.alpha for law in each.laws("best-of-n")] for each in (few, many)]
        estimates[f"alpha-{reward}"] = mean(np.subtract(slopes[1], slopes[0]))
        estimates[f"peak-{reward}"] = mean(many.peak_S - few.peak_S)
        estimates[f"later-{reward}"] = mean(many.peak_d_S - few.peak_d_S)
    return estimates


def _cures(of: Lookup) -> dict[str, Estimate]:
    """What is lost of the peak by each cure, of the right class; what is left by the wrong one."""
    estimates = {"mean-kept": share_kept(of("narrow-1000", "quadratic", "mean", "best-of-n"))}
    for optimiser in ("best-of-n", "rl"):
        plain = of("narrow-1000", "quadratic", "plain", optimiser)
        for score in CAUTIONS:
            cautious = of("narrow-1000", "quadratic", score, optimiser)
            estimates[f"{optimiser}-lost-{score}"] = _lost(share_kept(cautious, plain))
        again = of("recollected-1000", "quadratic", "plain", optimiser)
        estimates[f"{optimiser}-lost-recollected"] = _lost(share_kept(again, plain))
    for reward in ("linear", "quadratic"):
        again, plain = (of(arm, reward, "plain", "rl") for arm in ("recollected-1000", "narrow-1000"))
        estimates[f"recollected-gain-{reward}"] = mean(again.gold_SN[:, -1] - plain.gold_SN[:, -1])
    plain, cautious = (of("narrow-1000", "linear", score, "best-of-n") for score in ("plain", "posterior"))
    estimates["wrong-class-kept"] = share_kept(cautious, plain)
    estimates["wrong-class-gain"] = mean(cautious.gold_SN[:, -1] - plain.gold_SN[:, -1])
    return estimates


def _lost(kept_share: Estimate) -> Estimate:
    """One less an estimate."""
    low, high = (None if end is None else 1 - end for end in (kept_share.high, kept_share.low))
    return replace(kept_share, value=1 - kept_share.value, low=low, high=high)


def _without_kl(of: Lookup) -> dict[str, Estimate]:
    without, held = (of("narrow-1000", "linear", "plain", optimiser) for optimiser in ("without-kl", "with-kl"))
    return {
        "without-kl": proportion(int((without.gold_SN[:, -1] < 0).sum()), len(without)),
        "with-kl": mean(held.gold_SN[:, -1]),
    }


def _alarm(results: Results) -> dict[str, Estimate]:
    """In how many runs that lose a fifth the alarm is in time, and how often it fires where gold only rises."""
    estimates = {}
    for rollouts in (100, 400):
        name = "" if rollouts == 100 else f":{rollouts}"
        induced = [point for _, point in alarms(results, INDUCED, rollouts) if point.lost is not None]
        controls = [point for _, point in alarms(results, ("healthy-1000",), rollouts)]
        if induced:
            estimates[f"alarm-in-time{name}"] = proportion(sum(map(in_time, induced)), len(induced))
        else:
            estimates[f"alarm-in-time{name}"] = Estimate(0.0, None, None, 0, method="no run loses a fifth")
        if controls:
            fired = sum(point.alarm is not None for point in controls)
            estimates[f"alarm-control{name}"] = proportion(fired, len(controls))
    return estimates


def in_time(point: AlarmPoint) -> bool:
    """Whether the alarm came before a fifth was lost."""
    return point.alarm is not None and point.lost is not None and point.alarm < point.lost


def lead(points: Sequence[AlarmPoint]) -> Estimate | None:
    """Steps from the alarm to the loss of a fifth, below 0 where it comes too late; None where there is no such run."""
    steps = [point.lost - point.alarm for point in points if point.lost is not None and point.alarm is not None]
    return mean(steps) if steps else None
