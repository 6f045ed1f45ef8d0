"""A run's rewards as functions of other trainers: the same numbers as the run's own judges, in each tool's shape."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.artefacts import RECIPE
from accord.errors import ArtefactError, RecordError
from accord.extras import EXTRAS, TRAIN
from accord.feedback.formats.prompt_text import prompt_from_text, prompt_to_text
from accord.foreign.settings import ReadingSettings
from accord.foreign.verl import read as read_verl
from accord.handover import AnswerEnds, open_rewards, openrlhf_reward, trl_rewards, verl_reward
from accord.handover.openrlhf_texts import take_apart
from accord.handover.stated_kinds import STATED_KINDS
from accord.loop.drive import recipe_of
from accord.loop.rewards import judges_of
from accord.loop.stage import Context, in_run
from accord.records import Completion, Message, Prompt
from accord.reward import REWARDS
from accord.run import RunDirectory
from foreign_files import write_lines
from handed_runs import learnt_run, stated_run

HERE = Path(__file__).parents[1]
TEXTS = ["aaa", "abab", "", "bbbbbb 🙂"]
ASKED = Prompt.ask("Write text 1")
LABEL = '{"messages":[{"role":"user","content":"Write text 1"}]}'


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {"learnt": learnt_run(folder / "learnt"), "stated": stated_run(folder / "stated")}


def own(path: Path, name: str, texts: list[str], prompt: Prompt = ASKED) -> Any:
    """What the run itself makes of texts, by the way that training and audit open its judges."""
    with RunDirectory.open(path, write=False) as run:
        judge = judges_of(Context(in_run(recipe_of(run), run), run))[name]
        return judge.score([prompt] * len(texts), [Completion(prompt=prompt.id, text=text) for text in texts])


@pytest.mark.parametrize("kind", ["learnt", "stated"])
def test_every_tool_gets_the_numbers_of_the_run(runs: dict[str, Path], kind: str) -> None:
    run = runs[kind]
    reward, judge = own(run, "reward", TEXTS), own(run, "eval_reward", TEXTS)
    table: dict[str, list[float]] = {}
    of_trl = [
        function(
            [[{"role": "user", "content": "Write text 1"}]] * 4,
            [[{"role": "assistant", "content": text}] for text in TEXTS],
            completion_ids=[[1]] * 4,
            trainer_state=None,
            log_extra=table.__setitem__,
            log_metric=lambda name, value: table.__setitem__(name, [value]),
        )
        for function in trl_rewards(run)
    ]
    np.testing.assert_allclose(of_trl, [reward.value_N, judge.value_N], rtol=1e-6)
    of_verl = [verl_reward(run)("d", text, "", {"accord_prompt": LABEL, "num_turns": None}) for text in TEXTS]
    np.testing.assert_allclose([each["score"] for each in of_verl], reward.value_N, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose([each["eval_reward"] for each in of_verl], judge.value_N, rtol=1e-4)
    queries = [f"<u>Write text 1</u>{text}<|im_end|>" for text in TEXTS]
    answer = openrlhf_reward(run)(queries, ["<u>Write text 1</u>"] * 4, [LABEL] * 4)
    np.testing.assert_allclose(answer["rewards"], reward.value_N, rtol=1e-6)
    np.testing.assert_allclose(answer["extra_logs"]["eval_reward"], judge.value_N, rtol=1e-6)
    assert answer["scores"] == answer["rewards"]
    if kind == "learnt":
        np.testing.assert_allclose(table["reward_std"], reward.std_N, rtol=1e-6)
        np.testing.assert_allclose([each["score_std"] for each in of_verl], reward.std_N, rtol=1e-3)
        np.testing.assert_allclose(answer["extra_logs"]["reward_std"], reward.std_N, rtol=1e-6)
        assert table["accord/reward_std"] == [pytest.approx(np.mean(reward.std_N))]  # TRL has a `reward_std` of its own
    else:
        assert table["reward_short"] == list(reward.components["short"].value_N)


def test_the_version_changes_with_what_the_reward_is_made_of(runs: dict[str, Path], tmp_path: Path) -> None:
    first = open_rewards(runs["stated"])
    again = open_rewards(stated_run(tmp_path / "stated"))
    other = open_rewards(stated_run(tmp_path / "other", answers={"Write text 1": "bb"}))
    assert first["reward"].accuracy == str(first["reward"].card.accuracy)  # type: ignore[union-attr]
    assert again["eval_reward"].version == first["eval_reward"].version
    assert other["reward"].version != again["reward"].version
    assert other["reward"].score([ASKED], ["bb"]).value_N[0] == 1


def test_a_prompt_of_the_run_is_found_by_its_messages(runs: dict[str, Path]) -> None:
    """References go by the prompt's id, which a tool does not keep."""
    with pytest.raises(Exception, match=r"nothing for the prompt .* \('Never asked'\)"):
        trl_rewards(runs["stated"])[0](["Never asked"], ["aa"])
    assert trl_rewards(runs["stated"])[0](["Write text 0"], ["aa"]) == [1.0]


