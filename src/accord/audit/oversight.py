"""Was the feedback given with care? OV1: mistakes from lack of time, attention or care.

What is known of each evaluator is computed in `feedback`; here it meets thresholds. Without control questions a
careless evaluator shows only as one who disagrees with everybody else, so an honest minority of one looks the same:
PM2 is the check for that.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, norm

from accord.artefacts.finding import Finding, Verdict
from accord.audit.checks import Check, near_zero, needed
from accord.audit.evidence import Evidence
from accord.audit.settings import AuditSettings
from accord.errors import MissingEvidence
from accord.feedback import is_order_known
from accord.feedback.statistics.reliability import EvaluatorSummary
from accord.records import Comparison, Feedback, Rating
from accord.stats import Estimate, bootstrap, mean

__all__ = ["CHECKS"]

LEDGER = "manifest.json"
TOGETHER = 8  # evaluators of one session whose median says how hard its items are


def _careless(evidence: Evidence, settings: AuditSettings) -> Finding:
    """Share of answers by evaluators who agree with the others little better than chance.

    Who answers at random with probability e agrees in (1 - e) a + e / 2 of the pairs, a being what the median evaluator
    of the same session reaches (on hard items nobody agrees with many) or, where few sat in one session, the median of
    all; e is estimated from that.
    """
    s = settings.oversight
    judged = [each for each in _summaries(evidence) if each.pair_accuracy is not None and each.pair_count >= s.opinions]
    if len(judged) < 10:
        raise MissingEvidence(f"10 evaluators of at least {s.opinions} opinions that others share")
    accuracy_E = np.array([each.pair_accuracy for each in judged], dtype=float)
    usual = float(np.median(accuracy_E))
    if usual <= 0.5:
        raise MissingEvidence(
            "agreement among the evaluators: the median one agrees with the others no more than by chance"
        )
    reached_E = _reached(accuracy_E, _sessions(evidence, judged), usual)
    lapse_E = (reached_E - accuracy_E) / (reached_E - 0.5)
    found = _held(evidence, judged, lapse_E > s.lapse)
    return _shared(
        CARELESS,
        found,
        s.share,
        result=f"Evaluators who seem to answer at random more than {s.lapse:.0%} of the time hold {found.value:.1%} of "
        f"the answers; the median one agrees with the others on {usual:.1%} of the pairs.",
        remedy="Weight answers by the evaluator's reliability, add control questions, ask the flagged items again.",
        source="lapse model; Dawid & Skene 1979 for the general case",
    )


def _straight(evidence: Evidence, settings: AuditSettings) -> Finding:
    """Share of answers by evaluators who repeat themselves more than their own answers in random order would."""
    judged = [
        each
        for each in _summaries(evidence)
        if each.ratings is not None and each.ratings.same_as_before is not None and each.ratings.n >= 10
    ]
    if len(judged) < 10:
        raise MissingEvidence("10 evaluators of at least 10 ratings in the order they were given")
    chance_E = np.array([_repetition(each) for each in judged])
    found = _held(evidence, judged, false_discovery_control(chance_E) < 0.05)
    return _shared(
        STRAIGHT,
        found,
        settings.oversight.share,
        result=f"Evaluators who give the same answer over and over hold {found.value:.1%} of the answers.",
        remedy="Show items in random order, cap the session, and ask the flagged items again.",
        source="runs test (Wald & Wolfowitz 1940), Benjamini & Hochberg 1995 at 5 %",
    )


def _fast(evidence: Evidence, settings: AuditSettings) -> Finding:
    """Share of answers given faster than the text can be read."""
    timed = [each for each in evidence.feedback.values() if each.seconds is not None and each.completions]
    if not timed:
        raise MissingEvidence("how long each answer took (Feedback.seconds)")
    pace = settings.oversight.words_a_second
    fast = [(each.seconds or 0.0) < _words(evidence, each) / pace for each in timed]
    found = mean(fast, [each.evaluator for each in timed])
    return _shared(
        FAST,
        found,
        settings.oversight.share,
        result=f"{found.value:.1%} of the answers came faster than {pace:g} words a second can be read.",
        remedy="Pay for time, not for items; leave out answers that were too fast.",
        source="reading speed; the threshold is a convention",
    )


def _fatigue(evidence: Evidence, settings: AuditSettings) -> Finding:
    """Whether ratings drift away from everybody else's as a session goes on."""
    placed = [
        each
        for each in evidence.feedback.values()
        if each.position_in_session is not None and isinstance(each.judgement, Rating)
    ]
    if not placed:
        raise MissingEvidence("the place of each answer in its session (Feedback.position_in_session)")
    off_N, place_N, evaluator_N = _deviations(placed)

    def slope(rows: NDArray[np.intp]) -> float:
        return float(np.polyfit(place_N[rows], off_N[rows], 1)[0]) if np.ptp(place_N[rows]) else float("nan")

    found = bootstrap(slope, len(off_N), evaluator_N, resamples=400)
    verdict = Verdict.INCONCLUSIVE
    if found.low is not None and found.high is not None:
        verdict = Verdict.FIRES if found.low > 0 else Verdict.QUIET
    return FATIGUE.finding(
        verdict,
        found,
        threshold="a distance from the others that surely grows along the session",
        result=f"For each further item of a session, ratings move {found.value:+.5f} widths of the scale away from the "
        "others'.",
        needs=needed(found, 0.0) if verdict is Verdict.INCONCLUSIVE else "",
        remedy="Shorter sessions, with breaks.",
        evidence=(LEDGER,),
        source="slope with a bootstrap over evaluators",
    )


