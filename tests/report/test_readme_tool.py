"""`make readme`: what comes from a run is written anew, what people wrote stays, and README.md has the tool's form."""

import re
from pathlib import Path

import pytest
import report_runs
from tools.readme import PARTS, ROWS, TEXTS, main, parts_of, rewritten

from accord.artefacts import EVALUATION_SAMPLES, EvaluationSample

ROOT = Path(__file__).parents[2]
NUMBER = r"-?[\d,]+\.\d+ \[(?:-?[\d,]+\.\d+, -?[\d,]+\.\d+|no interval)\]"
COUNT = r"[\d,]+(?: \([\d,]+\))?"
EMPTY = "Written by people.\n\n" + "".join(
    f"<!-- run: {name} -->\nold\n<!-- run: end -->\nkept {name}\n" for name in PARTS
)


def part(text: str, name: str) -> list[str]:
    body = re.search(rf"<!-- run: {name} -->\n(.*?)<!-- run: end -->", text, re.DOTALL)
    assert body is not None
    return body[1].splitlines()


def assert_form(text: str) -> None:
    """What the tool makes of any run that was evaluated."""
    head, rule, *rows = part(text, "numbers")
    assert (head, rule) == ("| | value [95 % interval] | n (clusters) |", "|---|---|---|")
    names = {name: len(keys) for name, keys in ROWS}
    order = list(names)
    places = []
    for row in rows:
        name, value, count = (cell.strip() for cell in row.strip("|").split(" | ", 2))
        if name.startswith("audit, by "):
            assert re.fullmatch(r"audit, by \d+ checks", name)
            assert re.fullmatch(
                r"\d+ fired( \([^)]+\))?, \d+ inconclusive, \d+ not assessable, \d+ quiet or not detected", value
            )
            continue
        assert re.fullmatch(" / ".join([NUMBER] * names[name]), value), row
        assert re.fullmatch(rf"{COUNT}(?: / {COUNT})*", count), row
        places.append(order.index(name))
    assert places == sorted(set(places))
    (time,) = part(text, "time")
    assert re.fullmatch(r"It took (\d+ h )?(\d+ min ?)?([\d.]+ s)?\.", time)
    head, rule, *texts = part(text, "texts")
    assert (head, rule) == ("| prompt | start | policy |", "|---|---|---|")
    assert 1 <= len(texts) <= TEXTS
    assert all(re.fullmatch(r"\| (?:[^|\\]|\\.)* \| (?:[^|\\]|\\.)* \| (?:[^|\\]|\\.)* \|", row) for row in texts)


def test_the_readme_has_the_form_that_the_tool_makes() -> None:
    assert_form((ROOT / "README.md").read_text(encoding="utf-8"))


def test_a_run_gives_the_parts_and_what_people_wrote_stays(tmp_path: Path) -> None:
    report_runs.whole(tmp_path / "run").close()
    readme = tmp_path / "README.md"
    readme.write_text(EMPTY, encoding="utf-8")
    command = [str(tmp_path / "run"), "--readme", str(readme), "--no-picture"]
    assert main(command) == 0
    once = readme.read_text(encoding="utf-8")
    assert_form(once)
    assert "| reward model: accuracy on held-out pairs without ties | 0.712 [0.699, 0.725] | 16,578 (130) |" in once
    assert "0.912 [0.882, 0.942] / 0.912 [0.882, 0.942]" in once
    assert "words" not in " ".join(part(once, "numbers"))  # this run measured no such baseline
    assert "| audit, by 5 checks | 1 fired (RG2 turnover), 1 inconclusive, 1 not assessable, 2 quiet" in once
    assert part(once, "time") == ["It took 17 min 27 s."]
    assert all(f"kept {name}" in once for name in PARTS)
    assert main(command) == 0
    assert readme.read_text(encoding="utf-8") == once


def test_texts_cannot_break_the_table(tmp_path: Path) -> None:
    run = report_runs.whole(tmp_path / "run")
    hostile = "a | b\n| c | `d` **e** <b> [f](g) \\ \\0 <!-- run: end -->"
    rows = [EvaluationSample(arm=arm, index=0, prompt="p", text=hostile) for arm in ("start", "policy")]
    EVALUATION_SAMPLES.write(run, rows)
    text = rewritten(EMPTY, parts_of(run))
    assert_form(text)
    assert len(part(text, "texts")) == 3
    assert rewritten(text, parts_of(run)) == text


@pytest.mark.parametrize("text", ["nothing", EMPTY + EMPTY, EMPTY.replace("<!-- run: time -->", "")])
def test_a_readme_without_its_places_is_refused_and_left(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report_runs.whole(tmp_path / "run").close()
    readme = tmp_path / "README.md"
    readme.write_text(text, encoding="utf-8")
    assert main([str(tmp_path / "run"), "--readme", str(readme), "--no-picture"]) == 2
    assert "has to stand there once" in capsys.readouterr().err
    assert readme.read_text(encoding="utf-8") == text


def test_a_run_that_was_not_evaluated_is_refused(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "run")
    with pytest.raises(ValueError, match="was not evaluated"):
        parts_of(run)