def test_without_the_extra_what_is_stated_is_opened_and_what_is_learnt_is_refused(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    script = (
        "import json, sys\nfrom without_models import Refusing\n"
        f"sys.meta_path.insert(0, Refusing({EXTRAS[TRAIN]!r}))\n"
        "from accord.errors import MissingExtraError\nfrom accord.handover import trl_rewards, make_reward_app\n"
        f"print(json.dumps([each(['Write text 1'], ['aa']) for each in trl_rewards({str(runs['stated'])!r})]))\n"
        f"try:\n    trl_rewards({str(runs['learnt'])!r})\nexcept MissingExtraError as error:\n    print(error)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=HERE
    ).stdout.splitlines()
    assert json.loads(found[0]) == [[1.0], [0.0]]
    assert "opening a reward that was learnt takes the extra 'train'" in found[1]


def test_the_kinds_that_need_no_model_are_those_of_the_registry() -> None:
    assert {kind: REWARDS.get(kind).__name__ for kind in STATED_KINDS} == dict(STATED_KINDS)


def test_a_run_without_a_reward_and_code_that_nobody_trusts_are_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "none") as run:
        RECIPE.write(run, "seed = 1\n")
    with pytest.raises(ArtefactError, match="it has no reward that can be asked"):
        open_rewards(tmp_path / "none")
    with RunDirectory.create(tmp_path / "code") as run:
        RECIPE.write(run, '[reward]\nkind = "python"\npath = "mine.py:score"\n')
    with pytest.raises(ArtefactError, match=r"reward\.path = 'mine\.py:score'.*say --trust-run"):
        open_rewards(tmp_path / "code")


def test_threads_may_ask_at_once(runs: dict[str, Path]) -> None:
    """verl asks from a pool of threads."""
    score = verl_reward(runs["learnt"])
    alone = [score("d", text, "", {"accord_prompt": LABEL}) for text in TEXTS]
    found: dict[int, dict[str, float]] = {}
    threads = [
        threading.Thread(
            target=lambda i=i: found.__setitem__(i, score("d", TEXTS[i % 4], "", {"accord_prompt": LABEL}))
        )
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(8)] == alone * 2


@pytest.mark.parametrize("about", [None, {}, {"accord_prompt": 5}, {"accord_prompt": "no JSON"}])
def test_verl_says_what_its_rows_lack(runs: dict[str, Path], about: Any) -> None:
    with pytest.raises(RecordError, match=r"extra_info.*(what was asked is not known|is no prompt)"):
        verl_reward(runs["stated"])("d", "aa", "", about)


