"""Texts that are too long for a model are found before anything is trained: refused by name, left out, or cut."""

import json
from pathlib import Path

import pytest

from accord.artefacts import EXAMPLES, PROMPTS
from accord.cli import run as accord
from accord.errors import ModelError, RecipeError
from accord.feedback import Ledger
from accord.lm import packaged
from accord.lm.loading import load
from accord.loop.lengths import OWN_CONTEXTS, fitting, readers
from accord.policy.materials import SupervisedExample
from accord.policy.supervised import tokenize
from accord.recipe import Recipe, parse
from accord.records import Comparison, Completion, Demonstration, Evaluator, Feedback, Message, Prompt
from accord.run import RunDirectory

ANNA = Evaluator(kind="person", pseudonym="anna")
LONG = "word " * 130  # 650 tokens of the tiny tokenizer, which has positions for 512
RECIPE = """
[data]
ledger = "ledger.db"
supervised = "demonstrations"
train = 1.0
eval_reward = 0
held_out = 0
{data}
[sft]
base = "{base}"
dtype = "float32"
batch_size = 8
optim = {{ lr = 1e-3 }}
"""


def asked(number: int) -> Prompt:
    return Prompt.ask(f"Write text {number}")


def demonstration(prompt: Prompt, text: str, replaces: str | None = None) -> Feedback:
    said = Demonstration(text=text)
    return Feedback(evaluator=ANNA.id, prompt=prompt.id, completions=(), judgement=said, replaces=replaces)


UPTO_SFT = ["--only", "data", "--only", "sft", "--quiet"]
LONG_ONE = demonstration(asked(3), LONG)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Ledger(tmp_path / "ledger.db") as ledger:
        for number in range(12):
            ledger.add(asked(number), ANNA, demonstration(asked(number), f"text {number} of many"))
        ledger.add(LONG_ONE)
    return tmp_path


def output(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


def recipe(folder: Path, data: str = "", base: str = "tiny") -> str:
    file = folder / "small.toml"
    file.write_text(RECIPE.format(data=data, base=base))
    return str(file)


def test_a_text_too_long_is_refused_by_name_before_anything_is_trained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in (["check", recipe(folder)], ["run", recipe(folder), "--out", str(folder / "run"), "--quiet"]):
        assert accord(verb) == 2
        said = output(capsys)
        assert f"1 text too long: {LONG_ONE.id} (" in said
        assert "sft reads 512" in said
        assert 'set it to "drop" or "cut"' in said
    assert not (folder / "run/sft").exists()


def test_left_out_or_cut_as_the_recipe_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for rule, examples in (("drop", 12), ("cut", 13)):
        small = recipe(folder, f'too_long = "{rule}"')
        assert accord(["check", small]) == 0
        assert LONG_ONE.id in output(capsys)
        assert accord(["run", small, "--out", str(folder / rule), *UPTO_SFT]) == 0
        with RunDirectory.open(folder / rule, write=False) as run:
            assert len(list(EXAMPLES.read(run))) == examples
            assert len(list(PROMPTS.read(run))) == 12


def test_what_is_cut_ends_where_the_context_does_without_an_end() -> None:
    causal = load("tiny")
    example = SupervisedExample(asked(1), Completion(prompt=asked(1).id, text=LONG))
    with pytest.raises(
        ModelError, match=f"completion {example.completion.id} has 651 tokens after the 31 of its prompt"
    ):
        tokenize(causal, [example])
    causal.cuts = True
    (cut,) = tokenize(causal, [example])
    assert len(cut.prompt) + len(cut.completion) == causal.context
    assert causal.eos_id not in cut.completion
    assert causal.decode(cut.completion) == LONG[: len(cut.completion)]


def test_a_line_of_the_source_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"prompt": "Say", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(30)]
    rows[17]["chosen"] = f"„{LONG}“"
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = folder / "pairs.toml"
    file.write_text(
        '[data]\nsource = "pairs.jsonl"\nformat = "trl_preference"\nledger = "new.db"\n[reward]\nbase = "tiny"\n'
    )
    assert accord(["check", str(file)]) == 2
    said = output(capsys)
    assert "reward reads 512) at pairs.jsonl:18" in said


ONLINE = """
[reward]
base = "tiny"
[policy]
kind = "grpo"
base = "tiny"
sampling = { max_tokens = 440 }
"""


def compared(prompt: Prompt, *texts: str, replaces: str | None = None) -> tuple[list[Completion], Feedback]:
    completions = [Completion(prompt=prompt.id, text=text) for text in texts]
    names = tuple(each.id for each in completions)
    said = Comparison(preferred="left")
    return completions, Feedback(
        evaluator=ANNA.id, prompt=prompt.id, completions=names, judgement=said, replaces=replaces
    )


def test_prompts_leave_room_for_what_is_written() -> None:
    prompts = {prompt.id: prompt for prompt in (asked(1), Prompt.ask("a" * 60))}
    (wide,) = (prompt.id for prompt in prompts.values() if len(prompt.text) == 60)
    texts, act = compared(prompts[wide], "a", "b")
    completions = {each.id: each for each in texts}
    kept, other = compared(asked(1), "a", "b")
    completions |= {each.id: each for each in kept}
    for rule in ("refuse", "cut"):
        with pytest.raises(RecipeError, match=rf"1 text too long: {wide} \(.*reward reads 512"):
            fitting(recipe_of(rule), [act, other], prompts, completions)
    fit = fitting(recipe_of("drop"), [act, other], prompts, completions)
    assert (fit.feedback, fit.without) == ([other], {wide})


