"""What each term reads of a data set, and that a batch of observations costs what each of them costs alone."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import softplus

from accord.feedback import Dataset
from accord.records import (
    Comparison,
    Completion,
    Correction,
    Critique,
    Demonstration,
    Evaluator,
    Feedback,
    Judgement,
    Label,
    Pair,
    Ranking,
    Rating,
    Scale,
)
from accord.reward.kinds.joint import Joint
from accord.reward.observations import completions_of, of_pair
from accord.reward.sentiment import lexicon
from accord.reward.terms.acts import Evaluators
from accord.reward.terms.answering import Answering, Lapse
from accord.reward.terms.base import Term
from accord.reward.terms.comparisons import Comparisons
from accord.reward.terms.corrections import Corrections
from accord.reward.terms.critiques import Critiques
from accord.reward.terms.demonstrations import Demonstrations
from accord.reward.terms.graded_ratings import GradedRatings, levels_of
from accord.reward.terms.labels import LabelItems, LabelOutputs, options_of
from accord.reward.terms.rankings import Rankings
from accord.reward.terms.ratings import RatingRegression
from small_judgements import KINDS, judged_letters

DATA = judged_letters()


def moved(term: Term) -> Term:
    """The term with parameters that differ from their start, each in its own way."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in term.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return term


def terms(data: Dataset) -> dict[str, Term]:
    ordinal = Answering(ties="rao_kupper", strength="ordinal", lapse="fitted")
    return {
        "bradley_terry": Comparisons(acts=True),
        "half ties with a lapse": Comparisons(Answering(lapse=0.1), acts=True),
        "half ties, noise corrected": Comparisons(Answering(flip_rate=0.1), acts=True),
        "margin": Comparisons(Answering(strength="margin", margin_scale=2.0), acts=True),
        "davidson": Comparisons(Answering(ties="davidson", lapse="fitted"), acts=True),
        "rao_kupper": Comparisons(Answering(ties="rao_kupper", flip_rate=0.2), acts=True),
        "ordinal": Comparisons.of(data, ordinal, acts=True),
        "thurstone": Comparisons(Answering(noise="normal"), acts=True),
        "thurstone with ties": Comparisons(Answering(noise="normal", ties="rao_kupper"), acts=True),
        "rankings": Rankings.of(data, comparisons=True),
        "ratings": RatingRegression(Evaluators(data)),
        "graded ratings": GradedRatings.of(data),
        "label items": LabelItems(options_of(data)),
        "corrections": Corrections(),
        "demonstrations": Demonstrations(elsewhere=2),
        "critiques": Critiques([lexicon]),
        "ratings beside others": RatingRegression(Evaluators(data), own_noise=True),
        "critiques beside others": Critiques([lexicon], own_noise=True),
    }