# -- what OpenRLHF asks about ------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(asked=TEXT.filter(str.strip), answer=TEXT, ends=st.lists(st.sampled_from(["<|e|>", "</s>"]), max_size=3))
def test_prompt_and_answer_come_back_as_they_were(asked: str, answer: str, ends: list[str]) -> None:
    prompt = Prompt(messages=(Message(role="system", content="s"), Message(role="user", content=asked)))
    assert prompt_from_text(prompt_to_text(prompt), "x") == prompt
    written = f"<|s|>s<|u|>{asked}<|a|>"
    query = written + answer + "".join(ends)
    found = take_apart(query, written, prompt_to_text(prompt), AnswerEnds(("<|e|>", "</s>")), plain=False)
    assert (found.prompt, found.text, found.is_ended) == (prompt, answer, bool(ends))


@pytest.mark.parametrize(
    ("query", "prompt", "label", "problem"),
    [
        ("Xhi", "hi", LABEL, r"query\[3\]: does not begin with prompts\[3\] \(at letter 0: 'Xhi' for 'hi'\).*max_len"),
        ("", "hi", LABEL, r"query\[3\]: does not begin"),
        ("hi", "hi", LABEL, r"labels\[3\]: ends in 'Write text 1', which does not stand in prompts\[3\]"),
        ("hi", "hi", "42", r"labels\[3\]: '42' does not say what was asked; .*--data.label_key label.*--plain-prompts"),
        ("hi", "hi", None, r"labels\[3\]: None does not say"),
        ("hi", "hi", '{"messages":[]}', r"labels\[3\]: holds no message"),
        ("hi", "hi", '{"messages":[{"role":"x","content":"hi"}]}', r"labels\[3\]: .* is no prompt"),
        ("hi\ud800", "hi", '{"messages":[{"role":"user","content":"hi"}]}', r"query\[3\]: holds half a character"),
    ],
)
def test_what_cannot_be_told_is_refused(query: str, prompt: str, label: Any, problem: str) -> None:
    with pytest.raises(RecordError, match=problem):
        take_apart(query, prompt, label, AnswerEnds(), plain=False, place="3")


def test_prompts_without_a_template_are_what_the_user_said_where_that_is_stated() -> None:
    found = take_apart("2 + 3?5</s>", "2 + 3?", "5", AnswerEnds(), plain=True)
    assert (found.prompt, found.text) == (Prompt.ask("2 + 3?"), "5")
    named = take_apart(
        "User: 2 + 3?5</s>", "User: 2 + 3?", prompt_to_text(Prompt.ask("2 + 3?")), AnswerEnds(), plain=True
    )
    assert named.prompt == Prompt.ask("2 + 3?")


def test_what_verl_writes_of_it_is_read_by_the_audit(runs: dict[str, Path], tmp_path: Path) -> None:
    """As `_write_generations` of verl writes a step: its own columns, and whatever the function returned."""
    score = verl_reward(runs["learnt"])
    told = [score("d", text, "", {"accord_prompt": LABEL}) for text in TEXTS[:2] * 2]
    for step in (1, 2):
        rows = [
            {"input": "user\nWrite text 1\n", "output": text, "gts": "", "step": step, **numbers}
            for text, numbers in zip(TEXTS[:2], told[2 * step - 2 : 2 * step], strict=True)
        ]
        write_lines(tmp_path / f"{step}.jsonl", rows)
    gathered = read_verl(tmp_path, ReadingSettings(judge="eval_reward"))
    assert [row.reward for row in gathered.rollouts] == [each["score"] for each in told]
    assert [row.reward_std for row in gathered.rollouts] == [each["score_std"] for each in told]
    assert gathered.rollouts[0].components is not None
    assert set(gathered.rollouts[0].components) == {"eval_reward"}
    assert gathered.rollouts[0].components["eval_reward"].std == told[0]["eval_reward_std"]
    first = gathered.judged[0]
    assert first.eval_reward_std == pytest.approx(
        first.eval_reward * told[0]["eval_reward_std"] / told[0]["eval_reward"]
    )
