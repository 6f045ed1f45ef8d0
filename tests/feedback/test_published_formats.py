"""Formats of preferences, ratings and demonstrations: rows in the published shapes, and what becomes of them."""

from pathlib import Path
from typing import Any

import pytest
from foreign_rows import MISSING, Imported, changed, imported, refusal, round_trip, written
from published_rows import PUBLISHED

from accord.feedback import FORMATS, ImportSettings, Ledger, export_feedback, is_order_known, open_feedback
from accord.records import (
    Attachment,
    Comparison,
    Critique,
    Demonstration,
    Evaluator,
    Feedback,
    Label,
    Message,
    Prompt,
    Rating,
    ToolCall,
)

EXPECTED = {
    "anthropic_hh": [
        "anthropic_hh by person unknown, anthropic_hh [user: q / assistant: r / user: s] a>b",
    ],
    "trl_preference": [
        "trl_preference by person unknown, trl_preference [user: q] a>b scored 8:3",
    ],
    "trl_unpaired": [
        "trl_unpaired by person unknown, trl_unpaired [user: q] a 1 of 0..1",
    ],
    "trl_prompt_completion": [
        "trl_prompt_completion by person unknown, trl_prompt_completion [user: q] a",
    ],
    "ultrafeedback_binarized": [
        "ultrafeedback_binarized by model unknown, ultrafeedback_binarized [user: q] a>b by 0.5 scored 8:3.5",
    ],
    "ultrafeedback": [
        "ultrafeedback.helpfulness by model unknown, ultrafeedback/evol_instruct [user: q] a 4 of 1..5",
        "ultrafeedback.helpfulness by model unknown, ultrafeedback/evol_instruct [user: q] a: ok",
        "ultrafeedback.honesty by model unknown, ultrafeedback/evol_instruct [user: q] a: r",
        "ultrafeedback.overall by model unknown, ultrafeedback/evol_instruct [user: q] a 8.5 of 1..10",
        "ultrafeedback.overall by model unknown, ultrafeedback/evol_instruct [user: q] a: nice",
    ],
    "helpsteer2": [
        "helpsteer2.helpfulness by person unknown, helpsteer2 [user: q / assistant: r / user: s] a 3 of 0..4",
        "helpsteer2.correctness by person unknown, helpsteer2 [user: q / assistant: r / user: s] a 4 of 0..4",
        "helpsteer2.coherence by person unknown, helpsteer2 [user: q / assistant: r / user: s] a 4 of 0..4",
        "helpsteer2.complexity by person unknown, helpsteer2 [user: q / assistant: r / user: s] a 2 of 0..4",
        "helpsteer2.verbosity by person unknown, helpsteer2 [user: q / assistant: r / user: s] a 1 of 0..4",
    ],
    "helpsteer2_preference": [
        "helpsteer2_preference by person unknown, helpsteer2_preference [user: q] a>b by 0.667",
        "helpsteer2_preference by person unknown, helpsteer2_preference [user: q] a>b by 0.333",
        "helpsteer2_preference by person unknown, helpsteer2_preference [user: q] b=a",
        "helpsteer2_preference by person unknown, helpsteer2_preference [user: q] a>b by 0.333",
    ],
    "helpsteer3": [
        "helpsteer3 by person unknown, helpsteer3/code [user: q] a>b by 0.667",
        "helpsteer3 by person unknown, helpsteer3/code [user: q] a: f",
        "helpsteer3 by person unknown, helpsteer3/code [user: q] b: g",
        "helpsteer3 by person unknown, helpsteer3/code [user: q] a>b by 0.667",
        "helpsteer3 by person unknown, helpsteer3/code [user: q] a: f",
        "helpsteer3 by person unknown, helpsteer3/code [user: q] b: g2",
        "helpsteer3 by person unknown, helpsteer3/code [user: q] b=a",
    ],
    "openai_preference": [
        "openai_preference by person unknown, openai_preference [user: q] a>b",
    ],
    "reward_bench": [
        "reward_bench by person unknown, reward_bench/alpacaeval-easy [user: q] a>b",
    ],
    "chatbot_arena": [
        "chatbot_arena by person arena_user_1, chatbot_arena [user: q] a is [bad] of bad",
        "chatbot_arena by person arena_user_1, chatbot_arena [user: q] b is [bad] of bad",
        "chatbot_arena by person arena_user_1, chatbot_arena [user: q] a=b",
        "chatbot_arena by model gpt-4 pair-v2, chatbot_arena [user: q] b\n\nb2>a\n\na2",
    ],
    "shp": [
        "shp by person unknown, shp/askculinary_train [user: q] b>a scored 9:3",
    ],
    "webgpt": [
        "webgpt by person unknown, webgpt/eli5 [user: q] b>a by 0.5 scored 0.5:-0.5",
    ],
    "pku_saferlhf": [
        "pku_saferlhf.helpfulness by person unknown, pku_saferlhf/Alpaca3-8B [user: q] a>b",
        "pku_saferlhf.safety by person unknown, pku_saferlhf/Alpaca3-8B [user: q] b>a",
        "pku_saferlhf.safe by person unknown, pku_saferlhf/Alpaca3-8B [user: q] a is [unsafe] of safe unsafe",
        "pku_saferlhf.harm by person unknown, pku_saferlhf/Alpaca3-8B [user: q] a is [Privacy] of Privacy Fraud",
        "pku_saferlhf.severity by person unknown, pku_saferlhf/Alpaca3-8B [user: q] a 2 of 0..3",
        "pku_saferlhf.safe by person unknown, pku_saferlhf/Alpaca3-8B [user: q] b is [safe] of safe unsafe",
        "pku_saferlhf.harm by person unknown, pku_saferlhf/Alpaca3-8B [user: q] b is [] of Privacy Fraud",
        "pku_saferlhf.severity by person unknown, pku_saferlhf/Alpaca3-8B [user: q] b 0 of 0..3",
    ],
    "llama_factory": [
        "llama_factory by person unknown, llama_factory [system: s / user: u / assistant: v / user: q \ni] a",
        "llama_factory by person unknown, llama_factory [user: q] a>b",
        "llama_factory by person unknown, llama_factory [user: q] b 0 of 0..1",
    ],
    "open_webui": [
        "open_webui by person u1, open_webui [system: be nice / user: q] ans -1 of -1..1",
        "open_webui.details by person u1, open_webui [system: be nice / user: q] ans 3 of 1..10",
        "open_webui.reason by person u1, open_webui [system: be nice / user: q] ans: not_helpful",
        "open_webui.comment by person u1, open_webui [system: be nice / user: q] ans: no",
        "open_webui by person u1, open_webui [user: q] ans>other",
    ],
    "sharegpt": [
        "sharegpt by person unknown, sharegpt [user: q / assistant:  / tool: sunny] a",
        "sharegpt by person unknown, sharegpt [user: hi] a>b",
    ],
}
UNREAD = {
    "ultrafeedback_binarized": ["prompt_id", "messages"],
    "ultrafeedback": ["models", "correct_answers", "incorrect_answers"],
    "helpsteer2_preference": ["split", "preference_statement", "preference_elaboration"],
    "helpsteer3": ["language"],
    "reward_bench": ["id"],
    "chatbot_arena": ["question_id", "anony", "language", "openai_moderation", "toxic_chat_tag"],
    "shp": [
        "post_id",
        "upvote_ratio",
        "c_root_id_A",
        "c_root_id_B",
        "created_at_utc_A",
        "created_at_utc_B",
        "seconds_difference",
    ],
    "webgpt": ["quotes_0", "tokens_0", "quotes_1", "tokens_1"],
    "open_webui": ["id", "version", "type", "user"],
}
"""The columns that are told as not read, by name."""


