"""Abstention and stated confidence as rewards: what counts as "I don't know", thresholds, proper scores."""

import time
from typing import Any

import numpy as np
import pytest

from accord.records import Completion, Prompt
from accord.reward import AbstentionReward, BrierReward
from accord.reward.stated.abstention import abstains
from accord.reward.stated.confidence import brier, stated_confidence
from accord.reward.stated.referenced import ReferencedReward
from accord.reward.stated.references import References

PROMPT = Prompt.ask("6 times 7?")

# Written when the recogniser was finished, and not used to write it.
ABSTENTIONS = [
    "I'm sorry, but I do not have an answer for you.",
    "That one escapes me at the moment.",
    "I can't determine this from what was given.",
    "We don't know.",
    "Without further details, I cannot give a reliable answer.",
    "I really don't know how many there were.",
    "I honestly have no idea who won that match.",
    "The text gives no information about her birthplace.",
    "My training data ends before that happened, so I can't say.",
    "I do not have access to that information.",
    "No one knows for sure.",
    "Cannot be determined",
    "Hard to say.",
    "I'm not familiar with that novel.",
    "I'm not confident enough to answer.",
    "Sorry, I draw a blank here.",
    "It's impossible for me to know what he was thinking.",
    "I refuse to guess.",
    "I'm going to have to pass on this one.",
    "I do not feel able to answer that.",
    "The correct answer is unknown to me.",
    "I couldn't find that in the passage.",
    "There is insufficient information to answer the question.",
    "Not known.",
    "I simply cannot recall.",
    "Good question! I wish I knew.",
    "I am unable to provide an answer to this question because the source is missing.",
    "I don't have a clue, mate.",
    "As a language model I cannot verify this claim.",
    "I'd be making it up if I answered.",
    "I'm at a loss.",
    "I don\u2019t know. Please check a reliable source.",
]
ANSWERS = [
    "It was Marie Curie, I know that much.",
    "I don't doubt that the answer is 9.",
    "I cannot recommend it enough: Casablanca.",
    "He could not say who did it. It was Holmes who found out.",
    "The answer is: nobody knows, which is the title of the film.",
    "Unknown Pleasures was released in 1979.",
    "Jon Snow, because he knows nothing.",
    "I'm not sure about the spelling, but it is Dostoevsky.",
    "I don't remember the exact day; it was in May 1945.",
    "Ask me anything. Rome.",
    "We know that x is not zero, so x = 2.",
    "The data does not support it: false.",
    "There is no king of France.",
    "I'd say 30 km.",
    "It can't be A, B or D, so C.",
    "The plaintiff was unable to pay, so the court ruled for the bank.",
    "Don't know much about history was sung by Sam Cooke.",
    "I was not sure at first. After computing I get 15.",
    "To be honest, Vienna.",
    "Paris (I'm certain).",
    "I couldn't agree more: yes.",
    "Without doubt Mozart.",
    "The number is irrational and cannot be written as a fraction.",
    "Most people don't know that it is 1066.",
    "I don't know much about art, but this is by Monet.",
    "Not Paris, Lyon.",
    "I can tell you exactly: 8,849 m.",
    "I don't have to guess: it's oxygen.",
    "It isn't clear water but ethanol.",
    "Sorry, it's Tuesday.",
    "The question is easy. Seven.",
    "I do not know him personally. He is the mayor of Oslo.",
]


def scores(settings: ReferencedReward, answer: Any, *texts: str) -> Any:
    judge = settings.judge("judge", References({None: {"answer": answer}}, "here"))
    return judge.score([PROMPT] * len(texts), [Completion(prompt=PROMPT.id, text=text) for text in texts])


def values(settings: ReferencedReward, answer: Any, *texts: str) -> list[float]:
    return [float(value) for value in scores(settings, answer, *texts).value_N]


def test_abstentions_are_told_from_answers_that_mention_not_knowing() -> None:
    hits, false_alarms = sum(map(abstains, ABSTENTIONS)), sum(map(abstains, ANSWERS))
    assert hits / len(ABSTENTIONS) >= 0.9
    assert hits / (hits + false_alarms) >= 0.95


@pytest.mark.parametrize(
    "text",
    [
        "#### I don't know",
        "I don't know.\n#### I don't know",
        "\\boxed{I don't know}",
        "The answer is $\\boxed{\\text{unknown}}$.",
        "#### N/A",
        "I can't work this out.\n#### unknown",
        "There's no way for me to know.",
    ],
)
def test_a_marked_abstention_is_one_in_the_format_that_answers_have(text: str) -> None:
    assert abstains(text)
    for answer in ("42", "0"):
        assert values(AbstentionReward(references="here"), answer, text) == [0]


@pytest.mark.parametrize(
    "text",
    [
        "#### 42",
        "I don't know.\n#### 42",
        "I don't know: \\boxed{x}",
        "#### I don't know, 42",
        "\\boxed{42} \\boxed{I don't know}",
        "\\boxed{\\text{I don't know, but 42}}",
        "#### Unknown Pleasures",
    ],
)
def test_a_marked_answer_is_one_whatever_stands_beside_it(text: str) -> None:
    assert not abstains(text)


@pytest.mark.parametrize("text", ["", " ", "I don't know, but I think 42", "<think>I don't know.</think> 42", "42"])
def test_what_commits_itself_or_says_nothing_is_no_abstention(text: str) -> None:
    assert not abstains(text)


