"""Answers sent faster than anybody reads, one after the other, and texts that are sent again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import MH3
from accord.audit.checks import LEDGER, Outcome, check
from accord.audit.evidence import Evidence, LedgerRecords
from accord.audit.people.poisoning_thresholds import PoisoningThresholds
from accord.audit.verdicts import Ruling
from accord.errors import MissingEvidence
from accord.feedback.provenance import is_known
from accord.feedback.quality.answers import written_text
from accord.feedback.statistics.codings import counts_as_person
from accord.records import Completion, Feedback
from accord.run import MANIFEST
from accord.stats import mean

__all__ = ["bursts", "copied", "in_bursts"]


@check(
    MH3,
    "bursts",
    claim="Answers come one by one, not in bursts of one account.",
    thresholds=PoisoningThresholds,
    needs=(LEDGER,),
    collect=Collection(
        "Feedback.time", "when each answer was sent, to the second", "of every answer, at least 5 an account"
    ),
)
def bursts(evidence: Evidence, thresholds: PoisoningThresholds) -> Outcome:
    """Share of answers that an account sent in a run, each sooner after the last than it takes to read, or sent again.

    Accounts whose times are too coarse to tell (most answers share theirs with another) are left out. A run of
    `burst` such answers is no chance, so the share is counted and has no interval.
    """
    by_account = _by_account(evidence.all_records)
    timed = {name: answers for name, answers in by_account.items() if _told_by_time(answers, thresholds.burst)}
    texts = [answer for answers in by_account.values() for answer in answers if written_text(answer.judgement)]
    if not timed and not texts:
        raise MissingEvidence(
            f"{thresholds.burst} answers of one account whose times tell them apart (Feedback.time), or written answers"
        )
    fast = in_bursts(timed, evidence.all_records.completions, thresholds)
    again = copied(texts, thresholds.same_words)
    looked_at = {answer.id: answer for answers in timed.values() for answer in answers} | {a.id: a for a in texts}
    flagged = {answer.id for answer in [*fast, *again]}
    share = mean([name in flagged for name in looked_at])
    accounts = list(dict.fromkeys(looked_at[name].evaluator for name in looked_at if name in flagged))
    fires = share.value > thresholds.share
    return Outcome(
        ruling=Ruling(Verdict.FIRES if fires else Verdict.QUIET),
        estimate=share,
        threshold=f"a share above {thresholds.share:g}",
        result=f"{share.value:.1%} of the answers came in bursts ({len(fast)}: {thresholds.burst} or more in a row, "
        f"each sooner after the last than it takes to read at {thresholds.words_per_second:g} words a second) or are "
        f"texts that were sent before ({len(again)}); of {len(accounts)} accounts.",
        remedy="Set these answers aside, and limit how many an account may send in a minute; programs that upload "
        "what was answered elsewhere should hand in the times at which it was.",
        evidence=(MANIFEST,),
        ids={"evaluators": accounts, "feedback": [name for name in looked_at if name in flagged]},
        source="times between answers against reading speed; equal written texts",
    )


def in_bursts(
    by_account: Mapping[str, Sequence[Feedback]], completions: Mapping[str, Completion], thresholds: PoisoningThresholds
) -> list[Feedback]:
    """The answers in runs of `burst` or more that each came sooner than it takes to read what they are about."""
    found: list[Feedback] = []
    for answers in by_account.values():
        ordered = sorted(answers, key=lambda answer: answer.time.timestamp() if answer.time else 0.0)
        run: list[Feedback] = []
        for last, answer in pairwise(ordered):
            words = sum(len(completions[name].text.split()) for name in answer.completions if name in completions)
            gap = answer.time.timestamp() - last.time.timestamp() if answer.time and last.time else float("inf")
            if gap < words / thresholds.words_per_second:
                run = run or [last]
                run.append(answer)
                continue
            found += run if len(run) >= thresholds.burst else []
            run = []
        found += run if len(run) >= thresholds.burst else []
    return found


def copied(answers: Sequence[Feedback], same_words: int) -> list[Feedback]:
    """Written answers of so many words that somebody sent before, about something else or from another account."""
    first: dict[str, tuple[str, str]] = {}
    found: list[Feedback] = []
    for answer in answers:
        words = (written_text(answer.judgement) or "").lower().split()
        if len(words) >= same_words:
            place = (answer.evaluator, answer.prompt)
            if first.setdefault(" ".join(words), place) != place:
                found.append(answer)
    return found


def _by_account(records: LedgerRecords) -> dict[str, list[Feedback]]:
    """Answers of people that are known one by one."""
    by_account: dict[str, list[Feedback]] = defaultdict(list)
    for answer in records.feedback.values():
        evaluator = records.evaluators.get(answer.evaluator)
        if evaluator is not None and is_known(evaluator) and counts_as_person(evaluator):
            by_account[answer.evaluator].append(answer)
    return by_account


def _told_by_time(answers: Sequence[Feedback], least: int) -> bool:
    """Whether there are so many, all with times, most of them times of their own."""
    times = [answer.time for answer in answers if answer.time is not None]
    return len(times) == len(answers) >= least and 2 * len(set(times)) > len(times)
