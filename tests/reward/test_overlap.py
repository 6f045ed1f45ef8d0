"""BLEU and ROUGE as rewards: their packages' numbers, and which of a line's texts they are held against."""

import json
from pathlib import Path
from typing import Any

import pytest

from accord.errors import RecipeError
from accord.records import Completion, Prompt
from accord.reward import BleuReward, RougeReward
from accord.reward.stated.referenced import ReferencedReward
from accord.reward.stated.references import References, of_file

PROMPT, ASKED, OTHER = Prompt.ask("6 times 7?"), Prompt.ask("2 times 4?"), Prompt.ask("The capital?")


def values(settings: ReferencedReward, answer: Any, *texts: str) -> list[float]:
    judge = settings.judge("judge", References({None: {"answer": answer}}, "here"))
    found = judge.score([PROMPT] * len(texts), [Completion(prompt=PROMPT.id, text=text) for text in texts])
    return [float(value) for value in found.value_N]


def test_bleu_and_rouge_are_those_of_their_packages_and_see_words_alone() -> None:
    reference = "The cat sat on the mat"
    texts = (reference, "", "The cat did not sit on the mat", "on the mat sat the cat", "\u732b")
    bleu = values(BleuReward(references="here"), reference, *texts)
    assert bleu[0] == 1
    assert bleu[1] == bleu[4] == 0
    # Unigrams 6/6, bigrams 3/5, trigrams 1/4, four-grams 0/3, which the smoothing makes (1/2)/3.
    words = values(BleuReward(references="here", lowercase=True), reference, "on the mat sat the cat")
    assert words[0] == pytest.approx((6 / 6 * 3 / 5 * 1 / 4 * 1 / 6) ** 0.25)
    rouge = values(RougeReward(references="here", variant="rouge1"), reference, *texts)
    assert rouge == pytest.approx([1, 0, 2 * 5 / (6 + 8), 1, 0])
    longest = values(RougeReward(references="here", measure="recall"), [reference, "another"], *texts[:3])
    assert longest == pytest.approx([1, 0, 5 / 6])


def test_references_of_words_go_before_answers(tmp_path: Path) -> None:
    words = "Six times seven is forty two, as every child knows."
    rows = [
        {"prompt": PROMPT.text, "answer": "42", "reference": words},
        {"prompt": ASKED.text, "answers": ["eight", "8"]},
        {"prompt": OTHER.text, "answer": "Paris", "answers": ["Lyon"]},
    ]
    file = tmp_path / "references.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    for settings in (BleuReward(references=str(file)), RougeReward(references=str(file))):
        assert settings.problems() == []
        references = References({line.prompt: line.reference for line in of_file(file, settings.keys)}, "here")
        judge = settings.judge("judge", references)
        asked = (PROMPT, PROMPT, ASKED, OTHER)
        texts = (words, "42", "8", "Paris")
        found = judge.score(asked, [Completion(prompt=p.id, text=t) for p, t in zip(asked, texts, strict=True)])
        assert found.value_N.tolist() == [1, 0, 1, 1]


def test_a_reference_without_words_is_named_with_what_to_write() -> None:
    with pytest.raises(RecipeError, match=r'here: .*states no answer; write \{"prompt": "...", "reference": "42"\}'):
        values(BleuReward(references="here"), [], "text")
