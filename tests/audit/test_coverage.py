"""DQ1: prompts that people were asked about beside those of the deployment."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from accord.audit import CHECKS, AuditSettings, Evidence, Verdict
from accord.audit.collection.prompt_distances import PromptSets, distinct_prompts, uncovered_share
from accord.audit.collection.topics import topics_of
from accord.errors import AccordError
from accord.feedback import open_feedback
from accord.feedback.formats.prompt_files import read_prompts
from accord.lab.planted import planting_of
from accord.lab.planted.parts.deployment import TOPICS, draw_topics
from accord.records import Prompt

DATA = os.environ.get("ACCORD_TEST_DATA")
KNOWN = {"film": 1.0, "travel": 1.0, "food": 1.0}


def drawn(share: dict[str, float], count: int, seed: int) -> list[Prompt]:
    return [prompt for _, prompt in draw_topics(share, count, np.random.default_rng(seed))]


def test_prompts_of_one_distribution_are_covered_and_a_new_topic_is_not() -> None:
    feedback = drawn(KNOWN, 120, 0)
    same = uncovered_share(PromptSets(feedback, drawn(KNOWN, 100, 1)), 0.95)
    other = uncovered_share(PromptSets(feedback, drawn(KNOWN | {"medicine": 1.3}, 100, 1)), 0.95)
    assert same is not None
    assert other is not None
    assert same.low is not None
    assert same.low < 0.05 < (same.high or 0)
    assert other.low is not None
    assert other.low > 0.1


def test_words_that_feedback_never_had_count_as_distance() -> None:
    sets = PromptSets([Prompt.ask("write a poem"), Prompt.ask("write a song")], [Prompt.ask("zyx wvu tsr")])
    assert sets.distance_N[2] == pytest.approx(1.0)
    assert sets.distance_N[0] == pytest.approx(sets.distance_N[1])
    assert 0 < sets.distance_N[0] < 1


def test_the_nearest_is_never_the_prompt_itself_and_matches_brute_force() -> None:
    sets = PromptSets(drawn(KNOWN, 40, 2), drawn(KNOWN, 30, 3))
    vector_ND = sets.vector_ND.toarray()
    cosine_NN = vector_ND @ vector_ND.T
    np.fill_diagonal(cosine_NN, -1)
    assert sets.distance_N == pytest.approx(1 - cosine_NN[:, :40].max(1))


def test_prompts_that_differ_in_digits_and_capitals_alone_are_one() -> None:
    prompts = [Prompt.ask("Film, 1-2"), Prompt.ask("film,  3-4"), Prompt.ask("travel"), Prompt.ask(" ")]
    assert [prompt.text for prompt in distinct_prompts(prompts, 10)] == ["Film, 1-2", "travel"]
    assert len(distinct_prompts(drawn(KNOWN, 60, 0), 20)) == 20


def test_few_prompts_give_no_share() -> None:
    assert uncovered_share(PromptSets(drawn(KNOWN, 70, 0), drawn(KNOWN, 30, 1)), 0.95) is None


def test_topics_are_sources_or_clusters_of_their_words() -> None:
    prompts = drawn(dict.fromkeys(TOPICS, 1.0), 160, 4)
    by_source = topics_of(PromptSets(prompts[:80], prompts[80:]))
    assert by_source.by_source
    assert set(by_source.names) == set(TOPICS)
    bare = [Prompt.ask(prompt.text) for prompt in prompts]
    clusters = topics_of(PromptSets(bare[:80], bare[80:]))
    sources = np.array([prompt.source for prompt in prompts])
    assert not clusters.by_source
    usual = [np.unique(sources[clusters.topic_N == k], return_counts=True)[1].max() for k in range(len(clusters.names))]
    assert sum(usual) >= 0.9 * len(prompts)


@pytest.mark.skipif(DATA is None, reason="ACCORD_TEST_DATA names no folder with real human feedback")
def test_halves_of_real_prompts_cover_one_another() -> None:
    file = Path(str(DATA)) / "hh_rlhf" / "harmless-base-test.jsonl.gz"
    prompts = distinct_prompts((r for r in open_feedback(file).records() if isinstance(r, Prompt)), 600)
    share = uncovered_share(PromptSets(prompts[::2], prompts[1::2]), 0.95)
    assert share is not None
    assert share.value < 0.1


def test_files_of_prompts_are_texts_messages_or_a_known_format(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    message = {"role": "user", "content": "Hello"}
    file.write_text("\n".join(map(json.dumps, [{"prompt": "Hi", "source": "web"}, {"messages": [message]}])))
    assert read_prompts(file) == [Prompt.ask("Hi", source="web"), Prompt.ask("Hello")]
    file.write_text(json.dumps({"prompt": [message], "data_source": "sums", "reward_model": {}}))
    assert read_prompts(file) == [Prompt.ask("Hello", source="sums")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"prompt": "Hi"}\n{"prompt": 5}', "prompts.jsonl:2 prompt"),
        ('{"prompt": "Hi"}\n{"prompt": " "}', "prompts.jsonl:2 prompt: is empty"),
        ('{"prompt": "Hi"}\n{"source": "web"}', "prompts.jsonl:2: expected a text"),
        ("", "prompts.jsonl: is empty"),
    ],
)
def test_what_is_no_prompt_is_named_by_its_line(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "prompts.jsonl").write_text(text)
    with pytest.raises(AccordError, match=problem):
        read_prompts(tmp_path / "prompts.jsonl")


def test_without_the_deployment_or_judged_topics_it_says_what_is_missing(tmp_path: Path) -> None:
    checks = [CHECKS.get("DQ1 coverage"), CHECKS.get("DQ1 topics")]
    planting = planting_of(tmp_path / "run", seed=5, checks=checks)
    with planting.run as run:
        own = [Prompt.ask("Say something about the film, 7")]
        covered = Evidence(run, planting.judges, deployment_prompts=own)
        first, second = (check.run(covered, AuditSettings()) for check in checks)
        assert first.verdict is Verdict.QUIET or first.estimate is not None
        assert second.verdict is Verdict.NOT_ASSESSABLE
        assert "judged pairs" in second.needs
        assert second.collect is not None
        assert second.collect.study == "deployment"
