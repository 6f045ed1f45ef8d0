"""Who may judge: judges by closed forms and beside simulated evaluators, what money buys, checks, what is concluded."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from accord.artefacts import EVALUATION_SAMPLES
from accord.artefacts.finding import Verdict
from accord.audit import AuditSettings, Evidence
from accord.audit.reward.overoptimisation import gain
from accord.collect.sources.simulated import SimulatedEvaluator
from accord.interfaces import Item
from accord.lab.cell import CellResult
from accord.lab.mark import read_marks
from accord.lab.overoptimisation.tilting import tilted
from accord.lab.who_may_judge import WHO_MAY_JUDGE, auditing
from accord.lab.who_may_judge.auditing import RatedSamples, audited_remarks, audited_reward
from accord.lab.who_may_judge.cells import ARMS, ERRORS, HEALTHY, MONEY, PICKED, PRESSURES, arm_of, work
from accord.lab.who_may_judge.designs import DESIGNS, PAIRS, answers_for, corrected_reward, learn
from accord.lab.who_may_judge.judges import JUDGES, PRICES, SKILL, TRUST, judges_of
from accord.lab.who_may_judge.points import CheckPoint, JudgePoint, Point, PolicyPoint
from accord.lab.who_may_judge.report import BLIND, CHECKS, recovered
from accord.lab.who_may_judge.results import switch
from accord.lab.who_may_judge.world import NUMBERS, STYLE, WORTH, Items, JudgedWorld
from accord.lab.worlds import GaussWorld
from accord.records import Comparison, Completion, Prompt
from accord.reward.people.linear import LinearComparisons
from accord.run import RunDirectory


def world(error: float = 0.0, seed: int = 0) -> JudgedWorld:
    return JudgedWorld.draw(np.random.default_rng(seed), error=error)


def test_views_differ_by_the_error_alone_and_a_program_sees_what_it_can_verify() -> None:
    text_AD = np.random.default_rng(1).standard_normal((100, NUMBERS))
    style_A = text_AD[:, STYLE]
    for error in (0.0, 0.3, 1.0):
        of = world(error)
        wrong_A = of.model.reward(text_AD) - of.gold.reward(text_AD)
        assert wrong_A == pytest.approx(error * (WORTH * style_A + style_A**2 / 2))
    assert np.linalg.norm(of.weight_D) == pytest.approx(WORTH)
    assert of.gold.reward(np.eye(NUMBERS)[STYLE][None])[0] == -0.5
    assert of.weight_D[STYLE] == 0
    share = (of.program.weight_D**2).sum() / WORTH**2
    assert share == pytest.approx(0.4)
    assert not of.program.curvature_D.any()
    assert replace(of, all_verifiable=True).program == of.gold


def test_a_reward_has_the_features_that_every_view_is_made_of() -> None:
    items = Items.draw(50, np.random.default_rng(2))
    of = world(0.7)
    for view in (of.gold, of.model, of.program):
        weight_W = np.concatenate([view.weight_D, -view.curvature_D / 2])
        assert items.features_PW @ weight_W == pytest.approx(items.margins(view))
    assert len(items[:7]) == 7
    assert items[np.array([3, 1])].difficulty_P.tolist() == items.difficulty_P[[3, 1]].tolist()


def test_people_answer_as_simulated_evaluators_of_their_skill_do() -> None:
    """By how often each prefers the left text, of items easy and hard."""
    of, random = world(), np.random.default_rng(3)
    drawn = Items.draw(6, random)
    times = 3000
    repeated = drawn[np.repeat(np.arange(6), times)]
    left_IR = judges_of(of)["people"].prefers_left(repeated, random).reshape(6, times)
    person = SimulatedEvaluator(name="e", weights=(1.0,), temperature=1.0, lapse=0.0, skill=SKILL)
    for place in range(6):
        prompt = Prompt.ask(f"Which is better? {place}")
        texts = [Completion(prompt=prompt.id, text=side) for side in ("left", "right")]
        worth = [float(of.gold.reward(each[place][None])[0]) for each in (drawn.left_PD, drawn.right_PD)]
        bound = person.bound(
            {text.id: (value,) for text, value in zip(texts, worth, strict=True)},
            difficulty={prompt.id: float(drawn.difficulty_P[place])},
        )
        answers = bound.ask([Item(prompt, tuple(texts))] * 1500)
        judgements = [answer.judgement for answer in answers]
        preferred = [isinstance(each, Comparison) and each.preferred == "left" for each in judgements]
        assert left_IR[place].mean() == pytest.approx(np.mean(preferred), abs=0.05)


def test_the_chance_of_a_preference_is_bradley_terrys_and_remarks_take_over_where_people_would_guess() -> None:
    of, random = world(1.0), np.random.default_rng(4)
    judges, one = judges_of(of), Items.draw(1, random)
    items = one[np.zeros(40_000, dtype=np.intp)]
    for difficulty in (0.0, 2.5, 9.0):
        asked = replace(items, difficulty_P=np.full(len(items), difficulty))
        guess = expit(2 * (difficulty - SKILL))
        own, told = (expit(one.margins(v)[0] / t) for v, t in ((of.gold, 1.0), (of.model, 0.3)))
        people = (1 - guess) * own + guess / 2
        swayed = guess + (1 - guess) * TRUST
        chance = {"people": people, "model": told, "assisted": (1 - swayed) * own + swayed * told}
        for name, expected in chance.items():
            assert judges[name].prefers_left(asked, random).mean() == pytest.approx(expected, abs=0.012)
    exact_P = items.margins(of.program) > 0
    assert (judges["program"].prefers_left(items, random) == exact_P).all()


def test_of_two_texts_a_judge_picks_as_it_compares() -> None:
    """Of n = 2 the mean gold of a pick follows from the chance of each preference."""
    of, random = world(0.6), np.random.default_rng(5)
    text_AD = random.standard_normal((4000, NUMBERS))
    gold_A = of.gold.reward(text_AD)
    items = Items.draw(200_000, random)
    gold_2P = np.stack([of.gold.reward(items.left_PD), of.gold.reward(items.right_PD)])
    for judge in judges_of(of).values():
        left_P = judge.prefers_left(items, random)
        by_pairs = np.where(left_P, gold_2P[0], gold_2P[1]).mean() - gold_2P.mean()
        picked = judge.best_of(text_AD, gold_A, 2, random) - gold_A.mean()
        assert picked == pytest.approx(by_pairs, abs=0.05)


def test_money_buys_answers_at_their_price_and_no_more_than_it_is() -> None:
    for design in DESIGNS:
        for money in (60.0, 1000.0):
            spent = sum(PRICES[name] * count for name, count in answers_for(design, money, 10**6).items())
            whole = money * PRICES["model"] / PRICES["people"] if design == "as often" else money
            assert whole - 1.3 < spent <= whole
    assert answers_for("people", 60, PAIRS) == {"people": 100}
    assert answers_for("as often", 60, PAIRS) == {"model": 100}
    assert answers_for("routed", 60, PAIRS) == {"model": 500, "people": 50}
    assert answers_for("program", 60, PAIRS) == {"program": PAIRS}


def test_routed_asks_people_where_the_model_is_least_sure_and_with_nobody_to_ask_is_the_model() -> None:
    of, random = world(1.0), np.random.default_rng(7)
    items, judges = Items.draw(4000, random), judges_of(of)
    model = learn("model", {"model": 2000}, judges, items, seed=1).reward_W
    assert learn("routed", {"model": 2000, "people": 0}, judges, items, seed=1).reward_W == pytest.approx(model)
    # were people as wrong as the model, asking them about anything would change nothing but noise
    alike = {**judges, "people": judges["model"]}
    assert _cosine(learn("routed", {"model": 2000, "people": 200}, alike, items, seed=1).reward_W, model) > 0.99


def _cosine(one_W: np.ndarray, other_W: np.ndarray) -> float:
    return float(one_W @ other_W / np.linalg.norm(one_W) / np.linalg.norm(other_W))


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_a_corrected_reward_does_not_depend_on_the_size_of_the_first(seed: int, size: float) -> None:
    random = np.random.default_rng(seed)
    first_W, preferred_PW = random.standard_normal(4), random.standard_normal((60, 4))
    assert corrected_reward(size * first_W, preferred_PW, seed) == pytest.approx(
        corrected_reward(first_W, preferred_PW, seed), abs=1e-6
    )


def test_people_move_a_wrong_reward_and_leave_a_right_one() -> None:
    random = np.random.default_rng(8)
    truth_W, other_W = np.linalg.qr(random.standard_normal((6, 2)))[0].T * 2
    features_PW = random.standard_normal((800, 6))
    left_P = features_PW @ truth_W + random.logistic(size=800) > 0
    preferred_PW = features_PW * np.where(left_P, 1.0, -1.0)[:, None]
    alone_KW, _ = LinearComparisons(preferred_PW, 2.0)(np.ones((800, 1)), None)
    assert _cosine(corrected_reward(truth_W, preferred_PW, 0), truth_W) > _cosine(alone_KW[0], truth_W)
    assert _cosine(corrected_reward(other_W, preferred_PW, 0), truth_W) > 0.95
    between_W = truth_W + other_W
    few_W = corrected_reward(between_W, preferred_PW[:10], 0)  # ten answers cannot say much
    assert _cosine(few_W, between_W) > 0.8
    assert _cosine(corrected_reward(between_W, preferred_PW[:0], 0), between_W) == pytest.approx(1)
    from_nothing_W = corrected_reward(np.zeros(6), preferred_PW, 0)
    assert _cosine(from_nothing_W, alone_KW[0]) > 0.99


def test_no_money_moves_no_policy() -> None:
    items = Items.draw(50, np.random.default_rng(12))
    nothing = learn("people", answers_for("people", 0.5, 50), judges_of(world()), items, seed=0)
    assert nothing.answers == {"people": 0}
    with pytest.raises(ValueError, match="moves no policy"):
        tilted(nothing.reward, 1.0)


def test_noise_is_passed_and_an_error_is_not(tmp_path: Path) -> None:
    points = work(arm_of(100), 300, True, tmp_path)
    own = {point.judge: point for point in points if isinstance(point, JudgePoint)}
    learnt = {p.design: p for p in points if isinstance(p, PolicyPoint) and p.money == 1000}
    place = PICKED.index(16)
    assert learnt["people"].picks[place] > own["people"].picks[place] + 1
    assert learnt["people"].accuracy > own["people"].accuracy + 0.15
    assert own["assisted"].hard > own["people"].hard + 0.1
    assert all(each.best[place] >= each.picks[place] for each in own.values())
    assert learnt["model"].picks[place] < own["model"].picks[place] + 0.2
    assert learnt["people"].gold[-1] > 4 > 1 > learnt["model"].gold[-1]
    checks = {(p.check, p.design, p.answerer): p for p in points if isinstance(p, CheckPoint)}
    assert checks["RG1 length", "model", "people"].fires
    assert not checks["RG1 length", "model", "model"].fires
    remarks = checks["OV3 assistance", "assisted", "people"]
    assert not remarks.fires  # accuracy rises, while the reward goes wrong
    assert remarks.estimate is not None
    assert remarks.estimate < 0


def test_people_answer_alike_whatever_the_error_and_remarks_do_not() -> None:
    items = Items.draw(300, np.random.default_rng(11))
    right, wrong = (judges_of(world(error)) for error in (0.0, 0.6))
    for design, same in (("people", True), ("program", True), ("model", False), ("assisted", False)):
        one_W, other_W = (learn(design, {design: 300}, judges, items, seed=2).reward_W for judges in (right, wrong))
        assert np.array_equal(one_W, other_W) is same


def test_checks_say_the_same_of_a_run_with_these_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[RatedSamples] = []

    class Remembering(RatedSamples):
        def __init__(self, *everything: object) -> None:
            super().__init__(*everything)  # type: ignore[arg-type]
            handed.append(self)

    monkeypatch.setattr(auditing, "RatedSamples", Remembering)
    of = world(1.0)
    _, policy = tilted(of.model, 4.0)
    said = list(audited_reward("model", of.model, policy, judges_of(of), seed=9))
    assert [(point.check, point.answerer) for point in said] == [
        (check, asked) for asked in ("people", "model") for check in ("RG1 length", "RG2 gain")
    ]
    run = RunDirectory.create(tmp_path / "run")
    EVALUATION_SAMPLES.write(run, handed[0].evaluation_samples)
    finding = gain.run(Evidence(run), AuditSettings())
    assert finding.estimate is not None
    assert (finding.verdict is Verdict.FIRES, finding.estimate.value) == (said[1].fires, said[1].estimate)


def test_remarks_that_mislead_set_off_ov3_where_nothing_is_too_hard() -> None:
    """People who guess at nothing lose by following a model that is wrong about everything."""
    of = world(1.0)
    judges = judges_of(of)
    wrong = replace(judges["model"], view=GaussWorld(weights=tuple(-of.weight_D)))
    misled = {**judges, "assisted": replace(judges["assisted"], remark=wrong)}
    point = audited_remarks(misled, seed=10)
    assert point.fires
    assert point.estimate is not None
    assert point.estimate > 0.1


def results() -> list[CellResult[Point]]:
    """Two seeds written out: people 4, whatever the model's error e; the model 5 - 4 e."""
    cells: list[CellResult[Point]] = []
    for arm, error in ARMS.items():
        for seed in range(2):
            points: list[Point] = []
            for place, judge in enumerate(JUDGES):
                own = 2 - error if judge in {"model", "assisted"} else 1.0
                points.append(
                    JudgePoint(
                        judge=judge,
                        accuracy=0.7 + 0.01 * place,
                        hard=0.55 + 0.1 * place,
                        picks=(own,) * len(PICKED),
                        best=(3.0,) * len(PICKED),
                    )
                )
            worth = dict.fromkeys(DESIGNS, 4.0) | {"model": 5 - 4 * error, "routed": 5 - 3.5 * error, "program": 2.0}
            worth |= {"program": 6.0} if arm == HEALTHY else {}
            for money in MONEY:
                for design in DESIGNS:
                    rises = 0.1 * (money == MONEY[0]) * (design == "assisted")
                    gold = tuple(worth[design] + rises - 0.5 * error * (kl > 4) for kl in PRESSURES)
                    points.append(
                        PolicyPoint(
                            design=design,
                            money=money,
                            answers={"people": 1},
                            accuracy=0.9,
                            picks=(2.5 - error,) * len(PICKED),
                            gold=gold,
                        )
                    )
            further = [(c, "assisted", asked) for c in ("RG1 length", "RG2 gain") for asked in ("people", "model")]
            for check, design, asked in (*CHECKS, *BLIND, *further):
                fires = asked == "people" and design == "model" and error == 1
                points.append(CheckPoint(check=check, design=design, answerer=asked, fires=fires, estimate=None))
            cells.append(
                CellResult[Point](
                    name="who-may-judge", short=False, arm=arm, seed=seed, seconds=1.0, measurements=tuple(points)
                )
            )
    return cells