@pytest.mark.parametrize("name", terms(DATA))
def test_a_batch_costs_what_each_observation_costs_alone(name: str) -> None:
    term = moved(terms(DATA)[name])
    observations = term.read(DATA, "train").observations
    assert len(observations) > 5
    names = completions_of(observations)
    row = {each: place for place, each in enumerate(names)}
    places = [[row[each] for each in observation.completions] for observation in observations]
    score_AM = torch.randn(len(names), 3, generator=torch.Generator().manual_seed(1), requires_grad=True)
    nll_OM = term.nll(score_AM, observations, places)
    assert nll_OM.shape == (len(observations), 3)
    for o, observation in enumerate(observations):
        own_AM = score_AM.detach()[places[o]]
        alone = term.nll(own_AM, [observation], [list(range(len(places[o])))])
        torch.testing.assert_close(nll_OM[o], alone[0], atol=1e-5, rtol=1e-5)
    fine_OM = term.nll(score_AM.detach().double(), observations, places)  # as the curvature is found
    torch.testing.assert_close(fine_OM.float(), nll_OM, atol=1e-4, rtol=1e-4)
    nll_OM.sum().backward()
    for tensor in (score_AM, *term.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
    assert torch.isfinite(term.penalty())


def test_an_evaluators_thresholds_are_everybodys_and_their_own_part() -> None:
    term = moved(GradedRatings.of(DATA))
    assert isinstance(term, GradedRatings)
    observations = term.read(DATA, "train").observations
    score_AM = torch.linspace(-2, 2, len(observations))[:, None]
    nll_O = term.nll(score_AM, observations, [[o] for o in range(len(observations))])[:, 0]
    people = sorted(DATA.evaluators)
    for o, observation in enumerate(observations[:20]):
        u_K = (term.pool[0] + term.own[0][people.index(str(observation.evaluator))]).tolist()
        cuts = [u_K[0]]
        for step in u_K[1:]:
            cuts.append(cuts[-1] + math.log1p(math.exp(step)))
        ends = [-math.inf, *cuts, math.inf]
        level = int(observation.content.value) - 1

        def below(end: float, r: float = float(score_AM[o, 0])) -> float:
            return 0.0 if end == -math.inf else 1 / (1 + math.exp(r - end))

        assert nll_O[o].item() == pytest.approx(-math.log(below(ends[level + 1]) - below(ends[level])), rel=1e-4)


def test_who_stands_for_several_has_the_pools_thresholds() -> None:
    nobody = Evaluator(kind="person", pseudonym="unknown", pool="x", inferred=True)
    first = next(iter(DATA.completions.values()))
    act = Feedback(
        evaluator=nobody.id,
        prompt=first.prompt,
        completions=(first.id,),
        judgement=Rating(value=2, scale=Scale(low=1, high=5, step=1)),
    )
    data = replace(DATA, evaluators={nobody.id: nobody}, feedback={"train": (act,)})
    for term in (GradedRatings.of(data), RatingRegression(Evaluators(data))):
        assert len(term.evaluators) == 0
        (observation,) = term.read(data, "train").observations
        score_AM = torch.zeros(1, 1, requires_grad=True)
        nll_OM = term.nll(score_AM, [observation], [[0]])
        (nll_OM.sum() + term.penalty()).backward()
        assert torch.isfinite(nll_OM).all()


# -- what is read -------------------------------------------------------------------------------------------------


def test_a_joint_likelihood_reads_every_act_once() -> None:
    joint = Joint(base="tiny")
    for split in DATA.feedback:
        read = [each for term in joint.terms(DATA) for each in term.read(DATA, split).observations]
        ids = Counter(name for each in read for name in each.feedback_ids)
        assert set(ids.values()) == {1}
        kinds = Counter(record.judgement.kind for record in DATA.feedback[split])
        same = sum(
            record.judgement.text == DATA.completions[record.completions[0]].text
            for record in DATA.feedback[split]
            if isinstance(record.judgement, Correction)
        )
        assert len(read) == sum(kinds.values()) - same  # a correction that changes nothing says nothing


def test_a_joint_likelihood_reads_the_kinds_that_it_is_told_to() -> None:
    some = Joint(base="tiny", judgements=("rating", "ranking"), ratings="regression")
    assert [type(term) for term in some.terms(DATA)] == [RatingRegression, Rankings]
    assert some.reads == {"rating", "ranking"}


def test_control_questions_and_repeats_are_no_observations() -> None:
    asked = DATA.feedback["train"]
    marked = tuple(record.model_copy(update={"gold": record.judgement}) for record in asked)
    for name, term in terms(DATA).items():
        assert not term.read(replace(DATA, feedback={"train": marked}), "train").observations, name


def test_weights_of_evaluators_are_carried_to_every_kind() -> None:
    careless, *others = DATA.evaluators
    weights = {"train": {careless: 0.25, others[0]: 1.5}}
    weighed = replace(DATA, evaluator_weights=weights)
    for name, term in terms(DATA).items():
        for plain, own in zip(
            term.read(DATA, "train").observations, term.read(weighed, "train").observations, strict=True
        ):
            factor = weights["train"].get(str(own.evaluator), 1.0)
            assert own.weight == pytest.approx(plain.weight * factor), name
        held_out = term.read(weighed, "held_out").observations
        assert {each.weight for each in held_out} <= {each.weight for each in term.read(DATA, "held_out").observations}


def test_a_correction_says_where_it_was_changed() -> None:
    original = Completion(prompt=next(iter(DATA.prompts)), text="It closes at nine, I think.")
    act = Feedback(
        evaluator=next(iter(DATA.evaluators)),
        prompt=original.prompt,
        completions=(original.id,),
        judgement=Correction(text="It closes at eight, I think!"),
    )
    data = replace(DATA, completions={original.id: original}, feedback={"train": (act,)})
    reading = Corrections().read(data, "train")
    (observation,) = reading.observations
    (corrected,) = reading.written.values()
    assert observation.completions == (corrected.id, original.id)
    before, after = original.text, corrected.text
    pairs = [(before[c.start : c.end], after[c.new_start : c.new_end]) for c in observation.content]
    assert pairs == [("nine", "eight"), (".", "!")]


def only(*acts: tuple[Sequence[Completion], Judgement], evaluator: str | None = None) -> Dataset:
    """A data set with these acts alone, all of `train`."""
    prompt = next(iter(DATA.prompts))
    who = evaluator or next(iter(DATA.evaluators))
    records = tuple(
        Feedback(evaluator=who, prompt=prompt, completions=tuple(c.id for c in about), judgement=judgement)
        for about, judgement in acts
    )
    return replace(DATA, completions={c.id: c for about, _ in acts for c in about}, feedback={"train": records})


def texts(*some: str) -> list[Completion]:
    prompt = next(iter(DATA.prompts))
    return [Completion(prompt=prompt, text=text) for text in some]


def test_a_ranking_that_names_a_text_twice_counts_it_where_it_is_better() -> None:
    one, two = texts("one", "two")
    data = only(([one, two, one], Ranking(tiers=((0,), (1,), (2,)))))
    (observation,) = Rankings.of(data).read(data, "train").observations
    assert observation.content == ((one.id,), (two.id,))
    assert observation.completions == (one.id, two.id)


def test_a_ranking_all_tied_is_likely_where_rewards_are_equal() -> None:
    some = texts("one", "two", "three")
    data = only((some, Ranking(tiers=((0, 1, 2),))))
    term = Rankings.of(data)
    assert term.tie is not None
    (observation,) = term.read(data, "train").observations
    equal, apart = torch.zeros(3, 1), torch.tensor([[3.0], [0.0], [-3.0]])
    assert term.nll(equal, [observation], [[0, 1, 2]]) < term.nll(apart, [observation], [[0, 1, 2]])
    score = torch.tensor([[1.0], [0.2], [-0.4]], requires_grad=True)
    term.nll(score, [observation], [[0, 1, 2]]).sum().backward()
    assert score.grad is not None
    assert score.grad[0] > 0 > score.grad[2]  # they are drawn together


def test_ratings_at_one_value_teach_the_same_reward_for_all() -> None:
    stars = Scale(low=1, high=5)
    data = only(*(([each], Rating(value=3, scale=stars)) for each in texts("one", "two")))
    regression, graded = RatingRegression(Evaluators(data)), GradedRatings.of(data)
    score = torch.tensor([[1.0], [-1.0]], requires_grad=True)
    observations = regression.read(data, "train").observations
    (regression.nll(score, observations, [[0], [1]]).sum() + regression.penalty()).backward()
    assert score.grad is not None
    assert score.grad[0] > 0 > score.grad[1]
    assert graded.levels == [[3.0]]  # the one level there is has probability 1
    nothing = graded.nll(score, graded.read(data, "train").observations, [[0], [1]])
    assert nothing.tolist() == [[0.0], [0.0]]


def test_levels_are_steps_of_the_scale_or_what_was_said_or_ten() -> None:
    assert levels_of(Scale(low=1, high=5, step=1), [2, 3]) == [1, 2, 3, 4, 5]
    assert levels_of(Scale(low=0, high=1, step=0.25), []) == [0, 0.25, 0.5, 0.75, 1]
    assert levels_of(Scale(low=0, high=100), [50, 10, 50]) == [10, 50]
    assert levels_of(Scale(low=0, high=100, step=1), range(101)) == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]


