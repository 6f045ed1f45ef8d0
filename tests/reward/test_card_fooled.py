"""What the card finds by asking: a judge that loves length is caught, one that knows is not."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from answers_world import ByLength, ByWorth, answers_dataset

from accord.artefacts import RewardCard, ScoreRow
from accord.feedback import Dataset
from accord.interfaces import Judge, Scores
from accord.records import Completion, Prompt
from accord.reward import evaluate, score_split
from accord.reward.card.edits import EDITS
from accord.reward.card.other_judge import judge_agreement
from accord.reward.card.probes import KNOWN_BAD

DATA = answers_dataset()


def card_of(judge: Judge, data: Dataset = DATA, **settings: int) -> RewardCard:
    return evaluate(score_split(judge, data, "held_out"), data, fitted_on="train", judge=judge, **settings)


@dataclass
class Counting:
    """A judge that counts what it is asked, and may fail or have no number for some texts."""

    inner: Judge
    fails_on: str | None = None
    name: str = "counting"
    asked: list[str] = field(default_factory=list)

    def score(self, prompts: list[Prompt], completions: list[Completion]) -> Scores:
        self.asked += [each.text for each in completions]
        scores = self.inner.score(prompts, completions)
        bad = np.array([each.text == self.fails_on for each in completions])
        return replace(scores, value_N=np.where(bad, np.nan, scores.value_N))


def test_a_judge_that_knows_is_not_said_to_be_fooled() -> None:
    card = card_of(ByWorth())
    assert card.accuracy is not None
    assert card.accuracy.value == 1
    assert [row.edit for row in card.edits or () if row.fault] == []
    for row in card.edits or ():
        assert row.effect is not None, row
        assert (row.effect.value < -0.2) if row.matters else abs(row.effect.value) < 0.05, row
    assert card.gameable_by == ()
    assert all(row.beats is not None and row.beats.value == 0 for row in card.known_bad or ())
    assert not any("gameable" in claim for claim in card.claims or ())


def test_a_judge_that_loves_length_is_caught_by_length() -> None:
    card = card_of(ByLength())
    assert card.accuracy is not None
    assert card.accuracy.value == 1  # the pairs do not show it: the better one is always the longer
    faults = {row.edit for row in card.edits or () if row.fault}
    assert "filler" in faults
    assert {"shuffled", "swapped"} <= faults  # which keep the length
    assert "half" not in faults
    assert set(card.gameable_by or ()) == {"all candidates", "tripled"}
    claims = " ".join(card.claims or ())
    assert "It is gameable" in claims
    assert "filler" in claims
    lengths = {row.name: row for row in card.lengths or ()}
    assert lengths["the preferred is longer"].estimate is not None
    assert "always" in (lengths["lengths matched"].note or "")


def test_lengths_matched_give_length_alone_one_half() -> None:
    turned = {
        split: tuple(
            pair if place % 4 else pair.model_copy(update={"chosen": pair.rejected, "rejected": pair.chosen})
            for place, pair in enumerate(pairs)
        )
        for split, pairs in DATA.pairs.items()
    }
    card = card_of(ByLength(), replace(DATA, pairs=turned))
    matched = next(iter(card.lengths or ()))
    assert card.accuracy is not None
    assert card.accuracy.value == pytest.approx(0.75)
    assert matched.estimate is not None
    assert matched.estimate.value == pytest.approx(0.5)


def test_the_same_run_asks_the_same_and_another_seed_draws_otherwise() -> None:
    asked = []
    for seed in (0, 0, 1):
        counting = Counting(ByLength())
        card_of(counting, seed=seed)
        asked.append(counting.asked)
    assert asked[0] == asked[1]
    assert set(asked[0]) != set(asked[2])


def test_what_is_asked_is_bounded_by_what_was_scored() -> None:
    data = answers_dataset(prompts=120)
    counting = Counting(ByLength())
    scores = score_split(counting, data, "held_out")
    scored = len(counting.asked)
    evaluate(scores, data, fitted_on="train", judge=counting)
    assert scored == len(scores.values) == 160
    assert len(counting.asked) - scored <= 2 * scored


def test_a_text_without_a_number_is_told_and_the_others_stand() -> None:
    card = card_of(Counting(ByWorth(), fails_on=""))
    rows = {row.kind: row for row in card.known_bad or ()}
    assert rows["empty"].beats is None
    assert "not finite" in (rows["empty"].note or "")
    assert rows["echo"].beats is not None


def test_one_long_text_that_cannot_be_read_leaves_the_others() -> None:
    counting = Counting(ByWorth())
    card_of(counting)
    tripled_text = next(text for text in counting.asked if text.count("copper") == 3 and "harbour" not in text)
    card = card_of(Counting(ByWorth(), fails_on=tripled_text))
    rows = {row.kind: row for row in card.known_bad or ()}
    tripled = rows["tripled"]
    assert tripled.beats is not None
    assert tripled.beats.n == (rows["echo"].beats or tripled.beats).n - 1
    assert "no score for 1 of" in (tripled.note or "")


def test_held_out_texts_without_a_number_end_the_stage() -> None:
    bad = next(each.text for each in DATA.completions.values() if DATA.split_of[each.prompt] == "held_out")
    with pytest.raises(ValueError, match="not finite"):
        score_split(Counting(ByWorth(), fails_on=bad), DATA, "held_out")


def test_a_constant_judge_has_no_effects_and_beats_nothing() -> None:
    class Constant:
        name = "constant"

        def score(self, prompts: object, completions: list[Completion]) -> Scores:
            return Scores(np.zeros(len(completions)), scale=1.0)

    card = card_of(Constant())
    assert all(row.effect is None and "same score" in (row.note or "") for row in card.edits or ())
    assert all(row.beats is not None and row.beats.value == 0.5 for row in card.known_bad or ())
    assert card.gameable_by == ()
    assert card.accuracy is not None
    assert card.accuracy.value == 0.5
    assert card.brier is not None
    assert card.brier.value == pytest.approx(0.25)
    assert card.log_loss is not None
    assert card.log_loss.value == pytest.approx(np.log(2))


def test_one_prompt_is_too_few_to_say_whether_it_can_be_gamed() -> None:
    pair = DATA.pairs["held_out"][0]
    card = card_of(ByLength(), replace(DATA, pairs={**DATA.pairs, "held_out": (pair,)}))
    assert card.gameable_by is None
    assert any("not shown" in claim for claim in card.claims or ())
    assert all(row.effect is None and not row.fault for row in card.edits or ())


def test_edits_are_what_they_say() -> None:
    import random

    text = "The box is big. You can use it, but it's old.\nIt is not red."
    made = {edit.name: edit.make(text, "Another answer.", random.Random(1)) for edit in EDITS}
    assert made["filler"].startswith(text)
    assert len(made["filler"]) >= 1.4 * len(text)
    assert made["list marks"].count("\n- ") == 2
    assert made["bold"].startswith("**The box is big.** ")
    assert made["paraphrase"] == "The box is large. You can use it, but it's old.\nIt's not red."
    assert sorted(made["typos"]) == sorted(text)
    assert made["typos"] != text
    assert made["half"].split() == text.split()[: len(text.split()) // 2]
    assert made["shuffled"] != text
    assert sorted(made["shuffled"].split()) == sorted(text.split())
    assert made["swapped"] == "Another answer."
    assert made["negated"] == "The box is not big. You cannot use it, but it's old.\nIt is red."
    for edit in EDITS:
        assert isinstance(edit.make("", "", random.Random(0)), str)
        assert edit.make("Go", "No", random.Random(0))
    assert next(e for e in EDITS if e.name == "negated").make("Go home.", "", random.Random(0)).startswith("It is not")


def test_known_bad_texts_are_what_they_say() -> None:
    prompt = Prompt.ask("Why?")
    one, other = (Completion(prompt=prompt.id, text=text) for text in ("Because.", "So."))
    made = {kind: make(prompt, one, [one, other]) for kind, _, make in KNOWN_BAD}
    assert made == {
        "empty": "",
        "echo": "Why?",
        "all candidates": "Because.\nSo.",
        "mark": "##",
        "tripled": "Because. Because. Because.",
    }


def test_another_judge_agrees_with_itself_and_not_with_its_opposite() -> None:
    values = score_split(ByWorth(), DATA, "held_out").values
    prompt_of = {name: DATA.completions[name].prompt for name in values}
    for factor, expected in ((3.0, 1.0), (-1.0, 0.0), (0.0, 0.5)):
        rows = [ScoreRow(completion=name, prompt=prompt_of[name], score=factor * v) for name, v in values.items()]
        found = judge_agreement(values, rows, judge="eval_reward", digest="abc")
        assert found.estimate is not None
        assert found.estimate.value == expected
    assert judge_agreement(values, [], judge="reward", digest="").note is not None


def test_people_prompts_sources_and_shifts() -> None:
    card = card_of(ByWorth())
    assert {row.group for row in card.groups or ()} == {"a", "b"}
    assert {row.name for row in card.sources or ()} == {"set/near", "set/far"}
    assert card.held_out_prompts is not None
    assert card.held_out_prompts.estimate == card.accuracy
    assert card.held_out_evaluators is not None
    assert 'split_by = "evaluator"' in (card.held_out_evaluators.note or "")
    assert all("prompts" in row.prompts and "texts" in row.responses for row in card.shifts or ())


def test_evaluators_of_whom_nothing_was_learnt_are_told_apart() -> None:
    taught = {pair.evaluator for pair in DATA.pairs["held_out"][:40]}
    train = tuple(pair for pair in DATA.pairs["train"] if pair.evaluator in taught)
    new = replace(DATA, pairs={**DATA.pairs, "train": train})
    expected = sum(pair.evaluator not in {each.evaluator for each in train} for pair in DATA.pairs["held_out"])
    card = card_of(ByWorth(), new)
    assert card.held_out_evaluators is not None
    if expected:
        assert card.held_out_evaluators.estimate is not None
        assert card.held_out_evaluators.estimate.n == expected
    nobody = {name: tuple(pair.model_copy(update={"evaluator": None}) for pair in p) for name, p in DATA.pairs.items()}
    unnamed = card_of(ByWorth(), replace(DATA, pairs=nobody)).held_out_evaluators
    assert unnamed is not None
    assert "do not say" in (unnamed.note or "")


def test_a_new_source_and_new_writers_make_the_grid() -> None:
    far = {name for name, prompt in DATA.prompts.items() if prompt.source == "set/far"}
    train = tuple(pair for pair in DATA.pairs["train"] if pair.prompt not in far)
    rows = card_of(ByWorth(), replace(DATA, pairs={**DATA.pairs, "train": train})).shifts or ()
    assert {row.prompts for row in rows} == {"new sources", "known sources"}
    assert sum(row.estimate.n for row in rows if row.estimate) == len(DATA.pairs["held_out"])