@pytest.mark.parametrize(
    "text",
    [
        "I don't know. " * 20_000,
        "x" + " " * 200_000 + "y",
        "'a b' " * 30_000,
        "- " * 90_000,
        "I really " * 50_000,
        "\\boxed{" * 30_000,
        "\\boxed{I don't know}" * 10_000,
        "#### I don't know\n" * 10_000,
        "$\\boxed{" + "{a" * 90_000,
    ],
)
def test_no_output_makes_it_hang(text: str) -> None:
    began = time.process_time()
    abstains(text)
    assert time.process_time() - began < 5


def test_not_knowing_is_worth_more_than_being_wrong() -> None:
    settings = AbstentionReward(references="here", wrong=-3.0)
    texts = ("42", "43", "I don't know.", "", "I don't know. 42", "It's 42. I don't know.")
    found = scores(settings, "42", *texts)
    assert found.value_N.tolist() == [1, -3, 0, -3, found.value_N[4], found.value_N[5]]
    assert found.components["right"].value_N.tolist()[:4] == [1, 0, 0, 0]
    assert found.components["abstained"].value_N.tolist()[:4] == [0, 0, 1, 0]
    assert values(
        AbstentionReward(references="here", tag="answer"), 42, "I don't know", "<answer>I don't know</answer>"
    ) == [-1, 0]


@pytest.mark.parametrize(
    "hedged", ["It is {}. I don't know.", "I don't know. {}", "Not sure, {}", "{} or I don't know"]
)
def test_no_text_is_an_answer_where_right_and_an_abstention_where_wrong(hedged: str) -> None:
    """Else to hedge would always pay."""
    right, wrong = values(AbstentionReward(references="here"), "42", hedged.format(42), hedged.format(43))
    assert (right, wrong) != (1, 0)


@pytest.mark.parametrize("penalty", [0.25, 1.0, 3.0, 9.0])
def test_answering_pays_above_the_threshold(penalty: float) -> None:
    settings = AbstentionReward(references="here", wrong=-penalty)
    right, wrong, idk = values(settings, "42", "42", "43", "I don't know.")
    threshold = penalty / (1 + penalty)
    for p in (threshold - 0.01, threshold + 0.01):
        assert (p * right + (1 - p) * wrong > idk) == (p > threshold)


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ("42. Confidence: 80%", 0.8),
        ("42 (confidence: 0.8)", 0.8),
        ("I am 80% sure that it is 42", 0.8),
        ("I'm 99.5 percent certain.", 0.995),
        ("<answer>42</answer><confidence>0.25</confidence>", 0.25),
        ("Confidence: 8/10", 0.8),
        ("**Confidence:** 100%", 1.0),
        ("Confidence: 0", 0.0),
        ("Confidence: 10%. No: confidence: 90%", 0.9),
        ("Confidence: 0.9. The probability is 0.3", 0.9),
        ("There is a 30% chance. Confidence: 90%", 0.9),
        ("Confidence: 80%. Confidence: 150%", 0.8),
        ("The probability of being right is 0.7", 0.7),
        ("42, with a 60% chance that I am right", 0.6),
        ("I'm 60% likely to be correct", 0.6),
        ("Certainty that this is right: 75%", 0.75),
        ("A 30% chance of rain", None),
        ("The probability is 0.3", None),
        ("The 95% confidence interval", None),
        ("Confidence: 150%", None),
        ("Confidence: 85", None),
        ("Confidence: -5%", None),
        ("Confidence: high", None),
        ("Confidence: nan", None),
        ("It fell by 80%", None),
        ("42", None),
        ("", None),
    ],
)
def test_stated_confidence_is_read(text: str, confidence: float | None) -> None:
    assert stated_confidence(text) == confidence


@pytest.mark.parametrize(
    ("text", "answer", "p"),
    [
        ("The probability is 0.3. Confidence: 0.9", "0.3", 0.9),
        ("Confidence: 0.9. The probability is 0.3", "0.3", 0.9),
        ("There is a 30% chance. Confidence: 90%", "0.3", 0.9),
        ("42 (confidence: 0.8). Confidence: 80%", "42", 0.8),
        ("42. Confidence: 80%. Confidence: 150%", "42", 0.8),
        ("42, and the chance that I am right is 70%", "42", 0.7),
    ],
)
def test_a_probability_may_be_the_answer(text: str, answer: str, p: float) -> None:
    found = scores(BrierReward(references="here"), answer, text)
    assert found.components["right"].value_N.tolist() == [1]
    assert found.value_N.tolist() == pytest.approx([brier(p, True)])


def test_the_brier_score_is_proper_and_reads_no_confidence_for_the_answer() -> None:
    settings = BrierReward(references="here")
    texts = ("42 (80% sure)", "43. Confidence: 80%", "The answer is 42.", "80% sure", "Confidence: 42%")
    assert values(settings, "42", *texts) == pytest.approx([1 - 0.04, 1 - 0.64, 0, 1 - 0.64, 1 - 0.42**2])
    assert values(BrierReward(references="here", unstated=1.0), "42", "42", "43") == [1, 0]
    both = BrierReward(references="here", accuracy=1.0)
    assert values(both, "42", "42. Confidence: 100%", "43. Confidence: 0%") == [2, 1]
    grid = np.linspace(0, 1, 101)
    for truth in (0.1, 0.35, 0.8):
        expected = [truth * brier(p, True) + (1 - truth) * brier(p, False) for p in grid]
        assert grid[int(np.argmax(expected))] == pytest.approx(truth)
