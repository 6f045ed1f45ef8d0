"""The card of a judge on the page: what is gameable is said in words, hostile texts stay texts."""

from pathlib import Path

import pytest
import report_runs
from report_page_reading import unlinked

from accord.artefacts import (
    CARD,
    COMPLETIONS,
    SCORES,
    EditEffect,
    GroupMeasure,
    JudgeAgreement,
    JudgeCalibration,
    JudgementMeasure,
    KnownBad,
    Measure,
    RewardCard,
    RunReader,
    ScoreRow,
    TokenAmount,
    WrongPair,
    WrongText,
)
from accord.report import write
from accord.report.card_figures import Line, lines
from accord.report.cards import judge_cards
from accord.report.judge_doubt import doubt_on_card
from accord.run import RunDirectory
from accord.stats import proportion

HOSTILE = "<script>alert($x$)</script>\N{RIGHT-TO-LEFT OVERRIDE}"


def run_with(tmp_path: Path, card: RewardCard) -> RunDirectory:
    run = report_runs.new(tmp_path / "run")
    report_runs.add_data(run)
    CARD.write(run, card, stage="reward")
    return run


def full_card(run_texts: tuple[str, str] = ("c-1", "c-2")) -> RewardCard:
    text, other = (
        WrongText(
            completion=name,
            score=1.0,
            difference=2.0,
            residual=0.01,
            points=16,
            tokens=(TokenAmount(text=HOSTILE, amount=1.5), TokenAmount(text=" ", amount=-0.5)),
        )
        for name in run_texts
    )
    return RewardCard(
        accuracy=proportion(70, 100),
        majority=proportion(50, 100),
        length_only=proportion(60, 100),
        judgements=(
            JudgementMeasure(kind="label", acts=12, learnt_from=30, name=f"'{HOSTILE}'", estimate=proportion(9, 12)),
            JudgementMeasure(kind="critique", acts=3, learnt_from=4, name="counted only", note="no number in it"),
        ),
        held_out_evaluators=Measure(name="evaluators of whom nothing was learnt", note="not assessable: nobody is new"),
        groups=(GroupMeasure(attribute="group", group=HOSTILE, estimate=proportion(30, 50)),),
        edits=(
            EditEffect(edit="filler", about="more", matters=False, effect=proportion(8, 10), fault=True),
            EditEffect(edit="typos", about="letters", matters=False, note="too few: 3 of the 6 that it takes at least"),
        ),
        known_bad=(
            KnownBad(kind="empty", about="no text at all", beats=proportion(9, 10)),
            KnownBad(kind="echo", about="the question", beats=proportion(1, 10)),
        ),
        gameable_by=("empty",),
        wrong_pairs=(WrongPair(prompt="p-unknown", chosen=text, rejected=other),),
        claims=("It is gameable: texts.", "It orders held-out pairs better than chance (0.500)."),
    )


def test_what_is_gameable_is_said_in_words(tmp_path: Path) -> None:
    run = run_with(tmp_path, full_card())
    page = unlinked(write(run).read_text(encoding="utf-8"))
    assert "This judge is gameable" in page
    assert "no text at all (for 90.0" in page
    assert page.count("It is gameable: texts.") == 0  # said once, where it is seen
    assert "It orders held-out pairs better than chance" in page
    assert "a fault" in page
    assert "nobody is new" in page
    assert "too few: 3 of the 6" in page
    assert "the sum misses 0.5 % of it." in page


def test_texts_of_others_stay_texts(tmp_path: Path) -> None:
    run = run_with(tmp_path, full_card())
    page = write(run).read_text(encoding="utf-8")
    assert "<script" not in page
    assert all("\N{RIGHT-TO-LEFT OVERRIDE}" not in part.split("</svg>")[0] for part in page.split("<svg")[1:])
    ids = [part.split('"')[0] for part in page.split(' id="')[1:]]
    assert len(ids) == len(set(ids))


def test_a_card_of_an_earlier_version_has_no_part_of_its_own(tmp_path: Path) -> None:
    card = RewardCard(accuracy=proportion(7, 10), majority=proportion(5, 10), length_only=proportion(5, 10))
    run = run_with(tmp_path, card)
    assert judge_cards(RunReader.of(run)) == ()
    assert "its card" not in write(run).read_text(encoding="utf-8")


def test_the_texts_of_wrong_pairs_are_shown(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "run")
    report_runs.add_data(run)
    first, second = list(COMPLETIONS.read(run))[:2]
    CARD.write(run, full_card((first.id, second.id)), stage="reward")
    ((_, chosen, rejected),) = judge_cards(RunReader.of(run))[0].wrong
    assert (chosen.text, rejected.text) == (first.text, second.text)
    assert chosen.tokens[1] == ("(space)", "\N{MINUS SIGN}0.50")


@pytest.mark.parametrize("current", [True, False])
def test_agreement_with_scores_that_were_made_again_is_not_shown(tmp_path: Path, current: bool) -> None:
    run = run_with(tmp_path, full_card())
    SCORES.write(run, [ScoreRow(completion="c", prompt="p", score=1.0)], stage="eval_reward")
    digest = run.manifest.files[SCORES.path("eval_reward")].sha256 if current else "other"
    other = JudgeAgreement(judge="eval_reward", scores_digest=digest, estimate=proportion(8, 10))
    CARD.write(run, full_card().model_copy(update={"other_judge": other}), stage="reward")
    (card,) = judge_cards(RunReader.of(run))
    assert any("orders two texts of a prompt alike" in each for each in card.content.sentences) == current


def test_what_a_calibration_was_fitted_on_and_why_there_is_none_is_said(tmp_path: Path) -> None:
    on_prompts = JudgeCalibration(
        kind="temperature",
        temperature=2.5,
        on="prompts",
        pairs=400,
        units=90,
        ece_before=proportion(20, 100),
        ece_after=proportion(2, 100),
        note="too few: 0 pairs",
    )
    refused = JudgeCalibration(kind="isotonic", note="too few: 90 pairs")
    (with_one, of_members) = doubt_on_card(
        RewardCard(
            calibration=on_prompts,
            member_calibration=Measure(name="share of 3 members against share of people", estimate=proportion(3, 40)),
        )
    )
    assert "A temperature of 2.50" in with_one
    assert "400 held-out pairs of 90 prompts of which nothing was learnt" in with_one
    assert "from 0.200" in with_one
    assert "no test on new evaluators: too few: 0 pairs." in with_one
    assert "0.075" in of_members
    assert "40 pairs" in of_members
    assert list(doubt_on_card(RewardCard(calibration=refused))) == [
        "Its probabilities were not set right: too few: 90 pairs."
    ]
    assert list(doubt_on_card(RewardCard())) == []


def test_the_doubt_of_a_judge_is_told_where_it_has_one(tmp_path: Path) -> None:
    run = run_with(tmp_path, full_card())
    for std, told in ((None, False), (0.25, True)):
        rows = [ScoreRow(completion=f"c{i}", prompt=f"p{i // 2}", score=float(i), std=std) for i in range(8)]
        SCORES.write(run, rows, stage="reward")
        page = unlinked(write(run).read_text(encoding="utf-8"))
        assert ("The reward model gives its score of a held-out text a standard deviation of 0.250" in page) == told


def test_a_long_label_is_cut_and_no_formula() -> None:
    rows = [Line("$\\frac{x}$" + "W" * 90, proportion(3, 4), "judge")]
    drawing = lines(rows, width=344, key="k", title="t", axis="share", nothing=0.5)
    assert "W…" in drawing
    assert "W" * 60 not in drawing
