"""The reproduction of not knowing: its world, a network among the tables, comparators, what is concluded."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.lab.cell import CellResult
from accord.lab.mark import read_marks
from accord.lab.not_knowing import I_DONT_KNOW
from accord.lab.not_knowing.answering import ALL_KNOWN, FEW, SHARES, answer_point
from accord.lab.not_knowing.cells import ARMS, FEW_SEEDS, SLOW, deal, work
from accord.lab.not_knowing.comparators import BLIND, PROGRAMS, TAUGHT, accuracy, comparator, rewards_by
from accord.lab.not_knowing.comparing import compared_rewards, modes
from accord.lab.not_knowing.language import LEARNERS
from accord.lab.not_knowing.learning import PENALTIES, known_to, reinforced, supervised, with_refusals
from accord.lab.not_knowing.measured import Answered
from accord.lab.not_knowing.network import Answerer
from accord.lab.not_knowing.points import AnswerPoint, ComparisonPoint, ModePoint, Point
from accord.lab.not_knowing.report import conclude
from accord.lab.not_knowing.results import bar
from accord.lab.not_knowing.table import shown_learners
from accord.lab.not_knowing.world import ANSWERS, IDK, MODES, Questions, answer_text, rewarded_world
from accord.lab.tables import TableTrainer
from accord.policy.rloo import RLOO
from accord.reward.stated.abstention import abstains
from accord.train.optimiser import Optim


@pytest.fixture(scope="module")
def world() -> SimpleNamespace:
    """A world, its questions of knowledge, and a network that has read what was written."""
    of = Questions.draw(7, bridges=300)
    train, held_out = (of.of_mode("knowledge", held_out=each) for each in (False, True))
    return SimpleNamespace(of=of, train=train, held_out=held_out, start=Answerer.having_read(of, 7))


def test_the_share_that_was_written_is_the_chance_to_be_right() -> None:
    of = Questions.draw(0, bridges=4000)
    of = of.where(of.mode_P == "knowledge")
    np.testing.assert_allclose(of.written_PA.sum(1), 1)
    likeliest_P = of.written_PA[:, :ANSWERS].argmax(1)
    named_PA = of.written_PA[:, :ANSWERS] / (1 - of.written_PA[:, IDK:])
    sure_P = of.share_P > 1.5 / ANSWERS  # elsewhere another answer may be as likely
    np.testing.assert_allclose(named_PA.max(1)[sure_P], of.share_P[sure_P])
    right_P = likeliest_P == of.reference_P
    for low in np.arange(0.1, 1.0, 0.2):
        of_bin_P = (of.share_P >= low) & (of.share_P < low + 0.2)
        assert right_P[of_bin_P].mean() == pytest.approx(of.share_P[of_bin_P].mean(), abs=0.06)
    assert 0.45 < of.held_out_P.mean() < 0.55


def test_questions_have_modes_and_answers_in_words() -> None:
    of = Questions.draw(1, bridges=40)
    prompts = [of.prompt(place) for place in range(len(of))]
    assert [prompt.mode for prompt in prompts] == of.mode_P.tolist()
    assert set(of.mode_P.tolist()) == set(MODES)
    for place in np.flatnonzero(of.mode_P == "text").tolist():
        assert answer_text(int(of.reference_P[place])) in prompts[place].text
    wished = of.of_mode("creative", held_out=False)
    assert (wished.right_PA.sum(1) == ANSWERS // 2).all()
    assert wished.right_PA[np.arange(len(wished)), wished.reference_P].all()
    assert len({answer_text(answer) for answer in range(ANSWERS + 1)}) == ANSWERS + 1
    assert [abstains(answer_text(answer)) for answer in (0, 1, IDK)] == [False, False, True]
    assert not set(of.of_mode("knowledge", held_out=True).bridge_P) & set(of.of_mode("text", held_out=False).bridge_P)


def test_rewards_and_the_world_of_single_tokens_agree() -> None:
    of = Questions.draw(2, bridges=20)
    of = of.of_mode("knowledge", held_out=False)
    reward_PA = of.reward(3.0)
    assert set(np.unique(reward_PA)) == {-3.0, 0.0, 1.0}
    logprob_PA = torch.from_numpy(of.written_PA).log()
    world = rewarded_world(reward_PA, logprob_PA)
    wanted = float((of.written_PA * reward_PA).sum(1).mean())
    assert world.expected(world.ref_PN) == pytest.approx(wanted)


def test_a_network_is_trained_as_a_table_is() -> None:
    """The gradient of RLOO's update goes through the network: written out by the chain rule from that of the table."""
    of = Questions.draw(3, bridges=12)
    of = of.of_mode("knowledge", held_out=False)
    start = Answerer.having_read(of, 3, quick=True)
    with torch.no_grad():
        world = rewarded_world(of.reward(1.0), start.logits(of).log_softmax(-1))
    sgd = Optim(lr=1e-3, warmup_steps=0, lr_schedule="constant", final_lr_ratio=1.0, max_grad_norm=1e9)
    form = RLOO(max_steps=1, prompts_per_step=len(of), group_size=64, kl_coef=0.0, optim=sgd)
    learner = start.learner()
    learner.questions = of
    network, table = TableTrainer(form, world, seed=0, network=learner), TableTrainer(form, world, seed=0)
    before = [weight.detach().clone() for weight in learner.trainable()]
    gradients = []
    for trainer in (network, table):
        rollout = trainer.sampled(1)
        ((_, logprob_N, _),) = trainer.forward(rollout, list(range(len(rollout.prompts))))
        loss = -(trainer.scores(rollout) * logprob_N).mean()
        gradients.append(torch.autograd.grad(loss, learner.trainable() if trainer is network else trainer.table_PMA))
    logits = learner()
    by_chain = torch.autograd.grad(logits, learner.trainable(), gradients[1][0])
    for found, wanted in zip(gradients[0], by_chain, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-4)
    form.update(network, network.sampled(1), 1)
    assert all(not torch.equal(was, now) for was, now in zip(before, learner.trainable(), strict=True))
    assert torch.equal(start.bridge.weight, learner.bridge.weight)  # memories stay
    torch.testing.assert_close(network.texts().exp().sum(1), torch.ones(len(of), dtype=torch.float64))
    with pytest.raises(ValueError, match="no questions"):
        start()