def told(records: Imported) -> list[str]:
    """What was said, a line an act of judgement; the better answer first, whatever order they are kept in."""
    return [_line(records, each) for each in records.feedback]


def _line(records: Imported, said: Feedback) -> str:
    prompt, who, texts = records.records[said.prompt], records.who(said), records.texts(said)
    assert isinstance(prompt, Prompt)
    asked = " / ".join(f"{message.role}: {message.content}" for message in prompt.messages)
    head = f"{said.study} by {who.kind} {who.pseudonym}, {prompt.source} [{asked}]"
    match said.judgement:
        case Comparison(preferred=preferred, strength=strength, scores=scores):
            places = (1, 0) if preferred == "right" else (0, 1)
            sign = "=" if preferred == "tie" else ">"
            what = sign.join(texts[place] for place in places)
            what += "" if strength is None else f" by {strength:.3g}"
            what += "" if scores is None else f" scored {scores[places[0]]:g}:{scores[places[1]]:g}"
        case Rating(value=value, scale=scale):
            what = f"{texts[0]} {value:g} of {scale.low:g}..{scale.high:g}"
        case Label(selected=selected, options=options):
            what = f"{texts[0]} is [{' '.join(selected)}] of {' '.join(options)}"
        case Critique(text=text):
            what = f"{texts[0]}: {text}"
        case Demonstration(text=text):
            what = text
        case judgement:
            raise AssertionError(judgement)
    return f"{head} {what}"


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_rows_are_read_exactly(tmp_path: Path, name: str) -> None:
    assert told(imported(tmp_path, *PUBLISHED[name], expect=name)) == EXPECTED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_columns_that_are_not_read_are_told(tmp_path: Path, name: str) -> None:
    file = open_feedback(written(tmp_path, *PUBLISHED[name]))
    assert file.recognised.reason
    assert file.columns.unread == UNREAD.get(name, [])


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_rows_come_back_under_the_same_ids(tmp_path: Path, name: str) -> None:
    trip = round_trip(tmp_path, name, *PUBLISHED[name])
    assert trip.same
    assert trip.lost == {}
    if name not in ("sharegpt", "llama_factory"):  # which hold what is learnt from in columns of several kinds
        assert open_feedback(trip.path).recognised.format.name == name


