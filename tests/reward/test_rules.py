"""Rules of form and length: closed forms, what is refused, and patterns and texts that should make them hang."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from accord.errors import ArtefactError
from accord.interfaces import Judge
from accord.records import Completion, Prompt
from accord.reward import FormatReward, LengthReward
from accord.run import RunDirectory
from small_data import letters_dataset

PROMPT = Prompt.ask("Write")
DATA = letters_dataset(prompts=3)


def values(judge: Judge, *texts: str) -> list[float]:
    scores = judge.score([PROMPT] * len(texts), [Completion(prompt=PROMPT.id, text=text) for text in texts])
    return [float(value) for value in scores.value_N]


@pytest.mark.parametrize(
    ("settings", "texts"),
    [
        ({"pattern": "[a-z]+"}, {"abc": 1, "abc\n": 0, "abc d": 0, "": 0}),
        ({"pattern": "[a-z]+", "where": "part"}, {"12 abc 3": 1, "12": 0}),
        ({"pattern": "a|b"}, {"a": 1, "b": 1, "ab": 0}),
        ({"pattern": "(?s).*x"}, {"1\n2x": 1, "x1": 0}),
        ({"pattern": r"\d+"}, {"12": 1, "١٢": 0, "１２": 0}),
        (
            {"tags": ["think", "answer"]},
            {
                "<think>a</think>\n<answer>b</answer>\n": 1,
                "<answer>b</answer><think>a</think>": 0,
                "<think>a</think> so <answer>b</answer>": 0,
                "<think>a<answer></think>b</answer>": 0,
                "<think>a</think><answer>b</answer><answer>c</answer>": 0,
                "<think>a</think><answer>b": 0,
                "Well: <think>a</think><answer>b</answer>": 0,
                "": 0,
            },
        ),
        ({"tags": ["answer"], "pattern": r".*\d.*"}, {"<answer>4</answer>": 1, "<answer>four</answer>": 0}),
    ],
)
def test_form_holds_or_does_not(settings: dict[str, Any], texts: dict[str, float]) -> None:
    judge = FormatReward.model_validate(settings).judge("form")
    assert dict(zip(texts, values(judge, *texts), strict=True)) == texts


@pytest.mark.parametrize("pattern", [r"(a+)+", r"(a|aa)+b", r"(.*)(.*)(.*)x", r"(x+x+)+y"])
def test_no_pattern_makes_it_hang(pattern: str) -> None:
    """Each takes an engine that tries and goes back longer than anybody waits."""
    judge = FormatReward(pattern=pattern).judge("form")
    began = time.process_time()
    assert values(judge, "a" * 200_000 + "!", "y" * 200_000) == [0.0, 0.0]
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "needs a pattern or tags"),
        ({"pattern": "("}, r"'\(' is no regular expression here"),
        ({"pattern": "a)|(b"}, "is no regular expression here"),
        ({"pattern": "a(?=b)"}, "lookaround and back-references are not known"),
        ({"tags": ["answer", "answer"]}, "names of tags, each once"),
        ({"tags": ["a b"]}, "names of tags, each once"),
    ],
)
def test_a_form_that_says_nothing_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FormatReward.model_validate(settings)


def test_the_soft_punishment_of_what_is_too_long_is_that_of_dapo() -> None:
    longest, cache = 100, 20

    def equation_13(n: int) -> float:
        if n <= longest - cache:
            return 0.0
        return ((longest - cache) - n) / cache if n <= longest else -1.0

    reward = LengthReward(unit="characters", at_most=longest, soft=cache)
    assert [reward.worth(n) for n in range(200)] == pytest.approx([equation_13(n) for n in range(200)])


def test_limits_and_targets_in_words_and_characters() -> None:
    judge = LengthReward(at_least=2, at_most=3).judge("length")
    assert values(judge, "", "a", "a b", "a\nb  c", "a b c d") == [-1, -1, 0, 0, -1]
    judge = LengthReward(unit="characters", target=4).judge("length")
    assert values(judge, "", "abc", "abcd", "abcdef", "a" * 1_000_000) == [-1, -0.25, 0, -0.5, -1]
    below = LengthReward(unit="characters", at_least=2, soft=4)
    assert [below.worth(n) for n in (1, 2, 3, 4, 5, 6, 7)] == pytest.approx([-1, -1, -0.75, -0.5, -0.25, 0, 0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "needs at_most, at_least or target"),
        ({"at_least": 5, "at_most": 4}, "no length is at least 5 and at most 4"),
        ({"at_most": 5, "soft": 5}, "leaves nothing below at_most"),
        ({"target": 100, "soft": 20}, "soft is room inside of at_most and at_least; give one of them"),
        ({"at_least": 95, "at_most": 100, "soft": 20}, r"soft \(20\) leaves no length between at_least \(95\)"),
        ({"at_least": 95, "at_most": 100, "soft": 3}, "leaves no length between"),
        ({"at_most": 5, "unit": "tokens"}, "unit 'tokens' and a tokenizer go together"),
        ({"at_most": 5, "tokenizer": "tiny"}, "unit 'tokens' and a tokenizer go together"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LengthReward.model_validate(settings)


def test_tokens_are_counted_by_the_tokenizer_that_the_stage_noted(tmp_path: Path) -> None:
    from accord.lm import tiny

    settings = LengthReward(unit="tokens", tokenizer="tiny", target=8)
    run = RunDirectory.create(tmp_path / "run")
    with pytest.raises(ArtefactError, match="has not noted tokenizer; run it first"):
        settings.load(run)
    assert not settings.trained(run)
    assert list(settings.steps(DATA, run)) == []
    assert settings.trained(run)
    n = len(tiny.tiny_tokenizer().encode("Some words.", add_special_tokens=False))
    assert values(settings.load(run), "Some words.") == [settings.worth(n)]
    noted = run.manifest.inputs["reward: tokenizer"]
    run.record_input("reward: tokenizer", type(noted)("0" * 64))
    with pytest.raises(ArtefactError, match=r"tokenizer: not what the stage 'reward' of .* noted; put that one back"):
        settings.load(run)
    (problem,) = LengthReward(unit="tokens", tokenizer=f"{tmp_path}/no", at_most=3).problems()
    assert problem.startswith("tokenizer: ")
    assert "no such model folder" in problem


def test_some_length_is_worth_nothing_less_whatever_the_room_inside_limits() -> None:
    reward = LengthReward(unit="characters", at_least=94, at_most=100, soft=3)
    assert [n for n in range(200) if reward.worth(n) == 0] == [97]
    reward = LengthReward(unit="characters", at_least=5, at_most=5)
    assert [n for n in range(200) if reward.worth(n) == 0] == [5]


def test_a_folder_of_a_tokenizer_is_meant_from_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accord.lm import tiny

    tiny.tiny_tokenizer().save_pretrained(tmp_path / "recipe" / "counter")
    (tmp_path / "recipe" / "counter" / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "recipe" / "tiny").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    settings = LengthReward(unit="tokens", tokenizer="counter", target=8)
    anchored = settings.anchored(tmp_path / "recipe")
    assert anchored.tokenizer == f"{tmp_path}/recipe/counter"
    assert anchored.problems() == []
    n = len(tiny.tiny_tokenizer().encode("Some words.", add_special_tokens=False))
    assert values(anchored.judge("length"), "Some words.") == [settings.worth(n)]
    for other in (LengthReward(unit="tokens", tokenizer="tiny", target=8), LengthReward(target=8)):
        assert other.anchored(tmp_path / "recipe") == other


def test_a_score_does_not_depend_on_its_company() -> None:
    judge = LengthReward(target=3).judge("length")
    texts = ["a", "a b c", "a b c d e"]
    assert np.allclose(values(judge, *texts), [values(judge, text)[0] for text in texts])
    assert values(judge) == []