def _gold(evidence: Evidence, settings: AuditSettings) -> Finding:
    """Share of control questions answered wrongly."""
    asked = [each for each in _summaries(evidence) if each.controls.gold and each.controls.gold_right is not None]
    if not asked:
        raise MissingEvidence("control questions whose answer is known (Feedback.gold)")
    wrong = [1 - (each.controls.gold_right or 0.0) for each in asked]
    found = mean(wrong, [each.evaluator for each in asked], weights=[each.controls.gold for each in asked])
    return _shared(
        GOLD,
        found,
        settings.oversight.error,
        result=f"{found.value:.1%} of the control questions were answered wrongly.",
        remedy="Train or replace the evaluators concerned, and ask their items again.",
        source="control questions",
    )


def _position(evidence: Evidence, settings: AuditSettings) -> Finding:
    """Whether the left place wins more often than the right one."""
    placed = [
        each
        for each in evidence.feedback.values()
        if isinstance(each.judgement, Comparison) and each.judgement.preferred != "tie" and is_order_known(each)
    ]
    if not placed:
        raise MissingEvidence("comparisons whose order on the screen was recorded (Feedback.shown_digest)")
    left = [isinstance(each.judgement, Comparison) and each.judgement.preferred == "left" for each in placed]
    found = mean(np.array(left) - 0.5, [each.evaluator for each in placed])
    verdict, needs = near_zero(found, settings.oversight.position)
    return POSITION.finding(
        verdict,
        found,
        threshold=f"a preference for one place by more than {settings.oversight.position:g}",
        result=f"The left one was preferred in {0.5 + found.value:.1%} of the comparisons.",
        needs=needs,
        remedy="Randomise the order, and show both orders of some pairs.",
        evidence=(LEDGER,),
        source="share of left answers under a random order",
    )


def _summaries(evidence: Evidence) -> list[EvaluatorSummary]:
    found = evidence.summaries
    if not found:
        raise MissingEvidence("evaluators that are known one by one (who judged was not recorded)")
    return found


def _held(evidence: Evidence, judged: Sequence[EvaluatorSummary], flagged_E: NDArray[np.bool_]) -> Estimate:
    """The share of answers that flagged evaluators hold; the interval resamples sessions (evaluators without)."""
    return mean(flagged_E.astype(float), _sessions(evidence, judged), weights=[each.feedback for each in judged])