@pytest.mark.parametrize("end", [".csv", ".parquet"])
@pytest.mark.parametrize("name", sorted(PUBLISHED.keys() - {"chatbot_arena"}))
def test_published_rows_come_back_from_cells_and_columns_too(tmp_path: Path, name: str, end: str) -> None:
    records = imported(tmp_path, *PUBLISHED[name])
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.extend(records.records.values())
        export_feedback(ledger, tmp_path / f"again{end}", name)
    again = Imported(open_feedback(tmp_path / f"again{end}", ImportSettings(format=name)).records())
    assert {said.id for said in again.feedback} == {said.id for said in records.feedback}


MALFORMED: list[tuple[str, str, Any, str]] = [
    ("anthropic_hh", "chosen", "Hello", "chosen: expected a transcript"),
    ("trl_preference", "rejected", MISSING, "rejected: missing"),
    ("trl_preference", "chosen", None, "chosen: null, where a value is needed"),
    ("trl_preference", "chosen", "a", "rejected: expected a text as in chosen, not a list of messages"),
    ("trl_preference", "score_chosen", 1, "score_chosen: 1 is below score_rejected 3, which contradicts chosen"),
    ("trl_preference", "score_rejected", "much", "score_rejected: expected a number"),
    ("trl_preference", "tie", True, "tie: True, which the scores (8.0, 3.0) contradict"),
    ("trl_preference", "tools", [{"name": "w"}], "tools: a prompt here holds no definitions of tools"),
    ("trl_unpaired", "label", "perhaps", "label: expected true or false"),
    ("trl_unpaired", "label", None, "label: null"),
    ("trl_unpaired", "completion", MISSING, "completion: missing"),
    ("trl_prompt_completion", "completion", "", "completion: empty"),
    ("trl_prompt_completion", "prompt", 3, "prompt: expected a text or a list of messages, not 3"),
    ("trl_prompt_completion", "completion", [{"role": "user", "content": "x"}], "completion: expected an answer"),
    ("ultrafeedback_binarized", "prompt", "another", "chosen: both answers begin with 'q', which is not the prompt"),
    ("ultrafeedback_binarized", "score_rejected", 9, "score_chosen: 8 is below score_rejected 9"),
    ("ultrafeedback", "completions/0/response", MISSING, "completions.0 response: missing"),
    ("ultrafeedback", "completions/0/annotations/helpfulness/Rating", "6", "helpfulness Rating: 6 is not on the scale"),
    ("ultrafeedback", "completions/0/overall_score", "good", "completions.0 overall_score: expected a number"),
    ("ultrafeedback", "completions", "none", "completions: expected a list"),
    ("helpsteer2", "response", None, "response: null"),
    ("helpsteer2", "verbosity", 5, "verbosity: 5 is not on the scale 0..4"),
    ("helpsteer2", "coherence", 1.5, "coherence: expected a whole number"),
    ("helpsteer2_preference", "preference_strength", 4, "preference_strength: 4 is not on the scale -3..3"),
    ("helpsteer2_preference", "response_2", "a", "response_2: the same as response_1"),
    ("helpsteer2_preference", "response_1", 1, "response_1: expected a text"),
    ("helpsteer3", "context", [], "context: empty"),
    ("helpsteer3", "individual_preference/0/score", -4, "individual_preference.0 score: -4 is not on the scale"),
    ("helpsteer3", "individual_preference", [1], "individual_preference.0: expected names and values"),
    ("helpsteer3", "response2", MISSING, "response2: missing"),
    ("openai_preference", "input/messages", MISSING, "input messages: missing"),
    ("openai_preference", "input/tools", [{"type": "function"}], "input tools: a prompt here holds no definitions"),
    ("openai_preference", "preferred_output", [], "preferred_output: expected an answer of the assistant"),
    ("reward_bench", "subset", None, "subset: null"),
    ("reward_bench", "rejected", "a", "rejected: the same as chosen"),
    ("chatbot_arena", "winner", "nobody", "winner: 'nobody' is not one of model_a, model_b, tie, tie (bothbad)"),
    ("chatbot_arena", "winner", None, "winner: null"),
    ("chatbot_arena", "turn", 3, "turn: 3 of 1 turns of the user in conversation_a"),
    ("chatbot_arena", "conversation_b/1/content", "a", "conversation_b: the same as conversation_a"),
    ("chatbot_arena", "conversation_b/0/content", "z", "conversation_b: shares no beginning with conversation_a"),
    ("shp", "labels", 1, "labels: says that A is better, and the scores (3.0, 9.0) do not"),
    ("shp", "score_B", None, "score_B: null"),
    ("shp", "human_ref_A", MISSING, "human_ref_A: missing"),
    ("webgpt", "score_1", 0.25, "score_1: 0.25 is not the opposite of score_0 -0.5"),
    ("webgpt", "score_0", -2, "score_0: -2 is not on the scale -1..1"),
    ("webgpt", "question/full_text", MISSING, "question full_text: missing"),
    ("pku_saferlhf", "better_response_id", 2, "better_response_id: 2 is neither 0 nor 1"),
    ("pku_saferlhf", "safer_response_id", 0, "safer_response_id: names response_0, which the row calls unsafe"),
    (
        "pku_saferlhf",
        "response_0_harm_category/Fraud",
        "often",
        "response_0_harm_category Fraud: expected true or false",
    ),
    ("pku_saferlhf", "response_1_severity_level", 4, "response_1_severity_level: 4 is not on the scale 0..3"),
    ("llama_factory", "instruction", None, "instruction: null"),
    ("llama_factory", "images", ["a.jpg", "b.jpg"], "images: 2 paths, and the texts have 1 places <image>"),
    ("llama_factory", "history", [["u"]], "history.0: expected a question and an answer"),
    ("llama_factory", "output", MISSING, "output: missing"),
    ("llama_factory", "chosen", "x", "output: stands beside chosen and rejected"),
    ("open_webui", "data/rating", 0, "data rating: 0 is neither 1 nor -1"),
    ("open_webui", "data/rating", None, "data rating: null"),
    ("open_webui", "meta/message_id", "zz", "meta message_id: the chat has no message 'zz'"),
    ("open_webui", "snapshot", None, "snapshot: null"),
    ("open_webui", "snapshot/chat/chat/history/messages/b/parentId", "b", "snapshot chat chat history"),
    ("open_webui", "data/details/rating", 11, "data details rating: 11 is not on the scale 1..10"),
    (
        "sharegpt",
        "conversations",
        [{"from": "human", "value": "q"}],
        "conversations: expected a question and at the end",
    ),
    ("sharegpt", "conversations/0/from", "parrot", "conversations.0 role: 'parrot' is not one of"),
]


