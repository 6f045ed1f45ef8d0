"""Careless is not opposed; and what answers weigh."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from simulated_votes import votes_of

from accord.artefacts import TRUST, RunReader
from accord.errors import RecipeError
from accord.feedback import Dataset, Ledger, draw_dataset, read_data, weigh, write_data
from accord.feedback.statistics.workers.votes import Votes
from accord.feedback.trust.from_votes import standing_from_votes
from accord.feedback.trust.standing import judge_standing
from accord.feedback.trust.weights import LEAST_WEIGHT, reliability_weight
from accord.records import Comparison, Completion, Demonstration, Evaluator, Feedback, Prompt
from accord.report.trust import trust_in_words
from accord.run import RunDirectory

PEOPLE = 30
HONEST = np.full(PEOPLE, 0.88)


def with_some(share: float, accuracy: float) -> np.ndarray:
    accuracy_E = HONEST.copy()
    accuracy_E[: round(share * PEOPLE)] = accuracy
    return accuracy_E


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.2, 0.5])
def test_careless_people_are_told_from_the_others(share: float, seed: int) -> None:
    votes, _ = votes_of(with_some(share, 0.5), items=PEOPLE * 60 // 5, each=5, seed=seed)
    careless = standing_from_votes(votes).of("careless")
    truly = {f"e{number}" for number in range(round(share * PEOPLE))}
    assert len(truly & set(careless)) >= 0.7 * len(truly)
    assert not set(careless) - truly


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.1, 0.2])
def test_an_opposed_minority_is_of_another_view_and_never_careless(share: float, seed: int) -> None:
    votes, _ = votes_of(with_some(share, 0.12), items=PEOPLE * 60 // 5, each=5, seed=seed)
    standings = standing_from_votes(votes)
    assert standings.of("another view") == [f"e{number}" for number in range(round(share * PEOPLE))]
    assert standings.of("careless") == []


def test_who_agrees_with_nobody_but_their_own_kind_is_not_careless() -> None:
    """Eight of thirty judge by a truth of their own, which has nothing to do with that of the others."""
    votes, truth_I = votes_of(HONEST, items=360, each=5)
    own_I = np.random.default_rng(1).integers(0, 2, 360)
    theirs_N = votes.evaluator_N < 8
    turned_N = theirs_N & (own_I != truth_I)[votes.item_N]
    vote_N = np.where(turned_N, 1 - votes.vote_N, votes.vote_N)
    mixed = type(votes)(votes.evaluators, votes.classes, votes.evaluator_N, votes.item_N, vote_N, votes.text_I2)
    standings = standing_from_votes(mixed)
    assert len(standings.of("another view")) >= 6
    assert len(standings.of("careless")) <= 1


def test_hard_items_alone_make_nobody_careless() -> None:
    """Ten people judge items on which all are right in 65 %, the others easy ones."""
    easy, _ = votes_of(np.full(20, 0.92), items=240, each=5, seed=1)
    hard, _ = votes_of(np.full(10, 0.65), items=120, each=5, seed=2)
    both = type(easy)(
        [f"e{number}" for number in range(30)],
        easy.classes,
        np.concatenate([easy.evaluator_N, hard.evaluator_N + 20]),
        np.concatenate([easy.item_N, hard.item_N + 240]),
        np.concatenate([easy.vote_N, hard.vote_N]),
        np.concatenate([easy.text_I2, hard.text_I2 + 480]),
    )
    assert standing_from_votes(both).of("careless") == []


@pytest.mark.parametrize("each", [1, 2, 3])
def test_nobody_of_the_attentive_is_careless_where_few_judge_an_item(each: int) -> None:
    """With one vote an item nobody is told of; with two or three a slip among sure people is hardly ever enough."""
    flagged = told = 0
    for seed in range(10):
        standings = standing_from_votes(votes_of(np.full(20, 0.9), items=300 // each, each=each, seed=seed)[0])
        flagged, told = flagged + len(standings.of("careless")), told + len(standings.standing)
        assert all(usual < 1 for usual in standings.usual.values())
    assert told == (0 if each == 1 else 200)
    assert flagged <= 0.01 * told


def test_two_who_always_disagree_tell_nothing_of_each_other() -> None:
    votes, _ = votes_of(np.ones(2), items=12, each=2)
    turned = replace(votes, vote_N=(votes.vote_N + votes.evaluator_N) % 2)
    assert standing_from_votes(turned).standing == {}


@pytest.mark.parametrize(("answers", "at_most"), [(3, 0.1), (5, 0.15), (10, 0.15)])
def test_an_opposed_minority_of_few_answers_is_seldom_careless(answers: int, at_most: float) -> None:
    """A tenth of 200 people; so few answers leave it open whether somebody is opposed or answers at random."""
    accuracy_E = np.where(np.arange(200) < 20, 0.1, 0.9)
    opposed = {f"e{number}" for number in range(20)}
    flagged = 0
    for seed in range(5):
        votes, _ = votes_of(accuracy_E, items=200 * answers // 5, each=5, seed=seed)
        flagged += len(opposed & set(standing_from_votes(votes).of("careless")))
    assert flagged <= at_most * 5 * 20


def test_models_do_not_outvote_the_people() -> None:
    """Nine models are at one against five people: they are held against the people, not these against them."""
    people, truth_I = votes_of(np.full(5, 0.9), items=80, each=5)
    names = [f"m{number}" for number in range(9)]
    machines = np.repeat(np.arange(9), 80), np.tile(np.arange(80), 9), np.tile(1 - truth_I, 9)
    both = Votes(
        [*people.evaluators, *names],
        people.classes,
        np.concatenate([people.evaluator_N, machines[0] + 5]),
        np.concatenate([people.item_N, machines[1]]),
        np.concatenate([people.vote_N, machines[2]]),
        people.text_I2,
    )
    standings = standing_from_votes(both, people=set(people.evaluators))
    assert standings.of("ordinary") == people.evaluators
    assert standings.of("another view") == names
    assert standing_from_votes(both).of("another view") == people.evaluators  # where who is a person isn't known
    only_models = both.of_evaluators(np.arange(14) >= 5)
    assert standing_from_votes(only_models, people=set(people.evaluators)).of("ordinary") == names


def test_standings_of_counts_written_out() -> None:
    """Of 60 answers: 54 right, 31, 24 (which may be below chance) and 6; of five answers nothing is sure."""
    names = ["ordinary", "careless", "unclear", "another view", "few"]
    right_E, count_E = np.array([54.0, 31.0, 24.0, 6.0, 3.0]), np.array([60.0, 60.0, 60.0, 60.0, 5.0])
    standings = judge_standing(names, right_E, count_E, np.full(5, 0.9), method="m")
    assert list(standings.standing.values()) == ["ordinary", "careless", "unclear", "another view", "ordinary"]
    assert standings.accuracy["careless"].n == 60
    nobody = judge_standing(["x"], np.zeros(1), np.zeros(1), np.ones(1), method="m")
    assert nobody.standing == {}


def test_a_weight_is_signal_over_variance() -> None:
    """(2 a - 1) / (a (1 - a)): at .7 it is 1.905, at .9 it is 8.889."""
    assert reliability_weight(0.7, 0.9) == pytest.approx((0.4 / 0.21) / (0.8 / 0.09))
    assert reliability_weight(0.5, 0.9) == reliability_weight(0.3, 0.9) == LEAST_WEIGHT
    assert reliability_weight(0.95, 0.9) == 1.0
    assert reliability_weight(0.5, 0.5) == 1.0


Answer = Callable[[int, bool, np.random.Generator], bool]


def ledger_of(
    path: Path, answers: Answer, *, people: int = 20, pairs: int = 160, gold: int = 0, seed: int = 0
) -> Ledger:
    """`people` compare pairs, five a pair; `answers(person, is the left better, random)`: whether it is chosen."""
    random, prompt = np.random.default_rng(seed), Prompt.ask("Which?")
    ledger = Ledger(path)
    who = [
        Evaluator(
            kind="person",
            pseudonym=f"e{number}",
            pool="expert" if number < 4 else "crowd",
            attributes={"age": "old" if number % 4 == 0 else "young"},
        )
        for number in range(people)
    ]
    records: list[Completion | Feedback] = []
    for pair in range(pairs + gold):
        left, right = (Completion(prompt=prompt.id, text=f"{side} {pair}") for side in ("left", "right"))
        better = bool(random.random() < 0.5)
        records += [left, right]
        for person in range(people) if pair >= pairs else random.permutation(people)[:5].tolist():
            chooses = answers(person, better, random)
            records.append(
                Feedback(
                    evaluator=who[person].id,
                    prompt=prompt.id,
                    completions=(left.id, right.id),
                    judgement=Comparison(preferred="left" if chooses else "right"),
                    gold=Comparison(preferred="left" if better else "right") if pair >= pairs else None,
                    session=f"{person}",
                )
            )
    ledger.extend([prompt, *who, *records])
    return ledger


def some_at_random(person: int, better: bool, random: np.random.Generator) -> bool:
    if person < 5:
        return bool(random.random() < 0.5)
    return better if random.random() < 0.9 else not better


def drawn(ledger: Ledger) -> Dataset:
    with ledger:
        return draw_dataset(ledger, fractions={"train": 1.0, "eval_reward": 0.0, "held_out": 0.0})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return drawn(ledger_of(tmp_path_factory.mktemp("trust") / "some.db", some_at_random, pairs=240, gold=12))


def pseudonyms(data: Dataset) -> Mapping[str, str]:
    return {name: evaluator.pseudonym for name, evaluator in data.evaluators.items()}


@pytest.mark.parametrize("trust", ["control", "one_coin", "dawid_skene"])
def test_pairs_of_the_careless_weigh_less_and_all_weigh_one_on_average(data: Dataset, trust: str) -> None:
    weighted, summary = weigh(data, trust=trust, pools={}, population=None)
    of = pseudonyms(data)
    weights = {of[pair.evaluator]: pair.weight for pair in weighted.pairs["train"]}
    careless = {of[row.evaluator] for row in summary.splits["train"].evaluators if row.standing == "careless"}
    assert careless <= {f"e{number}" for number in range(5)}
    assert len(careless) >= 3
    assert max(weights[name] for name in careless) < 0.3
    assert {round(weights[name], 9) for name in weights.keys() - careless} == {round(max(weights.values()), 9)}
    assert np.mean([pair.weight for pair in weighted.pairs["train"]]) == pytest.approx(1.0)
    assert np.mean([example.weight for example in weighted.examples]) == pytest.approx(1.0)
    assert len({example.weight for example in weighted.examples}) > 1
    assert summary.splits["train"].effective_pairs < 0.95 * summary.splits["train"].pairs


def test_where_nobody_is_careless_the_data_are_the_same_bit_for_bit(tmp_path: Path) -> None:
    def all_careful(_person: int, better: bool, random: np.random.Generator) -> bool:
        return better if random.random() < 0.9 else not better

    careful = drawn(ledger_of(tmp_path / "careful.db", all_careful))
    weighted, summary = weigh(careful, trust="one_coin", pools={}, population=None)
    assert weighted == careful
    assert "surely" in str(summary.splits["train"].unused)
    assert summary.splits["train"].effective_pairs == summary.splits["train"].pairs


def share_of_old(data: Dataset) -> float:
    weight = {"old": 0.0, "young": 0.0}
    for pair in data.pairs["train"]:
        weight[data.evaluators[pair.evaluator].attributes["age"]] += pair.weight
    return weight["old"] / sum(weight.values())


@pytest.mark.parametrize("trust", ["none", "control", "one_coin"])
@pytest.mark.parametrize("pools", [{}, {"expert": 3.0}])
def test_the_populations_shares_hold_of_all_weights_together(
    data: Dataset, trust: str, pools: dict[str, float]
) -> None:
    weighted, summary = weigh(data, trust=trust, pools=pools, population={"age": {"old": 0.4, "young": 0.6}})
    assert share_of_old(weighted) == pytest.approx(0.4)
    assert summary.splits["train"].raking.error < 1e-6
    assert np.mean([pair.weight for pair in weighted.pairs["train"]]) == pytest.approx(1.0)


def test_pools_and_a_population_multiply(data: Dataset) -> None:
    target = {"age": {"old": 0.5, "young": 0.5}}
    weighted, _ = weigh(data, trust="none", pools={"expert": 3.0}, population=target)
    pairs = weighted.pairs["train"]
    of = pseudonyms(data)
    weights = {of[pair.evaluator]: pair.weight for pair in pairs}
    assert weights["e0"] / weights["e4"] == pytest.approx(3.0)  # both are old, one is an expert
    assert np.mean([pair.weight for pair in pairs]) == pytest.approx(1.0)
    for pools, population, words in (
        (
            {"experts": 2.0},
            None,
            r"pools\.experts: no evaluator is of this pool; pools are \['crowd', 'expert'\]",
        ),
        ({}, {"age": {"young": 1.0, "old": 0.0}}, r"population\.age\.old: a share of 0 .*; give a small share"),
        ({}, {"age": {"young": 0.5}}, r"the shares sum to 0\.5"),
        ({}, {"sex": {"f": 1.0}}, r"data\.population\.sex: no evaluator has this attribute"),
    ):
        with pytest.raises(RecipeError, match=words):
            weigh(data, trust="none", pools=pools, population=population)


def test_demonstrations_without_pairs_are_raked(tmp_path: Path) -> None:
    """Of thirty texts six are by the old, one of them by two people of whom one is young."""
    who = [
        Evaluator(kind="person", pseudonym=f"e{number}", attributes={"age": "old" if number < 2 else "young"})
        for number in range(10)
    ]
    prompts = [Prompt.ask(f"Question {number}?") for number in range(30)]
    authors = [*enumerate(who * 3), (0, who[9])]
    written = [
        Feedback(
            evaluator=author.id,
            prompt=prompts[number].id,
            completions=(),
            judgement=Demonstration(text=f"Answer {number}"),
        )
        for number, author in authors
    ]
    with Ledger(tmp_path / "written.db") as ledger:
        ledger.extend([*who, *prompts, *written])
        fractions = {"train": 1.0, "eval_reward": 0.0, "held_out": 0.0}
        data = draw_dataset(ledger, fractions=fractions, supervised="demonstrations")
    weighted, summary = weigh(data, trust="none", pools={}, population={"age": {"old": 0.5, "young": 0.5}})
    # The text of both ages is shared by them as they weigh: 1/2 x 15 / 5.5 old, 1/2 x 15 / 24.5 young.
    weights = {data.completions[example.completion].text: example.weight for example in weighted.examples}
    assert weights["Answer 0"] == pytest.approx(0.5 * 15 / 5.5 + 0.5 * 15 / 24.5)
    assert weights["Answer 1"] == pytest.approx(15 / 5.5)
    assert weights["Answer 2"] == pytest.approx(15 / 24.5)
    train = summary.splits["train"]
    assert train.raking is None
    assert train.examples_raking.error < 1e-6


def test_shares_that_are_not_reached_are_told_so(tmp_path: Path) -> None:
    """All old people are experts: no weights give the old a half and experts a tenth; and every answer has a weight."""
    ledger = ledger_of(tmp_path / "tied.db", some_at_random, people=8, pairs=40)
    data = drawn(ledger)
    experts = {
        name: one.model_copy(update={"pool": "expert" if one.attributes["age"] == "old" or number == 1 else "crowd"})
        for number, (name, one) in enumerate(data.evaluators.items())
    }
    population = {"age": {"old": 0.5, "young": 0.5}, "pool": {"expert": 0.1, "crowd": 0.9}}
    weighted, summary = weigh(replace(data, evaluators=experts), trust="none", pools={}, population=population)
    assert summary.splits["train"].raking.error == pytest.approx(0.4)
    assert min(pair.weight for pair in weighted.pairs["train"]) > 0
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, weighted, trust=summary)
        words = " ".join(trust_in_words(RunReader.of(run)))
    assert "no weights were found that give pairs the population's shares: one is 0.4 from what it is to be" in words
    assert "have the population's shares" not in words


def test_a_run_keeps_the_weights_and_says_why(data: Dataset, tmp_path: Path) -> None:
    weighted, summary = weigh(data, trust="one_coin", pools={"expert": 2.0}, population={"age": {"old": 1.0}})
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, weighted, trust=summary)
        assert TRUST.read(run) == summary
        assert read_data(run).pairs["train"] == weighted.pairs["train"]
        words = " ".join(trust_in_words(RunReader.of(run)))
    assert "seem careless and weigh as little as" in words
    assert "2 for the pool expert" in words
    assert "population's shares" in words
    assert "of equal weight" in words


def test_nothing_is_known_where_nobody_judges_what_another_did(tmp_path: Path) -> None:
    alone = drawn(ledger_of(tmp_path / "alone.db", some_at_random, people=1, pairs=12))
    nothing = replace(alone, pairs={**alone.pairs, "train": ()}, examples=())
    assert weigh(nothing, trust="one_coin", pools={}, population=None)[1].splits == {}
    for trust, words in (("one_coin", "no two known evaluators"), ("control", "nobody answered a control question")):
        weighted, summary = weigh(alone, trust=trust, pools={}, population=None)
        assert weighted == alone
        assert words in str(summary.splits["train"].unused)


def test_pools_weigh_answers_of_which_there_are_no_pairs(tmp_path: Path) -> None:
    people = [Evaluator(kind="person", pseudonym=f"w{i}", pool="guests" if i % 2 else "staff") for i in range(4)]
    prompts = [Prompt.ask(f"How is it {i}?") for i in range(12)]
    with Ledger(tmp_path / "l.db") as ledger:
        for number, prompt in enumerate(prompts):
            who = people[number % 4]
            act = Feedback(
                evaluator=who.id, prompt=prompt.id, completions=(), judgement=Demonstration(text=f"So {number}.")
            )
            ledger.add(who, prompt, act)
        plain = draw_dataset(ledger)
    assert not any(plain.pairs.values())
    weighed, trust = weigh(plain, trust="none", pools={"guests": 0.5}, population=None)
    for split in ("train", "eval_reward"):
        factors = weighed.evaluator_weights[split]
        evidence = [record.evaluator for record in plain.feedback[split]]
        by_pool = {plain.evaluators[name].pool: factor for name, factor in factors.items()}
        assert by_pool["guests"] == pytest.approx(by_pool["staff"] / 2)
        assert np.mean([factors[name] for name in evidence]) == pytest.approx(1)
    assert "held_out" not in weighed.evaluator_weights
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, weighed, trust=trust)
    with RunDirectory.open(tmp_path / "run") as run:
        assert read_data(run).evaluator_weights == weighed.evaluator_weights