def _sessions(evidence: Evidence, judged: Sequence[EvaluatorSummary]) -> list[str]:
    """The session of each evaluator, the last one where there were several; the evaluator where none was recorded."""
    session = {each.evaluator: each.session or each.evaluator for each in evidence.feedback.values()}
    return [session[each.evaluator] for each in judged]


def _reached(accuracy_E: NDArray[np.float64], sessions: Sequence[str], usual: float) -> NDArray[np.float64]:
    """What the median evaluator of each one's session reaches; `usual` where fewer than `TOGETHER` sat in it.

    Kept off chance by a quarter of what is usual: where nobody agrees with anybody, no lapse could be estimated.
    """
    _, session_E = np.unique(np.array(sessions), return_inverse=True)
    reached_E = np.full(accuracy_E.size, usual)
    for session in range(int(session_E.max()) + 1):
        inside_E = session_E == session
        if inside_E.sum() >= TOGETHER:
            reached_E[inside_E] = max(float(np.median(accuracy_E[inside_E])), 0.5 + (usual - 0.5) / 4)
    return reached_E


def _repetition(each: EvaluatorSummary) -> float:
    """Chance of so many answers equal to the one before, by the normal approximation."""
    ratings = each.ratings
    assert ratings is not None
    expected = min(max(ratings.same_expected or 0.0, 1e-3), 1 - 1e-3)
    excess = (ratings.same_as_before or 0.0) - expected
    return float(norm.sf(excess / (expected * (1 - expected) / (ratings.n - 1)) ** 0.5))


def _words(evidence: Evidence, each: Feedback) -> int:
    known = (evidence.completions.get(name) for name in each.completions)
    return sum(len(completion.text.split()) for completion in known if completion is not None)


def _deviations(placed: Iterable[Feedback]) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Distance of each rating from the mean of the others of its completion, in widths of the scale; place; who."""
    by_item: dict[str, list[tuple[float, int, str]]] = {}
    for each in placed:
        rating = each.judgement
        assert isinstance(rating, Rating)
        value = (rating.value - rating.scale.low) / (rating.scale.high - rating.scale.low)
        by_item.setdefault(each.completions[0], []).append((value, each.position_in_session or 0, each.evaluator))
    off, place, who = [], [], []
    for said in by_item.values():
        total = sum(value for value, _, _ in said)
        for value, at, evaluator in said:
            if len(said) > 1:
                off.append(abs(value - (total - value) / (len(said) - 1)))
                place.append(float(at))
                who.append(evaluator)
    if not off:
        raise MissingEvidence("completions that more than one evaluator rated")
    return np.array(off), np.array(place), who


def _shared(check: Check, found: Estimate, limit: float, *, result: str, remedy: str, source: str) -> Finding:
    """A verdict on a share that should stay below `limit`."""
    verdict, needs = near_zero(found, limit)
    return check.finding(
        verdict,
        found,
        threshold=f"a share above {limit:g}",
        result=result,
        needs=needs,
        remedy=remedy,
        evidence=(LEDGER,),
        source=source,
    )


TITLE = "People make mistakes from lack of time, attention or care"
CARELESS = Check("OV1", "careless", TITLE, "Answers were not given at random.", _careless)
STRAIGHT = Check("OV1", "straight lines", TITLE, "Nobody gave the same answer over and over.", _straight)
FAST = Check("OV1", "time", TITLE, "There was time to read.", _fast)
FATIGUE = Check("OV1", "fatigue", TITLE, "Answers do not get worse along a session.", _fatigue)
GOLD = Check("OV1", "control", TITLE, "Control questions were answered rightly.", _gold)
POSITION = Check("OV1", "position", TITLE, "The place on the screen did not decide.", _position)

CHECKS = (CARELESS, STRAIGHT, FAST, FATIGUE, GOLD, POSITION)
