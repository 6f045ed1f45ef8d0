"""Rewards learnt from marked spans and from first wrong steps, from data to a policy."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.interfaces import Scores
from accord.policy import PPO, REINFORCE, Materials
from accord.records import Completion, Correction, Evaluator, Feedback, Judgement, Prompt, Sampling, Span, Spans, Steps
from accord.reward import SpanReward, StepReward
from accord.reward.dense import with_credits
from accord.reward.segments.span_judge import SpanJudge
from accord.reward.segments.step_judge import StepJudge
from accord.run import RunDirectory
from accord.train import Optim

FORM: dict[str, Any] = {
    "base": "tiny",
    "dtype": "float32",
    "epochs": 30,
    "step_completions": 16,
    "optim": Optim(lr=5e-3, warmup_steps=2),
    "head_lr_scale": 1,
}
PROMPTS = [Prompt.ask(f"Say something, {number}.") for number in range(12)]
SOMEBODY, OTHER = (Evaluator(kind="person", pseudonym=name) for name in ("somebody", "other"))


def texts(letters: str = "abcd", ends: tuple[str, ...] = (" ", "\n", " ")) -> list[Completion]:
    """Three sentences or lines of five letters, as many texts a prompt as there are ends."""
    generator = random.Random(0)
    return [
        Completion(
            prompt=prompt.id, text=between.join("".join(generator.choices(letters, k=5)) + "." for _ in range(3))
        )
        for prompt in PROMPTS
        for between in ends
    ]


def said(judgements: Sequence[tuple[Completion, Evaluator, Judgement]]) -> Dataset:
    """A data set of what was said of completions."""
    feedback = [
        Feedback(evaluator=who.id, prompt=about.prompt, completions=(about.id,), judgement=judgement)
        for about, who, judgement in judgements
    ]
    return Dataset(
        {prompt.id: prompt for prompt in PROMPTS},
        {about.id: about for about, _, _ in judgements},
        {who.id: who for who in (SOMEBODY, OTHER)},
        {prompt.id: "train" for prompt in PROMPTS},
        {"train": (), "held_out": ()},
        {"train": feedback},
    )


def marks(text: str) -> Spans:
    """An A in a sentence is an error of one type, two Bs in one are of another."""
    spans = []
    for start in range(0, len(text), 7):
        sentence = text[start : start + 6]
        spans += [Span(start=start, end=start + 6, type="letter")] * ("a" in sentence)
        spans += [Span(start=start + 1, end=start + 3, type="twice")] * (sentence.count("b") > 1)
    return Spans(spans=tuple(spans))


def first_wrong(text: str) -> Steps:
    """The first step with an A is wrong."""
    verdicts: list[Any] = []
    for start in range(0, len(text), 7):
        verdicts.append("wrong" if "a" in text[start : start + 6] else "right")
        if verdicts[-1] == "wrong":
            break
    return Steps(verdicts=tuple(verdicts))


def spans_data() -> Dataset:
    return said([(each, SOMEBODY, marks(each.text)) for each in texts()])


def steps_data() -> Dataset:
    stated = [
        Completion(prompt=each.prompt, text=each.text, step_starts=(0, 7, 14))
        for each in texts("abcdefghij", ("\n",) * 5)
    ]
    return said([(each, SOMEBODY, first_wrong(each.text)) for each in stated])


def scored(judge: Any, *some: str) -> Scores:
    completions = [Completion(prompt=PROMPTS[0].id, text=text) for text in some]
    found: Scores = judge.score([PROMPTS[0]] * len(some), completions)
    return found


@pytest.fixture(scope="module")
def span_judge(tmp_path_factory: pytest.TempPathFactory) -> SpanJudge:
    with RunDirectory.create(tmp_path_factory.mktemp("spans") / "run") as run:
        judge = SpanReward(**FORM).fit(spans_data(), run)
    assert isinstance(judge, SpanJudge)
    return judge


@pytest.fixture(scope="module")
def step_judge(tmp_path_factory: pytest.TempPathFactory) -> StepJudge:
    with RunDirectory.create(tmp_path_factory.mktemp("steps") / "run") as run:
        judge = StepReward(**FORM).fit(steps_data(), run)
    assert isinstance(judge, StepJudge)
    return judge


def test_errors_are_found_where_they_are_by_kind(span_judge: SpanJudge) -> None:
    scores = scored(span_judge, "ccdd. ddca. cdcd.", "ccdd. bcbb. cdcd.", "ccdd. dccd. cdcd.")
    letter, twice = (scores.components[name].value_N for name in ("letter", "twice"))
    assert letter.argmin() == 0
    assert twice.argmin() == 1
    assert scores.value_N.argmax() == 2
    assert scores.value_N == pytest.approx(letter + twice)
    assert scores.credits is not None
    lost = dict.fromkeys((5, 11, 17), 0.0)
    for place, amount in scores.credits[0]:
        lost[place] += amount
    assert min(lost, key=lost.__getitem__) == 11  # where the A is
    assert scores.std_N is None
    assert scores.scale is None


def test_a_text_without_segments_earns_nothing(span_judge: SpanJudge) -> None:
    scores = scored(span_judge, "", " \n ")
    assert scores.value_N.tolist() == [0, 0]
    assert scores.credits == ((), ())


def test_weights_bonus_mean_and_the_whole_text(span_judge: SpanJudge) -> None:
    text = "ccdd. ddca. bcbb."
    plain = scored(span_judge, text)
    letter, twice = (float(plain.components[name].value_N[0]) for name in ("letter", "twice"))
    weighed = replace(
        span_judge, kinds=tuple(replace(kind, weight=w) for kind, w in zip(span_judge.kinds, (2, 0.5), strict=True))
    )
    assert scored(weighed, text).value_N == pytest.approx(2 * letter + 0.5 * twice)
    assert scored(replace(span_judge, mean=True), text).value_N == pytest.approx((letter + twice) / 3)
    assert scored(replace(span_judge, bonus=1), text).value_N == pytest.approx(6 + 2 * (letter + twice))
    whole = replace(span_judge, kinds=tuple(replace(kind, density="whole") for kind in span_judge.kinds))
    found = scored(whole, text, "")
    assert found.credits is not None
    assert [[place for place, _ in earned] for earned in found.credits] == [[17, 17], [0, 0]]


@pytest.mark.parametrize("aggregation", ["minimum", "product", "last", "mean"])
def test_the_first_wrong_step_is_found_and_credited(step_judge: StepJudge, aggregation: Any) -> None:
    judge = replace(step_judge, aggregation=aggregation)
    prompts, steps = [PROMPTS[0]] * 2, ["cfddi.\nhdcag.\ncdejd.", "cfddi.\nhdcbg.\ncdejd."]
    (first, right_JS), (_, other_JS) = judge.steps(prompts, [Completion(prompt=PROMPTS[0].id, text=t) for t in steps])
    assert [(step.start, step.end) for step in first] == [(0, 6), (7, 13), (14, 20)]
    assert right_JS[0, 0] > 0.5 > right_JS[1, 0]
    assert other_JS.min() > 0.5
    scores = scored(judge, *steps)
    assert scores.credits is not None
    assert [place for place, _ in scores.credits[0]] == [0, 6, 13, 20]
    if aggregation in ("minimum", "product"):
        assert scores.value_N[0] < 0.5 < scores.value_N[1]
        assert min(scores.credits[0], key=lambda each: each[1])[0] == 13


def test_a_text_without_steps_is_read_as_one(step_judge: StepJudge) -> None:
    scores = scored(step_judge, "", "\n\n")
    assert np.isfinite(scores.value_N).all()
    assert scores.credits is not None
    assert [[place for place, _ in earned] for earned in scores.credits] == [[0, 0], [0, 2]]


def test_ensembles_say_how_sure_they_are(tmp_path: Path) -> None:
    data = spans_data()
    with RunDirectory.create(tmp_path / "run") as run:
        judge = SpanReward(**{**FORM, "epochs": 2}, ensemble_size=3).fit(data, run)
    scores = scored(judge, "ccdd. ddca.", "")
    for part in (scores, *scores.components.values()):
        assert part.members_NS is not None
        assert part.members_NS.mean(1) == pytest.approx(part.value_N)
        assert part.std_N == pytest.approx(part.members_NS.std(1, ddof=1))


def test_evaluators_who_disagree_are_both_heard(tmp_path: Path) -> None:
    """Where one marks all and the other nothing, an error is as likely as not."""
    both = [
        (each, who, Spans(spans=(Span(start=0, end=20, type="x"),) * (who is OTHER)))
        for each in texts()
        for who in (SOMEBODY, OTHER)
    ]
    with RunDirectory.create(tmp_path / "run") as run:
        steps = list(SpanReward(**{**FORM, "epochs": 6}).steps(said(both), run))
        judge = SpanReward(**{**FORM, "epochs": 6}).load(run)
    assert scored(judge, "ccdd. ddca. cdcd.").value_N == pytest.approx(-1.5, abs=0.25)
    assert steps[-1].metrics.observations == {"spans": pytest.approx(2 * 12, abs=12)}
    assert steps[-1].metrics.loss == pytest.approx(np.log(2), abs=0.05)


@pytest.mark.parametrize("members", [1, 3])
def test_who_is_trusted_more_is_heard_more(members: int, tmp_path: Path) -> None:
    """By the weights of the split that is learnt from; a loss is the mean over labels, whatever all weigh."""
    whole = Span(start=0, end=20, type="x")
    both = said([(each, who, Spans(spans=(whole,) * (who is OTHER))) for each in texts() for who in (SOMEBODY, OTHER)])
    weighed = replace(both, evaluator_weights={"train": {OTHER.id: 3.0}, "held_out": {SOMEBODY.id: 9.0}})
    settings = SpanReward(**{**FORM, "epochs": 6}, ensemble_size=members, head_prior_std="flat")
    with RunDirectory.create(tmp_path / "run") as run:
        judge = settings.fit(weighed, run)
    if members == 1:
        assert scored(judge, "ccdd. ddca. cdcd.").value_N == pytest.approx(-3 * 0.75, abs=0.25)
    steps = []
    for data in (weighed, replace(weighed, evaluator_weights={"train": {OTHER.id: 6.0, SOMEBODY.id: 2.0}})):
        with RunDirectory.create(tmp_path / f"{len(steps)}") as run:
            steps.append([step.metrics.loss for step in settings.steps(data, run)])
    assert steps[0] == pytest.approx(steps[1], rel=5e-2)  # twice as much of everybody: another start alone


def test_verdicts_on_steps_are_weighed_too(tmp_path: Path) -> None:
    lines = [Completion(prompt=each.prompt, text=each.text, step_starts=(0, 7, 14)) for each in texts(ends=("\n",))]
    verdicts: dict[Evaluator, Any] = {SOMEBODY: Steps(verdicts=("wrong",)), OTHER: Steps(verdicts=("right",))}
    both = said([(each, who, verdict) for each in lines for who, verdict in verdicts.items()])
    weighed = replace(both, evaluator_weights={"train": {OTHER.id: 3.0}})
    with RunDirectory.create(tmp_path / "run") as run:
        judge = StepReward(**{**FORM, "epochs": 10}, aggregation="mean").fit(weighed, run)
    assert isinstance(judge, StepJudge)
    ((_, right_JS),) = judge.steps([PROMPTS[0]], [lines[0]])
    assert float(right_JS[0, 0]) == pytest.approx(0.75, abs=0.1)


@pytest.mark.parametrize("members", [1, 4])
def test_the_heads_prior_is_that_of_each_member(members: int, tmp_path: Path) -> None:
    """A tight prior leaves the heads where they began; what is logged is -log prior, the mean over members."""
    form = {**FORM, "epochs": 12, "optim": Optim(lr=2e-2, warmup_steps=1), "trained_layers": 1}
    away: dict[Any, Any] = {}
    penalties: dict[Any, list[float]] = {}
    priors: tuple[Any, ...] = ("flat", 1.0, 0.02)
    for std in priors:
        settings = SpanReward(**form, ensemble_size=members, head_prior_std=std)
        with RunDirectory.create(tmp_path / f"{std}", seed=3) as run:
            steps = list(settings.steps(spans_data(), run))
            judge = settings.load(run)
        assert isinstance(judge, SpanJudge)
        away[std] = judge.model.head.weight.detach()
        penalties[std] = [step.metrics.penalty or 0.0 for step in steps]
    assert penalties["flat"] == [0.0] * len(penalties["flat"])
    assert penalties[1.0][0] == 0.0 < penalties[1.0][-1]
    with RunDirectory.create(tmp_path / "start", seed=3) as run:
        still = {**form, "epochs": 0.01, "optim": Optim(lr=1e-12)}
        start = SpanReward(**still, ensemble_size=members).fit(spans_data(), run)
    assert isinstance(start, SpanJudge)
    moved = {std: float((weight - start.model.head.weight).norm()) for std, weight in away.items()}
    assert moved[0.02] < 0.5 * moved[1.0] < moved["flat"]


def test_corrections_are_read_only_where_they_are_asked_for() -> None:
    assert SpanReward().reads == {"spans"}
    assert SpanReward(corrections=True).reads == {"spans", "correction"}


@pytest.mark.parametrize("kind", ["spans", "steps"])
def test_a_stage_that_was_cut_off_goes_on_to_the_same_numbers(kind: str, tmp_path: Path) -> None:
    settings: Any = (SpanReward if kind == "spans" else StepReward)(**{**FORM, "epochs": 3}, save_every=2)
    data = spans_data() if kind == "spans" else steps_data()
    with RunDirectory.create(tmp_path / "whole") as whole:
        losses = [step.metrics.loss for step in settings.steps(data, whole)]
    with RunDirectory.create(tmp_path / "cut") as run:
        cut = settings.steps(data, run)
        made = [next(cut).metrics.loss for _ in range(3)]
        cut.close()
        again = [step.metrics.loss for step in settings.steps(data, run)]
    assert made[:2] + again == losses


def test_how_batches_are_cut_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accord.reward.segments import settings as module
    from accord.train import BatchLimits

    data, settings, losses = spans_data(), SpanReward(**{**FORM, "epochs": 2}), []
    for limits in (BatchLimits(), BatchLimits(row_tokens=64, batch_tokens=64)):
        monkeypatch.setattr(module, "stage_batch_limits", lambda *_, found=limits, **__: found)
        with RunDirectory.create(tmp_path / f"{limits.batch_tokens}") as run:
            losses.append([step.metrics.loss for step in settings.steps(data, run)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_kinds_of_error_take_in_types_and_corrections_are_one(tmp_path: Path) -> None:
    corrected = [(each, OTHER, Correction(text=each.text.replace("a", "c"))) for each in texts()]
    data = said([(each, SOMEBODY, marks(each.text)) for each in texts()] + corrected)  # type: ignore[operator]
    settings = SpanReward(
        **{**FORM, "epochs": 6}, types={"any": ("letter", "twice")}, corrections=True, densities={"corrected": "token"}
    )
    with RunDirectory.create(tmp_path / "run") as run:
        judge = settings.fit(data, run)
    scores = scored(judge, "ccdd. ddca.", "ccdd. ddcc.")
    assert list(scores.components) == ["any", "corrected"]
    assert scores.components["corrected"].value_N[0] < scores.components["corrected"].value_N[1]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"types": {"x": ("none such",)}}, "types.x: no span is of such a type; there are letter, twice"),
        ({"weights": {"lettr": 2.0}}, "densities or weights name 'lettr', and the kinds of error are letter, twice"),
    ],
)
def test_kinds_that_are_not_there_are_named(settings: dict[str, Any], problem: str, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run, pytest.raises(RecipeError, match=problem):
        SpanReward(**FORM, **settings).fit(spans_data(), run)


def test_weights_of_kinds_that_are_not_named_are_refused() -> None:
    with pytest.raises(ValueError, match=r"weights\.b: not one of the kinds a"):
        SpanReward(types={"a": ("x",)}, weights={"b": 1.0})


def test_data_that_say_nothing_are_refused(tmp_path: Path) -> None:
    right = said([(each, SOMEBODY, Spans(spans=())) for each in texts()])
    unsure = said([(each, SOMEBODY, Steps(verdicts=("unsure",))) for each in texts()])
    beyond = said([(each, SOMEBODY, Spans(spans=(Span(start=0, end=99, type="x"),))) for each in texts()])
    far = said([(each, SOMEBODY, Steps(verdicts=("right",) * 5)) for each in texts()])
    with RunDirectory.create(tmp_path / "run") as run:
        for settings, data, problem in (
            (SpanReward(**FORM), right, "no span is marked, so there is no kind of error to learn"),
            (SpanReward(**FORM), unsure, "reward: the split 'train' has no spans to learn from"),
            (StepReward(**FORM), unsure, "nothing is said of any segment of the texts"),
            (StepReward(**FORM), right, "reward: the split 'train' has no steps to learn from"),
            (SpanReward(**FORM), beyond, "marks the characters 0..99 of the completion c-"),
            (StepReward(**FORM), far, "judges step 5 of the completion c-"),
        ):
            with pytest.raises(RecipeError, match=problem):
                settings.fit(data, run)


@pytest.mark.parametrize("kind", [REINFORCE, PPO])
@pytest.mark.parametrize("about", ["spans", "steps"])
def test_a_policy_learns_from_rewards_along_its_texts(
    kind: Any, about: str, span_judge: SpanJudge, step_judge: StepJudge, tmp_path: Path
) -> None:
    from accord.policy.online_trainer import build_trainer

    judge = span_judge if about == "spans" else step_judge
    assert with_credits(judge) is judge
    settings = kind(
        base="tiny",
        dtype="float32",
        dense=True,
        max_steps=2,
        prompts_per_step=2,
        group_size=3,
        sampling=Sampling(max_tokens=24),
    )
    materials = Materials(prompts=PROMPTS, judge=judge, start="tiny")
    with RunDirectory.create(tmp_path / "run") as run:
        trainer = build_trainer(settings, PROMPTS, judge, run, start="tiny", stage="looked-at")
        rollout = trainer.generate_rollouts(1, old_logprobs=True)
        assert rollout.dense_BT is not None
        assert rollout.dense_BT.sum(1).tolist() == pytest.approx(rollout.score_B.tolist(), abs=1e-4)
        steps = list(settings.steps(materials, run))
    assert len(steps) == 2
    assert all(np.isfinite(step.metrics.reward) for step in steps)