def test_sft_teaches_guessing_refusals_do_not_and_feedback_takes_it_back(world: SimpleNamespace) -> None:
    train, held_out, start = world.train, world.held_out, world.start

    def wrong(learner: Answerer) -> float:
        answered = Answered.of(learner.answers(held_out), held_out)
        return float(answered.wrong_P[answered.unknown_P].mean())

    everything, _ = supervised(start, train, train.reference_P)
    refusing, _ = supervised(start, train, with_refusals(train, known_to(start, train, 7)))
    *_, rewarded = reinforced(everything, train, train.reward(3.0), 7)
    assert wrong(everything) > 0.8 > wrong(start) + 0.3
    assert max(wrong(refusing), wrong(rewarded)) < 0.1
    *_, never = reinforced(start.silenced(30.0), train, train.reward(9.0), 7, quick=True)
    assert never.answers(held_out)[:, IDK].max() < 1e-9


def test_who_knows_is_told_by_ten_answers_and_the_threshold(world: SimpleNamespace) -> None:
    train, start = world.train, world.start
    chance_P = (start.answers(train)[:, :ANSWERS] * train.right_PA).sum(1)
    for penalty in PENALTIES:
        known_P = known_to(start, train, 7, penalty)
        assert known_P[chance_P > 0.999].all()
        assert not known_P[chance_P < 0.005].any()
        assert (with_refusals(train, known_P) == IDK).sum() == (~known_P).sum()
    assert known_to(start, train, 7, 0.25).sum() > known_to(start, train, 7, 9.0).sum()


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_where_answering_begins_is_the_nearest_step(rows: list[tuple[float, float]]) -> None:
    share_P, answers_P = (np.array(column) for column in zip(*rows, strict=True))
    found = Answered(np.zeros(len(rows)), 1 - answers_P, share_P).switch
    order_P = np.argsort(share_P, kind="stable")
    answers_P = answers_P[order_P]
    costs = [(answers_P[:at] ** 2).sum() + ((1 - answers_P[at:]) ** 2).sum() for at in range(len(rows) + 1)]
    if found in {0.0, 1.0} and len({0.0, 1.0, *share_P}) == len(rows) + 2:
        at = 0 if found == 0.0 else len(rows)
        assert costs[at] == pytest.approx(min(costs))
    assert 0 <= found <= 1


