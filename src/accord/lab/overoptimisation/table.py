"""The table: for each arm its peaks, what is left of them, the laws, and the alarm."""

from collections.abc import Iterator

import numpy as np

from accord.lab.overoptimisation.cells import ARMS, STEP
from accord.lab.overoptimisation.curves import Curves, Results, alarms, curves, scores_of
from accord.lab.overoptimisation.laws import Form, aic_difference
from accord.lab.overoptimisation.report import in_time, lead, share_kept
from accord.stats import Estimate, jackknife, mean

__all__ = ["table"]

OPTIMISERS: tuple[Form, ...] = ("best-of-n", "rl")


def table(results: Results) -> str:
    """Markdown: a row for each way to optimise a reward, then one for each alarm, then steps with and without a KL."""
    rows = [
        "| comparisons | reward | optimised by | score | peak of gold | at sqrt(KL) | left at the end | "
        "fitted peak at | R2 | AIC less the other law's |",
        "|---" * 10 + "|",
        *_curve_rows(results),
        "",
        "| comparisons | reward | rollouts a step | lose a fifth | alarm in time | before the peak | fires | "
        "steps ahead of the loss | sqrt(KL) ahead | left at the alarm |",
        "|---" * 10 + "|",
        *_alarm_rows(results),
        "",
        "| reward | KL term | gold at the end | seeds below the start | KL at the end, nats | "
        "change of entropy, nats a number |",
        "|---" * 6 + "|",
        *_ascent_rows(results),
    ]
    return "\n".join(rows)


def _curve_rows(results: Results) -> Iterator[str]:
    for arm in ARMS:
        for reward in ("linear", "quadratic"):
            for optimiser in OPTIMISERS:
                for score in scores_of(results, arm):
                    found = curves(results, arm, reward, score, optimiser)
                    if found is not None:
                        yield _row(arm, reward, optimiser, score, *_of_curves(found, optimiser))


def _of_curves(found: Curves, form: Form) -> list[str]:
    other: Form = "rl" if form == "best-of-n" else "best-of-n"
    laws, others = found.laws(form), found.laws(other)
    aic = [aic_difference(law, another) for law, another in zip(laws, others, strict=True)]
    return [
        _text(mean(found.peak_S)),
        _text(mean(found.peak_d_S)),
        _text(share_kept(found)),
        _fitted_peak(found, form),
        f"{np.mean([law.r_squared for law in laws]):.3f}",
        f"{np.mean(aic):.1f}",
    ]


def _fitted_peak(found: Curves, form: Form) -> str:
    """Of the law of the mean curve; nothing where it has none within thrice the KLs that were seen."""

    def peak(rows: np.ndarray) -> float:
        return Curves(found.d_N, found.gold_SN[rows].mean(0)[None], found.score_SN[:1]).laws(form)[0].peak

    estimate = jackknife(peak, len(found))
    return _text(estimate) if estimate.value < 3 * found.d_N[-1] else "none"


def _alarm_rows(results: Results) -> Iterator[str]:
    for arm, settings in ARMS.items():
        for rollouts in settings.rollouts:
            for reward in ("linear", "quadratic"):
                points = [point for _, point in alarms(results, (arm,), rollouts) if point.reward == reward]
                if not points:
                    continue
                lost = [point for point in points if point.lost is not None]
                ahead, left = lead(points), [point.left for point in lost if point.left is not None]
                early = sum(point.alarm is not None and point.alarm < point.peak for point in points)
                yield _row(
                    arm,
                    reward,
                    str(rollouts),
                    f"{len(lost)} of {len(points)}",
                    f"{sum(map(in_time, lost))} of {len(lost)}",
                    str(early),
                    f"{sum(point.alarm is not None for point in points)} of {len(points)}",
                    "" if ahead is None else _text(ahead, 1),
                    "" if ahead is None else _text(_scaled(ahead)),
                    f"{np.median(left):.2f}" if left else "",
                )


def _scaled(steps: Estimate) -> Estimate:
    """Steps as sqrt(KL)."""
    low, high = (None if end is None else STEP * end for end in (steps.low, steps.high))
    return Estimate(STEP * steps.value, low, high, steps.n)


def _ascent_rows(results: Results) -> Iterator[str]:
    for reward in ("linear", "quadratic"):
        for optimiser, words in (("with-kl", "yes"), ("without-kl", "no")):
            found = curves(results, "narrow-1000", reward, "plain", optimiser)
            if found is not None and found.entropy_SN is not None:
                end_S = found.gold_SN[:, -1]
                yield _row(
                    reward,
                    words,
                    _text(mean(end_S)) if np.abs(end_S).max() < 1000 else f"median {np.median(end_S):.3g}",
                    f"{int((end_S < 0).sum())} of {len(found)}",
                    f"{found.d_N[-1] ** 2:.3g}",
                    _text(mean(found.entropy_SN[:, -1])),
                )


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(estimate: Estimate, digits: int = 2) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
