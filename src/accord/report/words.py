"""Numbers and texts in the form in which people read them."""

import re
from collections import Counter
from collections.abc import Sequence

from accord.artefacts.finding import Finding, Verdict
from accord.stats import Estimate

__all__ = [
    "clean",
    "count",
    "counted",
    "duration",
    "interval",
    "memory",
    "observations",
    "of_hundred",
    "percent",
    "rank",
    "series",
    "signed",
    "size",
    "tally",
]

# C0 and C1 controls but tab and line feed, and surrogates that stand alone: they cannot be shown, or not be encoded.
_UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """The text with what cannot be shown made visible as U+FFFD, so that it neither breaks a page nor a terminal."""
    return _UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", text)


def interval(estimate: Estimate, digits: int = 3) -> str:
    """`0.712 [0.698, 0.725]`; a level other than 95 % is named."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:,.{digits}f} [no interval]"
    level = "" if estimate.level == 0.95 else f" ({100 * estimate.level:g} %)"
    return f"{estimate.value:,.{digits}f} [{estimate.low:,.{digits}f}, {estimate.high:,.{digits}f}]{level}"


def observations(estimate: Estimate) -> str:
    """`12,345 (271)`: how many observations, and in brackets how many independent units among them."""
    return f"{estimate.n:,}" + ("" if estimate.clusters is None else f" ({estimate.clusters:,})")


def percent(estimate: Estimate) -> str:
    """`71.2 % [69.8, 72.5] of 12,345`, for a sentence."""
    low, high = estimate.low, estimate.high
    between = "no interval" if low is None or high is None else f"{100 * low:.1f}, {100 * high:.1f}"
    return f"{100 * estimate.value:.1f}\N{NO-BREAK SPACE}% [{between}] of {estimate.n:,}"


def of_hundred(estimate: Estimate) -> str:
    """`71 of 100 (likely 70 to 73)`, for whoever knows no intervals."""
    low, high = estimate.low, estimate.high
    likely = "how sure that is cannot be said" if low is None or high is None else f"likely {_ends(low, high)}"
    return f"{_hundredths(estimate.value)} of 100 ({likely})"


def _ends(low: float, high: float) -> str:
    return f"{_hundredths(low)} to {_hundredths(high)}"


def _hundredths(value: float) -> str:
    """A whole number; what is neither none nor all is not rounded to it."""
    rounded = min(max(round(100 * value), 1), 99) if 0 < value < 1 else round(100 * value)
    return f"{rounded}"


def count(number: int, singular: str, plural: str = "") -> str:
    """`1 pair`, `2 pairs`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def counted(value: object) -> str:
    """A whole number with its thousands set apart; anything else as it is."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def duration(seconds: float) -> str:
    """`43 s`, `12 min 4 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(number: int) -> str:
    """Bytes: `312 B`, `4.1 kB`, `560.3 MB`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number} B"


def memory(of_process: int | None, on_gpus: int | None) -> str:
    """The most that a stage held: `560.3 MB`, `2.1 GB and 11.0 GB on the GPU`; empty where it is not known."""
    parts = [size(of_process)] if of_process is not None else []
    return " and ".join([*parts, f"{size(on_gpus)} on the GPU"] if on_gpus is not None else parts)


def signed(value: float) -> str:
    """`+1.43`, `−0.20`, `0.00`."""
    text = f"{abs(value):.2f}"
    if text == "0.00":
        return text
    return ("+" if value > 0 else "\N{MINUS SIGN}") + text


def series(parts: list[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def tally(findings: Sequence[Finding]) -> str:
    """`2 of 14 checks fired (RG2 turnover, DC2 diversity); 2 inconclusive, 1 not assessable, 9 quiet`."""
    fired = [finding for finding in sorted(findings, key=rank) if finding.verdict is Verdict.FIRES]
    names = ", ".join(
        clean(finding.id) + (f", explained by {clean(finding.explained_by[0])}" if finding.explained_by else "")
        for finding in fired
    )
    head = f"{len(fired)} of {count(len(findings), 'check')} fired" + (f" ({names})" if fired else "")
    rest = Counter(finding.words for finding in sorted(findings, key=rank) if finding.verdict is not Verdict.FIRES)
    return head + (f"; {', '.join(f'{number} {words}' for words, number in rest.items())}" if rest else "")


def rank(finding: Finding) -> tuple[int, bool, bool]:
    """Where a finding stands in a list: what fires and no other explains first, what is quiet last."""
    return _ORDER.index(finding.verdict), bool(finding.explained_by), not finding.fundamental


_ORDER = (Verdict.FIRES, Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE, Verdict.QUIET)