def test_where_answering_begins_written_out() -> None:
    share_P = np.array([0.9, 0.1, 0.3, 0.6])
    assert Answered(np.zeros(4), np.array([0.0, 1.0, 1.0, 0.0]), share_P).switch == pytest.approx(0.45)
    assert Answered(np.zeros(4), np.zeros(4), share_P).switch == 0.0
    assert Answered(np.zeros(4), np.ones(4), share_P).switch == 1.0
    answered = Answered(np.array([0.8, 0.0, 0.1, 0.5]), np.array([0.1, 0.7, 0.5, 0.5]), share_P)
    assert answered.reward(2.0) == pytest.approx(np.mean([0.8 - 0.2, -0.6, 0.1 - 0.8, 0.5]))
    assert answered.honesty == pytest.approx((0.7 + 1 - 0.1) / 2)  # .3 itself is neither
    rate, right = answered.by_share()
    assert (rate[1], right[1]) == (pytest.approx(0.3), pytest.approx(0.0))
    assert rate[0] is None
    assert right[9] == pytest.approx(0.8 / 0.9)


def test_an_exact_comparison_is_the_rule_and_blind_ones_are_not() -> None:
    of = Questions.draw(4, bridges=60)
    of = of.of_mode("knowledge", held_out=True)
    table_RA = rewards_by(comparator("exact", 0), 3.0)
    np.testing.assert_array_equal(compared_rewards(table_RA, of), of.reward(3.0))
    assert (table_RA[:, IDK] == -3.0).all()  # before the rule: a text that says something else
    seen = {
        name: (
            accuracy(comparator(name, 0), numbers=True, negation=False),
            accuracy(comparator(name, 0), numbers=False, negation=True),
        )
        for name in PROGRAMS
    }
    assert list(seen.values()) == [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)]
    assert all(accuracy(comparator(name, 0), numbers=False, negation=False) == 1.0 for name in PROGRAMS)
    with pytest.raises(KeyError):
        comparator("deaf", 0)


def test_one_reference_withholds_inventions() -> None:
    """By rule ten answers are right, by comparison one of them is: .1 - .9 lambda is less than a refusal."""
    of = Questions.draw(5, bridges=40).of_mode("creative", held_out=False)
    by_rule, by_reference = of.reward(1.0), compared_rewards(rewards_by(comparator("exact", 0), 1.0), of)
    right_PA = np.hstack([of.right_PA, np.zeros((len(of), 1), dtype=bool)])
    assert (np.where(right_PA, by_rule, 0).sum(1) / 10 == 1).all()
    np.testing.assert_allclose(np.where(right_PA, by_reference, 0).sum(1) / 10, 0.1 - 0.9)
    points = {(point.learner, point.mode): point for point in modes(5, quick=True)}
    assert len(points) == 12
    assert all(point.right + point.wrong + point.refused == pytest.approx(1) for point in points.values())
    assert points["start", "creative"].variety > 8


def test_what_trains_a_transformer_runs_on_five_seeds() -> None:
    cells = deal(range(100, 120), ARMS)
    assert {cell.arm for cell in cells} == set(ARMS)
    for arm in ARMS:
        assert sum(cell.arm == arm for cell in cells) == (FEW_SEEDS if arm in SLOW else 20)
    assert I_DONT_KNOW.on_seeds(range(2)).cells(False) == deal(range(2), ARMS)