def test_what_is_concluded_written_out() -> None:
    estimates = WHO_MAY_JUDGE.conclude(results())
    marks = read_marks("who-may-judge")
    assert all(list(mark.matched(estimates)) for mark in marks)
    assert estimates["healthy:program 300"].value == pytest.approx(2.0)
    assert estimates["healthy-first"].value == pytest.approx(1.0)
    assert estimates["recovered:people"].value == pytest.approx((1.5 - 1) / (3 - 1))
    assert estimates["recovered-model:0"].value == pytest.approx(0.5)
    assert estimates["switch:300"].value == pytest.approx(0.25)
    assert estimates["switch-falls"].value == pytest.approx(0)
    assert estimates["people-ahead:1000"].value == pytest.approx(3)
    assert estimates["turns-model"].value == pytest.approx(0.5)
    assert estimates["remarks-few"].value == pytest.approx(0.1)
    assert estimates["hard:60"].value == pytest.approx(0.3)
    assert estimates["routed:100"].value == pytest.approx(0.5 / 3)
    assert estimates["corrected:100"].value == pytest.approx(1)
    assert estimates["corrected-kept"].value == pytest.approx(0.8)
    assert estimates["fires:RG1 length, error 100"].value == 1
    assert estimates["blind:RG2 gain, error 100"].value == 0
    text = WHO_MAY_JUDGE.table(results())
    assert "| error-100 | 300 | 4.00 [4.00, 4.00] | 1.00 [1.00, 1.00] |" in text
    assert "| RG1 length | model | people | 0 of 2 |" in text
    assert len(WHO_MAY_JUDGE.figure(results()).axes) == 6