def test_a_label_says_nothing_of_options_that_were_not_offered() -> None:
    one, two = texts("one", "two")
    data = only(
        ([one], Label(selected=("good",), options=("good", "bad"))), ([two], Label(selected=(), options=("odd",)))
    )
    term = LabelOutputs(options_of(data), members=2)
    assert term.options == ("bad", "good", "odd")
    observations = term.read(data, "train").observations
    score = torch.zeros(2, 6, requires_grad=True)
    nll_OS = term.nll(score, observations, [[0], [1]])
    torch.testing.assert_close(nll_OS.detach(), math.log(2) * torch.tensor([[2.0, 2.0], [1.0, 1.0]]))
    nll_OS.sum().backward()
    assert score.grad is not None
    assert score.grad.sign().tolist() == [[1, 1, -1, -1, 0, 0], [0, 0, 0, 0, 1, 1]]


def test_a_single_demonstration_that_can_be_held_against_nothing_is_no_observation() -> None:
    data = only(([], Demonstration(text="This is how.")))
    assert not Demonstrations().read(data, "train").observations
    one = texts("that")
    against = only((one, Critique(text="Bad.")), ([], Demonstration(text="This is how.")))
    (observation,) = Demonstrations().read(against, "train").observations
    assert observation.completions[1] == one[0].id
    same = only((texts("This is how."), Critique(text="Good.")), ([], Demonstration(text="This is how.")))
    assert not Demonstrations().read(same, "train").observations