def results() -> list[CellResult[Point]]:
    """Two seeds written out, in the form that a cell has."""

    def point(learner: str, penalty: float | None, *, wrong: float, refuses: float, **numbers: float) -> AnswerPoint:
        return AnswerPoint(
            learner=learner, penalty=penalty, wrong_unknown=wrong, prudence=refuses, overcautious=0.1,
            honesty=(refuses + 0.9) / 2, answers=1 - refuses, switch=0.5 if penalty is None else bar(penalty) + 0.02,
            rewards=(0.1, 0.2, 0.3, 0.4), greedy=(0.1, 0.2, 0.3, 0.4), by_share=(0.0, *(0.5,) * 8, 1.0),
            right_by_share=(None, *(0.5,) * 9), **numbers,
        )  # fmt: skip

    by_arm: dict[str, list[Point]] = {arm: [] for arm in ARMS}
    for name, penalty in shown_learners():
        arm = "all-known" if name == ALL_KNOWN else "answers"
        taught = name.startswith(("sft", "distilled"))
        share = float(name.removeprefix("sft ")) if name in {f"sft {each:g}" for each in SHARES} else 1.0
        refuses = 0.0 if name in {ALL_KNOWN, "rl from zero"} else 0.9 / (1 + (penalty or 0))
        numbers = {"loss": 0.5, "first_loss": 2.0} if taught else {}
        by_arm[arm].append(point(name, penalty, wrong=0.5 + 0.4 * share, refuses=refuses, **numbers))
    by_arm["words"] = [point(name, None, wrong=0.3, refuses=0.5) for name in LEARNERS]
    for arm, names in (("comparisons", PROGRAMS), ("taught-comparator", (TAUGHT,))):
        by_arm[arm] = [
            ComparisonPoint(
                comparator=name, numbers=1.0, negation=1.0, refusal=-1.0, steps=(0, 15), by_comparator=(0.1, 0.5),
                by_truth=(0.0, -0.2 if name in BLIND else 0.2), wrong_unknown=(0.3, 0.9), answers=(0.5, 1.0),
            )
            for name in names
        ]  # fmt: skip
    by_arm["modes"] = [
        ModePoint(mode=mode, learner=name, right=0.5, wrong=0.3, refused=0.2, variety=9.0 if name == "sft" else 5.0)
        for name in ("start", "sft", "rule", "comparison")
        for mode in MODES
    ]
    return [
        CellResult[Point](
            name="i-dont-know", short=False, arm=arm, seed=seed, seconds=1.0, measurements=tuple(by_arm[arm])
        )
        for seed in range(2)
        for arm in ARMS
    ]


def test_what_is_concluded_written_out() -> None:
    found = results()
    estimates = conclude(found)
    assert all(list(mark.matched(estimates)) for mark in read_marks("i-dont-know"))
    assert estimates["guessing:sft known"].value == pytest.approx(0.0)
    assert estimates["unknown-share"].value == pytest.approx(0.4)
    assert estimates["unknown-line"].value == pytest.approx(1.0)
    assert estimates["loss"].value == pytest.approx(-1.5)
    assert estimates["fewer-answers:1"].value == pytest.approx(0.9 / 4 - 0.9 / 2)
    assert all(estimates[f"switch:{penalty:g}"].value == pytest.approx(0.02) for penalty in PENALTIES)
    assert estimates["rate-below:0.25"].value == pytest.approx(0.0)
    assert estimates["rate-above:3"].value == pytest.approx(1.0 if bar(3.0) + 0.1 > 0.8 else 0.5)
    assert "rate-above:9" not in estimates  # nothing is known better than 1
    assert all(estimates[f"never:{penalty:g}"].value == 0.0 for penalty in FEW)
    assert estimates["gamed-truth:both"].value == pytest.approx(-0.2)
    assert estimates["exact-truth"].value == pytest.approx(0.2)
    assert estimates["creative-variety"].value == pytest.approx(4.0)
    assert estimates["words-ahead"].value == 0.0
    text = I_DONT_KNOW.table(found)
    assert "| rl from start | 9 |" in text
    assert "| blind to both |" in text
    assert len(I_DONT_KNOW.figure(found).axes) == 6


def test_a_point_without_known_questions_has_no_share_of_them() -> None:
    point = answer_point("anyone", Answered(np.array([0.5]), np.array([0.2]), np.array([0.5])))
    assert (point.wrong_unknown, point.prudence, point.overcautious) == (0.0, 0.0, 0.0)
    assert point.answers == pytest.approx(0.8)


@pytest.mark.slow
def test_words_go_on_where_they_were_stopped(tmp_path: Path) -> None:
    once = work("words", 3, True, tmp_path)
    assert [point.learner for point in once if isinstance(point, AnswerPoint)] == list(LEARNERS)
    assert work("words", 3, True, tmp_path) == once
