"""One split of a run in formats of others: the pairs that it drew, their weights, and nothing of another split."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from accord.artefacts import SplitTrust, TrustSummary
from accord.cli import run as command
from accord.errors import LedgerError
from accord.feedback import Dataset, Ledger, export_feedback, export_run, open_feedback, write_data
from accord.feedback.formats import FORMATS
from accord.feedback.formats.origins import Origins
from accord.records import (
    Comparison,
    Completion,
    Demonstration,
    Evaluator,
    Feedback,
    Message,
    Pair,
    Prompt,
    Ranking,
    Rating,
    Scale,
)
from accord.run import RunDirectory

SPLITS = ("train", "eval_reward", "held_out")
FIVE, THUMBS = Scale(low=1, high=5), Scale(low=0, high=1, step=1)


def dataset() -> Dataset:
    """Each split with a prompt of its own: comparison, ratings that a pair was drawn from, thumb, demonstration."""
    by, nobody = Evaluator(kind="person", pseudonym="anna"), None
    prompts, completions, pairs, feedback = [], {}, {}, {}
    for split in SPLITS:
        asked = Prompt(messages=(Message(role="user", content=f"Ask {split}?"),), source="shop")
        a, b, c = (Completion(prompt=asked.id, text=f"{split} {word}") for word in ("good", "bad", "fair"))
        prompts.append(asked)
        completions |= {each.id: each for each in (a, b, c)}

        def said(texts: tuple[Completion, ...], judgement: Any, asked: Prompt = asked, **more: Any) -> Feedback:
            names = tuple(each.id for each in texts)
            return Feedback(evaluator=by.id, prompt=asked.id, completions=names, judgement=judgement, **more)

        compared = said((b, a), Comparison(preferred="right", strength=0.5), seconds=3.0, replaces="f-" + "0" * 20)
        rated = [said((each,), Rating(value=value, scale=FIVE)) for each, value in ((a, 5), (c, 2))]
        thumb = said((c,), Rating(value=1, scale=THUMBS))
        ranked = said((a, b, c), Ranking(tiers=((0,), (2,), (1,))))
        shown = said((), Demonstration(text=f"{split} best"))
        control = said((a, b), Comparison(preferred="left"), gold=Comparison(preferred="left"))
        feedback[split] = (compared, *rated, thumb, ranked, shown, control)
        pairs[split] = (
            Pair(
                prompt=asked.id, chosen=a.id, rejected=b.id, evaluator=by.id, weight=0.25, feedback_ids=(compared.id,)
            ),
            Pair(
                prompt=asked.id, chosen=a.id, rejected=c.id, evaluator=by.id, weight=1.5, margin=0.75,
                feedback_ids=tuple(each.id for each in rated),
            ),
            Pair(prompt=asked.id, chosen=b.id, rejected=c.id, tie=True, evaluator=nobody, feedback_ids=(ranked.id,)),
        )  # fmt: skip
    return Dataset(
        prompts={each.id: each for each in prompts},
        completions=completions,
        evaluators={by.id: by},
        split_of=dict(zip((each.id for each in prompts), SPLITS, strict=True)),
        pairs=pairs,
        feedback=feedback,
    )


@pytest.fixture
def made(tmp_path: Path) -> Iterator[RunDirectory]:
    with RunDirectory.create(tmp_path / "run") as run:
        (evaluator,) = dataset().evaluators
        weighed = SplitTrust(evaluators=(), pairs=3, effective_pairs=3.0, weights={evaluator: 0.5})
        write_data(run, dataset(), trust=TrustSummary(model="none", pools={}, splits=dict.fromkeys(SPLITS, weighed)))
        yield run


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_preferences_are_the_pairs_of_the_run_with_their_origin(made: RunDirectory, tmp_path: Path) -> None:
    counts = export_run(made, tmp_path / "p.jsonl", "trl_preference", split="train")
    rows, data = rows_of(tmp_path / "p.jsonl"), dataset()
    said = data.feedback["train"]
    assert [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows] == [
        ("train good", "train bad"),
        ("train good", "train fair"),
    ]
    assert [row["accord_weight"] for row in rows] == [0.25, 1.5]
    assert [row["accord_feedback_ids"] for row in rows] == [said[0].id, f"{said[1].id} {said[2].id}"]
    assert {row["accord_split"] for row in rows} == {"train"}
    assert {row["accord_prompt_id"] for row in rows} == {said[0].prompt}
    assert (rows[0]["strength"], rows[0]["seconds"], rows[0]["evaluator"]) == (0.5, 3.0, "anna")
    # A tie is no preference. What pairs were drawn from is not lost; thumb and demonstration are.
    assert counts.lost == {"ties": 1, "rating": 1, "demonstration": 1}


@pytest.mark.parametrize("form", [each.name for each in FORMATS if each.write is not None])
def test_no_format_writes_anything_of_another_split(made: RunDirectory, tmp_path: Path, form: str) -> None:
    for split in SPLITS:
        path = tmp_path / f"{form}-{split}.json"
        export_run(made, path, form, split=split)
        text = path.read_text()
        assert not any(f"{other} {word}" in text for other in SPLITS if other != split for word in ("good", "bad"))
        assert not any(f"Ask {other}?" in text for other in SPLITS if other != split)


def test_other_shapes_of_trl(made: RunDirectory, tmp_path: Path) -> None:
    for name in ("trl_unpaired", "trl_prompt_completion", "trl_prompt"):
        export_run(made, tmp_path / f"{name}.jsonl", name, split="held_out", as_texts=True)
    (thumb,) = rows_of(tmp_path / "trl_unpaired.jsonl")
    assert (thumb["prompt"], thumb["completion"], thumb["label"]) == ("Ask held_out?", "held_out fair", True)
    assert thumb["accord_weight"] == 0.5
    (shown,) = rows_of(tmp_path / "trl_prompt_completion.jsonl")
    assert (shown["prompt"], shown["completion"]) == ("Ask held_out?", "held_out best")
    (asked,) = rows_of(tmp_path / "trl_prompt.jsonl")
    assert asked == {
        "prompt": "Ask held_out?",
        "accord_prompt_id": shown["accord_prompt_id"],
        "accord_split": "held_out",
    }
    assert open_feedback(tmp_path / "trl_prompt.jsonl").recognised.format.name == "trl_prompt"


def test_verl_and_openrlhf_are_told_the_prompt_itself(made: RunDirectory, tmp_path: Path) -> None:
    messages = '{"messages":[{"role":"user","content":"Ask train?"}]}'
    export_run(made, tmp_path / "v.parquet", "verl_prompts", split="train")
    (row,) = pq.read_table(tmp_path / "v.parquet").to_pylist()
    assert row["reward_model"] == {"style": "rule", "ground_truth": ""}
    assert (row["data_source"], row["ability"]) == ("shop", "text")
    assert row["prompt"] == [{"role": "user", "content": "Ask train?"}]
    about = row["extra_info"]
    assert (about["index"], about["split"], about["accord_prompt"]) == (0, "train", messages)
    export_run(made, tmp_path / "o.jsonl", "openrlhf_prompts", split="train")
    (row,) = rows_of(tmp_path / "o.jsonl")
    assert (row["label"], row["datasource"], row["context_messages"]) == (
        messages,
        "shop",
        json.loads(messages)["messages"],
    )
    export_run(made, tmp_path / "t.jsonl", "openrlhf_prompts", split="train", as_texts=True)
    (row,) = rows_of(tmp_path / "t.jsonl")
    assert (row["input"], row["label"]) == ("Ask train?", messages)
    assert open_feedback(tmp_path / "t.jsonl").recognised.format.name == "openrlhf_prompts"


def test_equal_pairs_are_all_written(tmp_path: Path) -> None:
    data = dataset()
    again = {**data.pairs, "train": data.pairs["train"][:1] * 3}
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, Dataset(**{**vars(data), "pairs": again}))
        assert export_run(run, tmp_path / "p.jsonl", "trl_preference", split="train").records == 3


def test_a_ledger_says_where_rows_come_from_where_it_is_asked(tmp_path: Path) -> None:
    data = dataset()
    with Ledger(tmp_path / "l.db") as ledger:
        act = data.feedback["train"][5]
        ledger.extend([*data.prompts.values(), *data.evaluators.values(), act])
        export_feedback(ledger, tmp_path / "a.jsonl", "trl_prompt_completion", origins=Origins())
        export_feedback(ledger, tmp_path / "b.jsonl", "trl_prompt_completion")
    first, second = rows_of(tmp_path / "a.jsonl")[0], rows_of(tmp_path / "b.jsonl")[0]
    added = {name: first[name] for name in first.keys() - second.keys()}
    assert added == {"accord_feedback_ids": act.id, "accord_prompt_id": act.prompt}


def test_prompts_of_several_messages_are_no_texts(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.add(Prompt.ask("Why?", system="Be brief."), Prompt.ask("How?"))
        counts = export_feedback(ledger, tmp_path / "a.jsonl", "trl_prompt", as_texts=True)
    assert (counts.records, counts.lost) == (1, {"prompts that are conversations": 1})


def test_what_does_not_go_together_is_refused(made: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="'accord_jsonl' holds whole ledgers; export the ledger of the run"):
        export_run(made, tmp_path / "a.jsonl", "accord_jsonl", split="train")
    with pytest.raises(LedgerError, match="--texts: the format 'verl_prompts' has one shape only"):
        export_run(made, tmp_path / "a.parquet", "verl_prompts", split="train", as_texts=True)
    with pytest.raises(LedgerError, match=r"--split other: .* its splits are train, eval_reward, held_out"):
        export_run(made, tmp_path / "a.jsonl", "trl_prompt", split="other")


def test_the_command(made: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--to", str(tmp_path / "a.jsonl"), "--format", "trl_preference"]
    assert command(["export", str(made.path), *out]) == 0
    assert "2 rows of trl_preference" in capsys.readouterr().out
    assert command(["export", str(made.path), *out, "--split", "held_out"]) == 0
    assert {row["accord_split"] for row in rows_of(tmp_path / "a.jsonl")} == {"held_out"}
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.add(Prompt.ask("How?"))
    assert command(["export", str(tmp_path / "l.db"), *out, "--split", "train"]) == 2
    assert "is a ledger, which has no splits" in capsys.readouterr().err
    assert command(["export", str(tmp_path), *out]) == 2
    assert "neither a ledger nor the folder of a run" in capsys.readouterr().err
    flat = ["--to", str(tmp_path / "l.parquet"), "--provenance"]
    assert command(["export", str(tmp_path / "l.db"), *flat]) == 2
    assert "--provenance: the format 'parquet' has all of it already" in capsys.readouterr().err
