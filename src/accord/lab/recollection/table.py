"""The table: gold and labels by how it was asked, stops, and features over rounds."""

from collections.abc import Iterator

from accord.lab.recollection.cells import INTERVALS, SHARE
from accord.lab.recollection.report import share_of_peak
from accord.lab.recollection.results import Floats, Results, asking_runs, courses, has, stops
from accord.stats import mean

__all__ = ["table"]


def table(results: Results) -> str:
    """Markdown, means over seeds with intervals."""
    rows: list[str] = []
    for arm in ("turns", "control"):
        if has(results, arm):
            rows += [f"| gold {'turns' if arm == 'turns' else 'does not turn'}: asked | gold at the end | labels | "]
            rows[-1] += "askings after the first |"
            rows += ["|---|---|---|---|", *_asked_rows(results, arm), ""]
    if has(results, "turns") and has(results, "control"):
        rows += ["| a stop by comparisons | stopped | kept at least .9 of the peak | share of the peak kept |"]
        rows += ["|---|---|---|---|", *_stop_rows(results), ""]
    for arm in ("biased", "unbiased"):
        if has(results, arm):
            rows += [f"| first reward {arm}: texts by the start | feature | log-odds after rounds 0 to 5 |"]
            rows += ["|---|---|---|", *_feature_rows(results, arm), ""]
    return "\n".join(rows).rstrip("\n")


def _asked_rows(results: Results, arm: str) -> Iterator[str]:
    for how in (*(f"every {every}" for every in INTERVALS), "rule"):
        numbers = (
            asking_runs(results, arm, how, lambda point: point.gold[-1]),
            asking_runs(results, arm, how, lambda point: point.labels),
            asking_runs(results, arm, how, lambda point: point.askings),
        )
        yield _row(how, *(_text(each, digits) for each, digits in zip(numbers, (2, 0, 1), strict=True)))


def _stop_rows(results: Results) -> Iterator[str]:
    for arm, name in (("turns", "gold turns"), ("control", "gold does not")):
        stopped = stops(results, arm, lambda point: point.stop is not None)
        in_time = stops(results, arm, lambda point: share_of_peak(point) >= 0.9)
        yield _row(name, _text(stopped, 3), _text(in_time, 3), _text(stops(results, arm, share_of_peak), 3))


def _feature_rows(results: Results, arm: str) -> Iterator[str]:
    for share in (0.0, SHARE):
        for name, course in courses(results, arm, share).items():
            yield _row(f"{share:g}", name, ", ".join(f"{each:.2f}" for each in course))


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(value_S: Floats, digits: int) -> str:
    estimate = mean(value_S)
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