def recipe_of(rule: str) -> Recipe:
    return parse(f'[data]\ntoo_long = "{rule}"\n{ONLINE}')


def test_what_a_dropped_judgement_had_taken_back_stays_so() -> None:
    completions, first = compared(asked(1), "a", "b")
    longer, second = compared(asked(1), "a", LONG, replaces=first.id)
    named = {each.id: each for each in (*completions, *longer)}
    _, other = compared(asked(1), "b", "a")
    fit = fitting(recipe_of("drop"), [first, second, other], {asked(1).id: asked(1)}, named)
    assert fit.feedback == [other]
    assert "2 acts of feedback left out" in fit.note


def test_every_model_is_asked_with_its_own_tokenizer_and_settings() -> None:
    text = """
    [sft]
    base = "tiny"
    template_arguments = { brief = true }
    [rewards.help]
    base = "tiny"
    [policy]
    kind = "dpo"
    template_arguments = { calm = true }
    [evaluate]
    sampling = { max_tokens = 100 }
    judge = { base = "tiny" }
    """
    found = {reader.section: reader for reader in readers(parse(text))}
    assert set(found) == {"sft", "rewards.help", "policy", "evaluate.judge"}
    template = str(found["policy"].conversation.template)
    assert "calm = true" in template
    assert found["sft"].writes == 0
    assert found["policy"].writes == found["rewards.help"].writes == 100
    assert "comparison" in found["policy"].kinds
    assert "comparison" in found["sft"].kinds


def test_a_role_that_a_template_refuses_is_found_by_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, status 2, with the prompt and the remedy."""
    causal = load("tiny")
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    causal.tokenizer.chat_template = refuses + str(causal.tokenizer.chat_template)
    causal.save(folder / "gemma")
    instructed = Prompt(messages=(Message(role="system", content="Be brief."), *asked(5).messages))
    with Ledger(folder / "ledger.db") as ledger:
        ledger.add(instructed, demonstration(instructed, "text"))
    small = recipe(folder, 'too_long = "drop"', str(folder / "gemma"))
    assert accord(["check", small]) == 2
    said = output(capsys)
    assert f"recipe.sft: prompt {instructed.id}: " in said
    assert "refuses messages of the roles system user (System role not supported); put the system text into" in said
    assert "Traceback" not in said
    assert instructed.id in said.strip().splitlines()[-1]


def test_a_template_with_todays_date_is_said_and_keeps_the_day_of_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    causal = load("tiny")
    causal.tokenizer.chat_template = "{{ 'It is ' + strftime_now('%d %b %Y') + '. ' }}" + str(
        causal.tokenizer.chat_template
    )
    causal.save(folder / "dated")
    small = recipe(folder, 'too_long = "drop"', str(folder / "dated"))
    assert accord(["check", small]) == 0
    assert "writes today's date; a run keeps the day on which it was begun" in output(capsys)
    with RunDirectory.create(folder / "run", seed=0) as run:
        run.manifest.created = "2025-02-03T23:59:59+00:00"
        run._save_manifest()
    assert accord(["run", small, "--out", str(folder / "run"), "--resume", *UPTO_SFT]) == 0
    saved = load(folder / "run/sft/model")
    assert saved.tokenizer.decode(saved.encode_prompt(asked(1))).startswith("It is 03 Feb 2025. <|im_start|>user")


@pytest.mark.parametrize("base", list(OWN_CONTEXTS))
def test_bytes_bound_the_tokens_of_models_that_come_along(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any characters, roles and marks; what does not fit by its bytes is counted with the tokenizer."""
    if base == packaged.NAME and not packaged.is_cached():
        pytest.skip("the packaged model was not fetched")
    recipe = parse(RECIPE.format(data="", base=base))
    (reader,) = readers(recipe, local=True)
    (opened,) = readers(recipe)
    assert (reader.context, opened.slack) == (opened.context, None)
    marked = "<|im_start|>user\n<|im_end|>"
    texts = ["", "a", "\u00e9\u4e2d\U0001f600" * 20, marked * 3, " \n\t" * 9, "word " * 40]
    talks = [(Message(role="user", content=text),) for text in texts]
    talks += [(Message(role="system", content=text), *talk) for text, talk in zip(texts, talks, strict=True)]
    talks += [(*talk, Message(role="assistant", content="Yes."), Message(role="user", content="?")) for talk in talks]
    for talk in talks:
        prompt = Prompt(messages=talk)
        exact = opened.prompt_tokens(prompt, 0)
        assert exact == len(opened.conversation.encode_prompt(prompt))
        assert exact <= reader.prompt_tokens(prompt, 0) <= reader.context
    assert "conversation" not in vars(reader), "it was opened, though all fits"
    beyond = Prompt.ask("word " * (reader.context // 5))
    assert reader.prompt_tokens(beyond, 0) == opened.prompt_tokens(beyond, 0)