def test_demonstrations_of_other_prompts_are_read_as_answers_to_this_one() -> None:
    data = judged_letters("demonstration")
    reading = Demonstrations(elsewhere=2).read(data, "train")
    again = Demonstrations(elsewhere=2).read(data, "train")
    assert reading.observations == again.observations
    for observation in reading.observations:
        own, *others = (reading.written[name] for name in observation.completions)
        assert {each.prompt for each in (own, *others)} == {observation.prompt}
        assert len(others) == 2
        assert own.text not in {each.text for each in others}


def test_a_comparison_of_a_text_with_itself_is_no_observation() -> None:
    one = texts("one")[0]
    data = only(([one, one], Comparison(preferred="left")))
    assert not Comparisons(acts=True).read(data, "train").observations
    assert not Rankings.of(data, comparisons=True).read(data, "train").observations


def test_strengths_are_grades_as_stated_or_five_where_they_are_many() -> None:
    few = Comparisons(Answering(ties="rao_kupper", strength="ordinal"), strengths=[0.5, 1.0, 0.5])
    assert few.grades == [0.5, 1.0]
    many = Comparisons(Answering(ties="rao_kupper", strength="ordinal"), strengths=[i / 100 for i in range(1, 101)])
    assert many.grades == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert many.tie is not None
    assert many.steps is not None
    assert many.cuts[0].item() == pytest.approx(softplus(many.tie).item())
    assert (many.cuts.diff() > 0).all()


def test_strengths_that_rounding_tells_apart_are_one_grade() -> None:
    """Differences of ratings: .7 - .4 is not .3 in floating point."""
    answering = Answering(ties="rao_kupper", strength="ordinal")
    differences = [0.3, 0.7 - 0.4, 0.9 - 0.6, 0.1 + 0.5, 0.6]
    assert len(set(differences)) > 2
    term = Comparisons(answering, strengths=differences)
    assert term.grades == [0.3, 0.6]
    with torch.no_grad():
        term.tie.fill_(0.5)  # type: ignore[union-attr]
    score_AM = torch.tensor([[1.0], [0.0]])

    def cost(strength: float) -> float:
        pair = Pair(prompt="p", chosen="a", rejected="b", margin=strength)
        return term.nll(score_AM, [of_pair(pair)], [[0, 1]]).item()

    assert len({cost(each) for each in differences[:3]}) == 1
    assert cost(0.1 + 0.5) == cost(0.6) != cost(0.3)


@pytest.mark.parametrize("lapse", [0.3, "fitted"])
def test_answers_with_lapses_are_a_distribution_with_or_without_a_strength(lapse: Lapse) -> None:
    """Better, worse and equal sum to 1, and "better" is as likely as better by any of the strengths together."""
    term = Comparisons(Answering(ties="rao_kupper", strength="ordinal", lapse=lapse), strengths=[0.2, 0.5, 1.0])
    moved(term)
    score_AM = torch.tensor([[0.9], [0.2]])

    def share(places: list[int], **stated: Any) -> float:
        pair = of_pair(Pair(prompt="p", chosen="a", rejected="b", **stated))
        return math.exp(-term.nll(score_AM, [pair], [places]).item())

    tie = share([0, 1], tie=True)
    graded = [[share(side, margin=each) for each in term.grades] for side in ([0, 1], [1, 0])]
    assert tie + sum(map(sum, graded)) == pytest.approx(1, abs=1e-5)
    assert [share([0, 1]), share([1, 0])] == pytest.approx([sum(side) for side in graded], abs=1e-5)


def test_cuts_that_fall_together_leave_every_answer_possible() -> None:
    """In float32, 1 and 1 + 1e-9 are one number, between which no answer has a probability."""
    answering = Answering(ties="rao_kupper", strength="ordinal")
    term = Comparisons(answering, strengths=[0.5, 1.0])
    graded = GradedRatings.of(DATA)
    assert term.steps is not None
    with torch.no_grad():
        term.steps.fill_(-40.0)
        graded.pool[0][1:] = -40.0
    pair = of_pair(Pair(prompt="p", chosen="a", rejected="b", margin=0.5))
    observations = graded.read(DATA, "train").observations
    nll = [
        term.nll(torch.tensor([[0.5], [0.0]]), [pair], [[0, 1]]),
        graded.nll(torch.zeros(1, 1), observations, [[0]] * len(observations)),
    ]
    for each in nll:
        assert torch.isfinite(each).all()
        each.sum().backward()
    assert torch.isfinite(term.steps.grad).all()  # type: ignore[arg-type]


def test_kinds_that_exist_are_all_read() -> None:
    assert set(KINDS) == set(Joint.learns_from)