@pytest.mark.parametrize(("name", "path", "value", "problem"), MALFORMED)
def test_a_malformed_row_is_named_with_place_and_column(
    tmp_path: Path, name: str, path: str, value: Any, problem: str
) -> None:
    row = PUBLISHED[name][0]
    message = refusal(tmp_path, name, row, changed(row, path, value))
    assert message.startswith("f.jsonl:2 ")
    assert problem in message


# -- what single formats have of their own --------------------------------------------------------------------


def test_the_arena_says_who_stood_where(tmp_path: Path) -> None:
    for said in imported(tmp_path, *PUBLISHED["chatbot_arena"]).feedback:
        assert is_order_known(said) == (said.judgement.kind == "comparison")
    assert not any(is_order_known(said) for said in imported(tmp_path, *PUBLISHED["openai_preference"]).feedback)


def test_an_order_that_nobody_recorded_is_not_invented_by_the_arena(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.extend(imported(tmp_path, *PUBLISHED["shp"]).records.values())
        export_feedback(ledger, tmp_path / "arena.jsonl", "chatbot_arena")
    records = Imported(open_feedback(tmp_path / "arena.jsonl").records())
    assert [is_order_known(said) for said in records.feedback] == [False]


def test_a_judged_turn_ends_the_conversation(tmp_path: Path) -> None:
    row = {**PUBLISHED["chatbot_arena"][1], "turn": 1}
    records = imported(tmp_path, row)
    assert [completion.text for completion in records.completions] == ["a", "b"]
    assert all(completion.turns is None for completion in records.completions)


def test_equal_scores_are_a_tie_and_a_tie_is_written_by_nobody_who_has_no_place_for_it(tmp_path: Path) -> None:
    row = changed(PUBLISHED["ultrafeedback_binarized"][0], "score_rejected", 8.0)
    trip = round_trip(tmp_path, "ultrafeedback_binarized", row)
    assert [said.judgement for said in trip.first] == [Comparison(preferred="tie", scores=(8.0, 8.0))]
    assert (trip.again, trip.lost["ties"]) == ([], 1)


def test_scores_beyond_the_scale_are_kept_and_give_no_strength(tmp_path: Path) -> None:
    row = changed(PUBLISHED["ultrafeedback_binarized"][0], "score_chosen", 80)
    (said,) = imported(tmp_path, row).feedback
    assert isinstance(said.judgement, Comparison)
    assert (said.judgement.strength, set(said.judgement.scores or ())) == (None, {80.0, 3.5})


def test_several_votes_are_several_records(tmp_path: Path) -> None:
    said = [
        each for each in imported(tmp_path, *PUBLISHED["helpsteer3"]).feedback if each.judgement.kind == "comparison"
    ]
    assert len(said) == 3
    assert [each.occurrence for each in said] == [None, 1, None]


def test_a_prompt_with_other_tools_is_another_prompt_and_no_tools_are_none(tmp_path: Path) -> None:
    row = PUBLISHED["trl_preference"][0]
    assert len(imported(tmp_path, {**row, "tools": []}, {**row, "tools": None}).feedback) == 2
    ignoring = ImportSettings(format="trl_preference", ignore=frozenset({"tools"}))
    assert imported(tmp_path, {**row, "tools": [{"name": "w"}]}, settings=ignoring).feedback


def test_calls_of_tools_go_in_and_out(tmp_path: Path) -> None:
    trip = round_trip(tmp_path, "sharegpt", PUBLISHED["sharegpt"][0])
    assert trip.rows[0]["conversations"] == PUBLISHED["sharegpt"][0]["conversations"]
    prompt = imported(tmp_path, PUBLISHED["sharegpt"][0]).prompts[0]
    assert prompt.messages[1].tool_calls == (ToolCall(name="w", arguments='{"x": 1}'),)


def test_images_go_in_and_out_as_references(tmp_path: Path) -> None:
    row = PUBLISHED["llama_factory"][0]
    (prompt,) = imported(tmp_path, row).prompts
    assert prompt.messages[-1] == Message(
        role="user", content="q \ni", attachments=(Attachment(kind="image", uri="x.jpg", place=2),)
    )
    trip = round_trip(tmp_path, "llama_factory", row)
    assert (trip.rows[0]["images"], trip.rows[0]["instruction"]) == (["x.jpg"], "q <image>\ni")


def test_a_thumb_beside_other_answers_is_a_comparison_and_down_prefers_the_other(tmp_path: Path) -> None:
    row = changed(PUBLISHED["open_webui"][1], "data/rating", -1)
    records = imported(tmp_path, row)
    assert records.preferences() == [("other", "ans", False)]
    assert {completion.text: completion.writer for completion in records.completions} == {"ans": "m1", "other": "m2"}


def test_thumbs_are_what_unpaired_training_wants(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.extend(imported(tmp_path, *PUBLISHED["open_webui"]).records.values())
        lost = export_feedback(ledger, tmp_path / "kto.jsonl", "trl_unpaired").lost
    records = Imported(open_feedback(tmp_path / "kto.jsonl").records())
    assert told(records) == ["open_webui by person u1, trl_unpaired [system: be nice / user: q] ans 0 of 0..1"]
    assert (lost["ends and labels of scales"], lost["ratings on another scale"], lost["comparison"]) == (1, 1, 1)


def test_names_and_addresses_of_users_are_not_kept(tmp_path: Path) -> None:
    for record in imported(tmp_path, *PUBLISHED["open_webui"]).records.values():
        assert "email" not in record.canonical()
        assert not isinstance(record, Evaluator) or record.pseudonym == "u1"


def test_what_the_rows_of_others_cannot_hold_is_counted_by_name(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.extend(imported(tmp_path, *PUBLISHED["chatbot_arena"]).records.values())
        lost = {
            form: export_feedback(ledger, tmp_path / f"{form}.jsonl", form).lost
            for form in ("openai_preference", "shp")
        }
    assert lost["openai_preference"] == {
        "evaluator": 2,
        "label": 2,
        "shown order": 2,
        "ties": 1,
        "time": 1,
        "writer": 2,
    }
    assert lost["shp"] == {
        "answers of several messages": 1,
        "label": 2,
        "several turns": 1,
        "shown order": 2,
        "ties": 1,
        "writer": 2,
    }


def test_a_short_prompt_that_answers_happen_to_begin_with_stays_in_them(tmp_path: Path) -> None:
    for prompt, chosen, rejected in (("Hi", "Hi there", "Hi you"), ("say it", "say items", "say iterations")):
        records = imported(tmp_path, {"prompt": prompt, "chosen": chosen, "rejected": rejected})
        assert records.preferences() == [(chosen, rejected, False)]


def test_a_text_with_brackets_is_no_list_of_messages(tmp_path: Path) -> None:
    row = {"prompt": '[1, 2] or [{"a": 1}]?', "chosen": "[]", "rejected": "[1]"}
    records = imported(tmp_path, row)
    assert (records.prompts[0].text, records.preferences()) == (row["prompt"], [("[]", "[1]", False)])


def test_every_format_here_says_what_it_reads_and_loses() -> None:
    for name in PUBLISHED:
        form = FORMATS.get(name)
        assert form.reads, name
        assert form.writes, name
        assert form.columns, name
