"""The table: gold by design and money, judges beside what was learnt from them, switches, and checks."""

from collections.abc import Iterator

from accord.lab.who_may_judge.cells import ARMS, ERRORS, MONEY, PRESSURES, arm_of
from accord.lab.who_may_judge.designs import DESIGNS
from accord.lab.who_may_judge.judges import JUDGES
from accord.lab.who_may_judge.report import AT, BLIND, CHECKS, KL, PICKS, recovered
from accord.lab.who_may_judge.results import Floats, Results, checks, gold, has, judges, policies, switch
from accord.stats import Estimate, jackknife, mean

__all__ = ["table"]


def table(results: Results) -> str:
    """Markdown, means over seeds with intervals."""
    rows = [f"| gold at {KL:g} nats | money | {' | '.join(DESIGNS)} |", "|---" * (len(DESIGNS) + 2) + "|"]
    rows += _gold_rows(results)
    rows += ["", "| arm | judge | accuracy | on hard items | its reward's | best of 16 by itself | by its reward | "]
    rows[-1] += "by gold | share recovered |"
    rows += ["|---" * 9 + "|", *_judge_rows(results)]
    if all(has(results, arm_of(error)) for error in ERRORS):
        rows += ["", f"| error from which on people are better | {' | '.join(f'{kl:g} nats' for kl in PRESSURES)} |"]
        rows += ["|---" * (len(PRESSURES) + 1) + "|", *_switch_rows(results)]
    rows += ["", "| check | of | asked | " + " | ".join(arm for arm in ARMS if has(results, arm)) + " |"]
    rows += ["|---" * (3 + sum(has(results, arm) for arm in ARMS)) + "|", *_check_rows(results)]
    return "\n".join(rows)


def _gold_rows(results: Results) -> Iterator[str]:
    for arm in ARMS:
        for money in MONEY:
            if has(results, arm):
                yield _row(arm, str(money), *(_text(gold(results, arm, each, money, KL)) for each in DESIGNS))


def _judge_rows(results: Results) -> Iterator[str]:
    for arm in ARMS:
        for judge in JUDGES:
            if not has(results, arm):
                continue
            alone = [judges(results, arm, judge, number) for number in (lambda p: p.accuracy, lambda p: p.hard)]
            learnt_S = policies(results, arm, judge, AT, lambda point: point.accuracy)
            picks = (
                judges(results, arm, judge, lambda point: point.picks[PICKS]),
                policies(results, arm, judge, AT, lambda point: point.picks[PICKS]),
                judges(results, arm, judge, lambda point: point.best[PICKS]),
            )
            numbers = [*(_text(each_S, 3) for each_S in (*alone, learnt_S)), *(_text(each_S) for each_S in picks)]
            yield _row(arm, judge, *numbers, _estimate(recovered(results, arm, judge)))


def _switch_rows(results: Results) -> Iterator[str]:
    seeds = len(gold(results, arm_of(0), "people", AT, KL))
    for money in MONEY:
        yield _row(f"{money}", *(_estimate(jackknife(switch(results, money, kl), seeds)) for kl in PRESSURES))


def _check_rows(results: Results) -> Iterator[str]:
    further = [
        (check, "assisted", answerer) for check in ("RG1 length", "RG2 gain") for answerer in ("people", "model")
    ]
    for check, design, answerer in (*CHECKS, *BLIND, *further):
        fires = [checks(results, arm, check, design, answerer) for arm in ARMS if has(results, arm)]
        yield _row(check, design, answerer, *(f"{int(each_S.sum())} of {len(each_S)}" for each_S in fires))


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(value_S: Floats, digits: int = 2) -> str:
    return _estimate(mean(value_S), digits)


def _estimate(estimate: Estimate, digits: int = 2) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
