"""What was found, as Markdown: means over seeds with intervals."""

from collections.abc import Iterator, Sequence

import numpy as np

from accord.lab.not_knowing.answering import ALL_KNOWN, FEW, OPEN_MEMORY, SHARES
from accord.lab.not_knowing.comparators import PROGRAMS, TAUGHT
from accord.lab.not_knowing.language import LEARNERS
from accord.lab.not_knowing.learning import PENALTIES
from accord.lab.not_knowing.results import Results, answered, compared, in_mode, rewards
from accord.lab.not_knowing.world import MODES, Floats
from accord.stats import mean

__all__ = ["shown_learners", "table"]


def shown_learners() -> list[tuple[str, float | None]]:
    """All learners of the network, with the penalty that each knows."""
    taught = ["sft all", "sft known", "distilled", *(f"sft {share:g}" for share in SHARES)]
    rows: list[tuple[str, float | None]] = [("start", None), *((name, None) for name in taught)]
    rows += [("sft idk", penalty) for penalty in PENALTIES]
    rows += [("rl from start", penalty) for penalty in PENALTIES]
    rows += [(f"rl from {name}", penalty) for name in ("sft all", "sft idk", "zero") for penalty in FEW]
    return [*rows, (OPEN_MEMORY, 1.0), *((ALL_KNOWN, penalty) for penalty in FEW)]


def table(results: Results) -> str:
    """Learners, comparators and modes, a table each."""
    return "\n".join([*_learners(results), "", *_comparators(results), "", *_modes(results)])


def _learners(results: Results) -> Iterator[str]:
    yield _row("learner", "lambda", "wrong where unknown", "refused where unknown", "refused where known", "honesty",
               "answered", "answering begins at", "reward at lambda", "of the likeliest answers")  # fmt: skip
    yield "|---" * 10 + "|"
    fields = ("wrong_unknown", "prudence", "overcautious", "honesty", "answers", "switch")
    for name, penalty in shown_learners():
        at = 1.0 if penalty is None else penalty
        worth = [_text(rewards(results, name, at, knows=penalty, field=field)) for field in ("rewards", "greedy")]
        numbers = [_text(answered(results, name, field, penalty)) for field in fields]
        yield _row(name, "" if penalty is None else f"{penalty:g}", *numbers, *worth)
    for name in LEARNERS:
        numbers = [_text(answered(results, name, field, words=True)) for field in fields]
        yield _row(f"in words: {name}", "", *numbers, _text(rewards(results, name, 1.0, words=True)), "")


def _comparators(results: Results) -> Iterator[str]:
    yield _row("comparator", "numbers told apart", "negations", "I don't know.", "its reward", "true reward",
               "wrong where unknown", "answered")  # fmt: skip
    yield "|---" * 8 + "|"
    for name in (*PROGRAMS, TAUGHT):
        single = [
            _text(compared(results, name, of))
            for of in (lambda p: p.numbers, lambda p: p.negation, lambda p: p.refusal)
        ]
        moved = [
            _change(compared(results, name, of))
            for of in (
                lambda p: p.by_comparator,
                lambda p: p.by_truth,
                lambda p: p.wrong_unknown,
                lambda p: p.answers,
            )
        ]
        yield _row(name, *single, *moved)


def _modes(results: Results) -> Iterator[str]:
    yield _row("questions", "learner", "right", "wrong", "refused", "effective number of right answers")
    yield "|---" * 6 + "|"
    for mode in MODES:
        for learner in ("start", "sft", "rule", "comparison"):
            fields = ("right", "wrong", "refused", "variety")
            yield _row(mode, learner, *(_text(in_mode(results, learner, mode, field)) for field in fields))


def _change(value_SN: Floats) -> str:
    return f"{_text(value_SN[:, 0])} to {_text(value_SN[:, -1])}" if len(value_SN) else ""


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(value_S: Floats | Sequence[float]) -> str:
    value_S = np.asarray(value_S, dtype=np.float64)
    if not len(value_S) or np.isnan(value_S).any():
        return ""
    estimate = mean(value_S)
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