def _with_people_at(value: float) -> list[CellResult[Point]]:
    def changed(point: Point) -> Point:
        people = isinstance(point, PolicyPoint) and point.design == "people"
        return point.model_copy(update={"gold": (value,) * len(PRESSURES)}) if people else point

    return [
        cell.model_copy(update={"measurements": tuple(changed(point) for point in cell.measurements)})
        for cell in results()
    ]


def test_the_switch_is_0_where_people_are_always_better_and_1_where_they_never_are() -> None:
    seeds = np.arange(2)
    assert switch(_with_people_at(6.0), 1000, 4.0)(seeds) == 0.0
    assert switch(_with_people_at(0.5), 1000, 4.0)(seeds) == 1.0
    crossings = [switch(_with_people_at(value), 1000, 4.0)(seeds) for value in (4.5, 3.0, 2.0)]
    assert crossings == pytest.approx([0.125, 0.5, 0.75])
    assert all(later > earlier for earlier, later in pairwise(crossings))


def test_of_a_judge_who_lacks_nothing_no_share_is_recovered() -> None:
    perfect = [
        cell.model_copy(
            update={
                "measurements": tuple(
                    point.model_copy(update={"picks": point.best}) if isinstance(point, JudgePoint) else point
                    for point in cell.measurements
                )
            }
        )
        for cell in results()
    ]
    assert np.isnan(recovered(perfect, arm_of(ERRORS[0]), "model").value)
