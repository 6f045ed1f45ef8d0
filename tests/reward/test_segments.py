"""Where segments of a text are, what is said of them, and what becomes of probabilities along a text."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from accord.errors import RecipeError
from accord.lm.loading import load
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Completion, Feedback, Prompt, Span, Spans, Steps
from accord.reward.segments.aggregation import span_credits, step_credits
from accord.reward.segments.boundaries import cut, steps_of
from accord.reward.segments.fitting import segment_loss
from accord.reward.segments.labels import changed, check_spans, check_steps, span_labels, step_labels
from accord.reward.segments.reading import ReadText, logits, read_texts

ASKED = Prompt.ask("Say it.")


def read(text: str, *, step_starts: tuple[int, ...] | None = None, model: ScalarHeadModel | None = None) -> ReadText:
    judge = model or ScalarHeadModel.fresh(load("tiny"), name="judge")
    return read_texts(judge, [ASKED], [Completion(prompt=ASKED.id, text=text, step_starts=step_starts)])[0]


@pytest.mark.parametrize(
    ("text", "into", "found"),
    [
        ("It rains. Dr. Bo, e.g. me, ran!  \nWhere?", "sentence", ["It rains.", "Dr. Bo, e.g. me, ran!", "Where?"]),
        ('He said "Go." Then 3.5 went', "sentence", ['He said "Go."', "Then 3.5 went"]),
        ("雨が降る。走る！", "sentence", ["雨が降る。", "走る！"]),
        ("It rains, so: go; now. No", "part", ["It rains,", "so:", "go;", "now.", "No"]),
        ("one\n\n two \nthree", "line", ["one", "two", "three"]),
        ("one\ntwo\n \n three", "paragraph", ["one\ntwo", "three"]),
        (" \n ", "sentence", []),
        ("", "line", []),
    ],
)  # fmt: skip
def test_texts_are_cut_where_readers_would(text: str, into: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in cut(text, into)] == found


@given(st.text(alphabet="ab. ,!\n\u3002é", max_size=60), st.sampled_from(["part", "sentence", "line", "paragraph"]))
def test_segments_hold_all_but_space_in_order(text: str, into: str) -> None:
    places = cut(text, into)
    assert all(end <= start for (_, end), (start, _) in pairwise(places))
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in places)
    assert "".join(text[start:end] for start, end in places).split() == [] or "".join(
        "".join(text[start:end].split()) for start, end in places
    ) == "".join(text.split())


def test_what_is_no_kind_of_segment_is_named() -> None:
    with pytest.raises(ValueError, match="'word' is no kind of segment: part, sentence, line or paragraph"):
        cut("a", "word")


def test_steps_are_those_that_are_stated_else_lines() -> None:
    text = "One and\ntwo.\nSo four."
    stated = Completion(prompt=ASKED.id, text=text, step_starts=(0, 13))
    assert [text[a:b] for a, b in steps_of(stated, "line")] == ["One and\ntwo.", "So four."]
    assert len(steps_of(Completion(prompt=ASKED.id, text=text), "line")) == 3


@pytest.mark.parametrize("into", ["token", "part", "sentence", "line", "whole"])
def test_segments_end_in_the_token_with_which_they_are_read(into: str) -> None:
    text = read("Né 漢, b. So\n🎉 it.")
    for segment in text.segments(into):
        ids = text.answer.completion[: segment.token + 1]
        model = load("tiny")
        assert len(model.decode(ids)) >= segment.end
        assert into == "whole" or len(model.decode(ids[:-1]).rstrip("\ufffd")) < segment.end
    assert read("").segments("sentence") == []
    assert [segment.token for segment in read("").segments("whole")] == [0]


def test_what_is_behind_the_context_is_no_segment_and_what_is_cut_ends_there() -> None:
    model = ScalarHeadModel.fresh(load("tiny"), name="judge")
    model.causal.cuts = True
    text = read("abcd efg. " * 100, model=model)
    last = text.reach_T[-1]
    sentences = text.segments("sentence")
    assert last < 900
    assert sentences[-1].end <= last
    assert sentences[-1].token == len(text.answer.completion) - 1
    assert len(sentences) == -(-last // 10)


@pytest.mark.parametrize("members", [1, 3])
def test_outputs_are_those_of_the_whole_text_read_alone(members: int) -> None:
    """Held against one forward pass of each text up to the token, packed with others as they are."""
    model = ScalarHeadModel.fresh(load("tiny"), name="judge", seed=3, members=members, components=("x", "y"))
    prompts = [ASKED, Prompt.ask("And again, please?"), ASKED]
    texts = ["It is. It was.", "Né 漢", "b"]
    completions = [Completion(prompt=p.id, text=t) for p, t in zip(prompts, texts, strict=True)]
    known = read_texts(model, prompts, completions)
    tokens = [[0, 7], [1], []]
    found = logits(model, known, tokens)
    assert [each.shape for each in found] == [(2, 2, members), (1, 2, members), (0, 2, members)]
    for text, places, each in zip(known, tokens, found, strict=True):
        ids = [*text.answer.prompt, *text.answer.completion]
        with torch.no_grad():
            hidden_TD = model.causal.model.model(input_ids=torch.tensor([ids])).last_hidden_state[0].float()
            wanted = model.head(hidden_TD)[[len(text.answer.prompt) + place for place in places]]
        np.testing.assert_allclose(each.reshape(len(places), len(model.mean_M)), wanted.numpy(), atol=1e-4)


def test_a_segment_is_wrong_where_a_span_of_its_kind_touches_it() -> None:
    text = read("It is. It was. No.")
    spans = [Span(start=3, end=9, type="A"), Span(start=15, end=18, type="B"), Span(start=6, end=7, type="C")]
    outputs = [(0, frozenset("A"), "sentence"), (1, frozenset("BC"), "sentence"), (2, frozenset("B"), "whole")]
    labels = list(span_labels(text, spans, outputs))
    by_output = [[label.target for label in labels if label.output == output] for output in range(3)]
    assert by_output == [[1, 1, 0], [0, 0, 1], [1]]
    assert [label.target for label in span_labels(text, [], outputs)] == [0] * 7
    tokens = list(span_labels(text, spans[:1], [(0, frozenset("A"), "token")]))
    assert [label.token for label in tokens if label.target] == list(range(3, 9))


@pytest.mark.parametrize(
    ("verdicts", "targets"),
    [
        (("right", "wrong", "right"), [1, 0]),
        (("right", "unsure", "right"), [1, 1]),
        (("right", "wrong"), [1, 0]),
        (("wrong", "wrong", "wrong"), [0]),
        (("unsure",), []),
        (("right", "wrong", "unsure", "unsure"), [1, 0]),
    ],
)
def test_what_is_behind_the_first_wrong_step_is_not_learnt(verdicts: tuple[str, ...], targets: list[float]) -> None:
    text = read("a b\nc d\ne f")
    judgement = Steps(verdicts=verdicts)  # type: ignore[arg-type]  # literals
    labels = list(step_labels(text, steps_of(text.completion, "line"), judgement))
    assert [label.target for label in labels] == targets


def test_marks_and_verdicts_on_what_is_not_there_are_refused() -> None:
    completion = Completion(prompt=ASKED.id, text="a b\nc d")
    spans = (Span(start=2, end=9, type="A"),)
    record = Feedback(evaluator="e-1", prompt=ASKED.id, completions=(completion.id,), judgement=Spans(spans=spans))
    with pytest.raises(
        RecipeError, match=r"marks the characters 2..9 of the completion c-.*, which has 7; take it back"
    ):
        check_spans(record, spans, completion)
    check_spans(record, (Span(start=2, end=7, type="A"),), completion)
    beyond = Steps(verdicts=("right", "right", "wrong"))
    with pytest.raises(RecipeError, match=r"judges step 3 of the completion c-.*, which has 2; say where its steps"):
        check_steps(record, beyond, completion, 2)
    check_steps(record, Steps(verdicts=("wrong", "unsure", "unsure")), completion, 2)  # said of none behind it


@pytest.mark.parametrize(
    ("original", "corrected", "marked"),
    [
        ("the cat sat down", "the dog sat down", ["cat"]),
        ("the cat sat down", "the cat sat", ["down"]),
        ("the cat sat", "the cat sat down", ["sat"]),
        ("cat sat", "the cat sat", ["cat"]),
        ("a b", "a b", []),
        ("a  b c d", "x", ["a  b c d"]),
        ("", "new", []),
    ],
)
def test_corrections_say_where(original: str, corrected: str, marked: list[str]) -> None:
    spans = changed(original, corrected, "corrected")
    assert [original[span.start : span.end] for span in spans] == marked


def test_the_loss_is_the_logistic_one_by_hand() -> None:
    logit_RM = torch.tensor([[0.3, -1.0, 2.0, 0.5], [1.0, 0.0, -2.0, 4.0]])  # two components of two members
    weight_RS = torch.tensor([[1.0, 2.0], [0.5, 1.5]])
    target_R, output_R = torch.tensor([1.0, 0.0]), torch.tensor([1, 0])
    first = 1.0 * np.log1p(np.exp(-2.0)) + 2.0 * np.log1p(np.exp(-0.5))
    second = 0.5 * np.log1p(np.exp(1.0)) + 1.5 * np.log1p(np.exp(0.0))
    found = segment_loss(logit_RM, target_R, weight_RS, output_R)
    assert float(found) == pytest.approx((first + second) / 2, rel=1e-5)


def test_two_who_disagree_leave_the_odds_of_their_weights() -> None:
    """Disagreement is kept: the logit that is least lossy is the log-odds of the weights on both sides."""
    logit = torch.zeros(1, requires_grad=True)
    weights = torch.tensor([[3.0], [1.0]])
    optimiser = torch.optim.LBFGS([logit], max_iter=50)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = segment_loss(logit.expand(2, 1), torch.tensor([1.0, 0.0]), weights, torch.zeros(2, dtype=torch.long))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)
    assert float(logit.detach()) == pytest.approx(np.log(3.0), abs=1e-3)


PROBABILITIES = st.lists(st.floats(0.01, 0.99), min_size=1, max_size=8)


@given(PROBABILITIES)
def test_credits_of_steps_sum_to_their_score(right: list[float]) -> None:
    right_JS = np.array(right)[:, None].repeat(2, 1)
    scores = {"minimum": min(right), "product": np.prod(right), "last": right[-1], "mean": np.mean(right)}
    for aggregation, score in scores.items():
        credit_JS = step_credits(right_JS, aggregation)  # type: ignore[arg-type]  # its names
        assert credit_JS.shape == (len(right) + 1, 2)
        assert credit_JS.sum(0) == pytest.approx(score)
    assert (step_credits(right_JS, "minimum")[1:] <= 0).all()
    assert (step_credits(right_JS, "product")[1:] < 0).all()


def test_a_step_that_is_no_worse_than_the_worst_takes_nothing_from_the_minimum() -> None:
    credit_JS = step_credits(np.array([[0.9], [0.4], [0.6], [0.3]]), "minimum")
    assert credit_JS[:, 0] == pytest.approx([1, -0.1, -0.5, 0, -0.1])


def test_what_segments_earn() -> None:
    error_JS = np.array([[0.0], [1.0], [0.5]])
    assert span_credits(error_JS, weight=2, bonus=0, mean=False)[:, 0] == pytest.approx([0, -2, -1])
    assert span_credits(error_JS, weight=2, bonus=1, mean=False)[:, 0] == pytest.approx([2, -2, 0])
    assert span_credits(error_JS, weight=2, bonus=1, mean=True).sum() == pytest.approx(0)
    assert span_credits(np.zeros((0, 1)), weight=2, bonus=1, mean=True).shape == (0, 1)
