"""The reproduction of paraphrases: its worlds, gradients against small steps, metrics, what is concluded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from accord.lab.cell import CellResult
from accord.lab.exact_optimum.training import settings_of
from accord.lab.mark import read_marks
from accord.lab.paraphrase import PARAPHRASE
from accord.lab.paraphrase.cells import ARMS, METRICS, work
from accord.lab.paraphrase.learning import BETA, LEARNERS, first_step, learnt
from accord.lab.paraphrase.metrics import LENGTH, SYNONYMS, Candidates, auc, metrics
from accord.lab.paraphrase.points import LearningPoint, MetricPoint, Point
from accord.lab.paraphrase.report import NAMES
from accord.lab.paraphrase.world import PARAPHRASES, RIGHT, SynonymWorld
from accord.lab.tables import train_table


def test_eight_texts_of_each_prompt_are_right_and_mean_the_same() -> None:
    of = SynonymWorld.draw(0)
    assert of.right_PK.shape == (4, PARAPHRASES)
    for right_K, reward_N in zip(of.right_PK, of.world.reward_PN, strict=True):
        assert len(set(right_K.tolist())) == PARAPHRASES
        assert sorted(reward_N.nonzero().flatten().tolist()) == sorted(right_K.tolist())
        meanings = {tuple(word // 2 for word in of.world.action_NT[row].tolist()) for row in right_K.tolist()}
        assert len(meanings) == 1
    assert of.world.reward_PN.unique().tolist() == [0.0, RIGHT]
    right_P = of.right(of.world.ref_PN).exp().sum(1)
    assert 0.05 < float(right_P.min()) < float(right_P.max()) < 0.7
    torch.testing.assert_close(of.world.ref_PN.exp().sum(1), torch.ones(4, dtype=torch.float64))


def test_the_first_gradient_is_what_a_small_step_does() -> None:
    """SFT written out: the gradient of -log p of the reference, a step of 1e-4, the difference of log-probabilities."""
    of = SynonymWorld.draw(1)
    table_PMA = of.world.ref_PMA.clone().requires_grad_()
    loss = -of.right(of.world.logprob(table_PMA.log_softmax(-1)))[:, 0].mean()
    (gradient_PMA,) = torch.autograd.grad(loss, table_PMA)
    moved = of.world.logprob((of.world.ref_PMA - 1e-4 * gradient_PMA).log_softmax(-1))
    change_PK = of.right(moved) - of.right(of.world.ref_PN)
    size_P = change_PK.abs().mean(1)
    falling, first_unseen = first_step("sft 1", of, 0)
    assert falling == float((change_PK[:, 1:] < 0).double().mean())
    assert first_unseen == pytest.approx(float((change_PK[:, 1:].mean(1) / size_P).mean()), rel=1e-3)
    assert falling >= 4 / 7  # whatever begins with the other word than the reference loses


def test_the_optimum_for_the_meaning_raises_all_right_texts_alike() -> None:
    """At the optimum all right texts gain alike, and RLOO goes there."""
    of = SynonymWorld.draw(2)
    optimum_PN = of.world.optimum(BETA)
    gained_PK = of.right(optimum_PN) - of.right(of.world.ref_PN)
    torch.testing.assert_close(gained_PK, gained_PK[:, :1].expand_as(gained_PK))
    milder = replace(of.world, reward_PN=of.world.reward_PN / 4)
    trained = settings_of("rloo", BETA, 400).model_copy(update={"group_size": 128})
    assert milder.kl(train_table(trained, milder, seed=0).texts(), milder.optimum(BETA)) < 0.02


@pytest.mark.parametrize("seed", [3, 4])
def test_sft_punishes_what_it_was_not_shown_and_rl_does_not(seed: int) -> None:
    of = SynonymWorld.draw(seed)
    found = {learner: learnt(learner, of, seed, steps=200) for learner in LEARNERS}
    assert all(0.8 <= point.right < 0.9 for point in found.values())
    sft, rewarded = found["sft 1"].unseen, found["rl"].unseen
    assert sft is not None
    assert rewarded is not None
    assert sft < 0 < rewarded
    assert found["sft 1"].paraphrases < 3 < found["rl"].paraphrases
    assert found["sft 8"].paraphrases > 7.5
    assert (found["sft 8"].unseen, found["sft 8"].falling) == (None, None)


def test_a_learner_that_never_gets_there_says_where_it_ended() -> None:
    of = SynonymWorld.draw(5)
    point = learnt("sft 1", of, 0, steps=2)
    assert point.steps == 2
    assert point.right < 0.8


def test_candidates_are_right_where_no_word_is_of_another_set() -> None:
    drawn = Candidates.draw(40, np.random.default_rng(0))
    meaning_P1L = drawn.reference_PRL[:, :1] // SYNONYMS
    differs_PC = (drawn.candidate_PCL // SYNONYMS != meaning_P1L).sum(2)
    assert (differs_PC == drawn.wrong_PC).all()
    assert (drawn.reference_PRL // SYNONYMS == meaning_P1L).all()
    assert drawn.candidate_PCL.shape[2] == LENGTH
    same = Candidates.draw(40, np.random.default_rng(0), other_words=(0.0,))
    assert ((same.candidate_PCL == same.reference_PRL[:, :1]).all(2) == (same.wrong_PC == 0)).all()


def test_auc_counts_pairs_and_ties_for_half() -> None:
    assert auc(np.array([3.0, 1.0, 2.0]), np.array([True, False, False])) == 1.0
    assert auc(np.array([1.0, 1.0, 0.0]), np.array([True, False, False])) == 0.75
    with pytest.raises(ValueError, match="some that are right and some that are wrong"):
        auc(np.array([1.0]), np.array([True]))


def test_overlap_knows_words_and_the_learnt_reward_synonyms() -> None:
    found = {point.metric: point for point in metrics(6, pairs=1500)}
    assert tuple(found) == NAMES
    assert found["learnt"].auc > 0.95 > 0.8 > found["BLEU"].auc
    assert found["BLEU"].auc < found["BLEU, 4 references"].auc < found["learnt"].auc
    same = {point.metric: point for point in metrics(6, synonyms=False, pairs=800)}
    assert same["BLEU"].auc > 0.99
    assert same["ROUGE-L"].auc > 0.99


def results(folder: Path) -> list[CellResult[Point]]:
    """Two seeds written out, in the form that a cell has."""
    made = {type(point) for arm in ARMS[:1] for point in work(arm, 7, True, folder)}
    assert made == {LearningPoint}
    cells: list[CellResult[Point]] = []
    for seed in range(2):
        for arm in ARMS:
            points: list[Point] = []
            if arm in METRICS:
                for name in NAMES:
                    good = name == "learnt" or arm == METRICS[1]
                    points.append(
                        MetricPoint(metric=name, auc=0.98 if good else 0.7, spearman=0.9 if good else 0.3, best_of=1.0)
                    )
            else:
                points.append(LearningPoint(learner="start", right=0.2, paraphrases=5.0, steps=0))
                for learner in LEARNERS:
                    bad = learner in {"sft 1", "preferred reference"}
                    seen = learner != "sft 8"
                    points.append(
                        LearningPoint(
                            learner=learner,
                            falling=(0.6 if bad else 0.1) if seen else None,
                            first_unseen=0.1 if seen else None,
                            right=0.8,
                            unseen=(-1.0 - (learner == "sft 1") if bad else 1.0) if seen else None,
                            paraphrases=2.0 if bad else 5.0,
                            steps=30,
                        )
                    )
            cells.append(
                CellResult[Point](
                    name="paraphrase", short=False, arm=arm, seed=seed, seconds=1.0, measurements=tuple(points)
                )
            )
    return cells


def test_what_is_concluded_written_out(tmp_path: Path) -> None:
    found = results(tmp_path)
    estimates = PARAPHRASE.conclude(found)
    assert all(list(mark.matched(estimates)) for mark in read_marks("paraphrase"))
    assert estimates["unseen:sft 1"].value == pytest.approx(-2.0)
    assert estimates["more-unseen:preferred reference"].value == pytest.approx(1.0)
    assert estimates["more-unseen:rl"].value == pytest.approx(3.0)
    assert estimates["kept:sft 1"].value == pytest.approx(0.4)
    assert estimates["all-references"].value == pytest.approx(5.0)
    assert estimates["auc-ahead:BLEU"].value == pytest.approx(0.28)
    assert estimates["best_of-ahead:BLEU"].value == pytest.approx(0.0)
    assert estimates["same-words:ROUGE-L"].value == pytest.approx(0.98)
    text = PARAPHRASE.table(found)
    assert "| start |  |  | 0.20 [0.20, 0.20] |  | 5.00 [5.00, 5.00] | 0.00 [0.00, 0.00] |" in text
    assert len(PARAPHRASE.figure(found).axes) == 3
