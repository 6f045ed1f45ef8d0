"""The page of a run in rounds: all rounds side by side, why each asked, why they ended; it stands alone."""

from pathlib import Path

import pytest
from report_page_reading import Page

from accord.artefacts import ROUNDS, PeakRow, RoundRow, RoundsSummary
from accord.errors import ArtefactError
from accord.report import write_rounds
from accord.report.rounds_page import render_rounds
from accord.run import RunDirectory
from accord.stats import Estimate

HOSTILE = "<script>alert(1)</script> & \x07"


def estimate(value: float) -> Estimate:
    return Estimate(value, value - 0.1, value + 0.1, 96, 24)


def summary(rounds: int = 3, *, measured: bool = True, ended: str | None = HOSTILE) -> RoundsSummary:
    rows = [
        RoundRow(
            number=number,
            digest="x",
            labels=0 if number == 1 else 40,
            spent=40 * (number - 1),
            learnt_anew=None if number == 1 else number % 2 == 0,
            reason=None if number == 1 else f"asked since {HOSTILE}",
            kl=estimate(0.8 * number) if measured else None,
            win_rate=estimate(0.6) if measured else None,
            gain=estimate(0.25) if measured and number > 1 else None,
            peak=PeakRow(at=estimate(1.1), reached=1.5, nearest=2, change=estimate(-0.4))
            if measured and number == 3
            else None,
        )
        for number in range(1, rounds + 1)
    ]
    return RoundsSummary(budget=500, spent=rows[-1].spent, rounds=tuple(rows), result=min(2, rounds), ended=ended)


def page_of(folder: Path, content: RoundsSummary) -> str:
    with RunDirectory.create(folder / "run", seed=1) as run:
        ROUNDS.write(run, content, stage="rounds")
        return render_rounds(run)


def test_every_round_stands_beside_the_others_with_its_reason(tmp_path: Path) -> None:
    text = page_of(tmp_path, summary())
    page = Page(text)
    assert page.unbalanced == []
    assert len(page.ids) == len(set(page.ids))
    assert "the result is the policy of round 2, not of the last one" in page.text
    assert "80 of 500 that the rounds may ask for" in page.text
    for words in ("0.800 [0.700, 0.900]", "2.400 [2.300, 2.500]", "0.250 [0.150, 0.350]", "learnt anew", "as before"):
        assert words in page.text
    assert "at sqrt(KL) 1.10 [1.00, 1.20], reached 1.50" in page.text
    assert "Why they ended: <script>alert(1)</script> &" in page.text
    assert page.text.count("asked since") == 2
    assert len(page.of("svg")) == 3


def test_it_stands_alone_and_nothing_in_it_is_executed(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, summary()))
    assert page.of("script") == []
    assert page.of("img") == []
    assert all(str(link.get("href")).startswith("#") for link in page.of("a"))
    targets = {str(link.get("href"))[1:] for link in page.of("a")}
    assert targets <= set(page.ids)


def test_what_was_not_measured_is_said_and_nothing_is_drawn(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, summary(measured=False, ended=None)))
    assert "not measured" in page.text
    assert "Fewer than two rounds were measured" in page.text
    assert "the loop has not ended" in page.text
    one = Page(page_of(tmp_path / "one", summary(1)))
    assert "The first round asks nobody" in one.text


def test_the_same_rounds_are_the_same_bytes_and_an_altered_file_is_refused(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run", seed=1) as run:
        ROUNDS.write(run, summary(), stage="rounds")
        first = write_rounds(run).read_bytes()
        assert write_rounds(run).read_bytes() == first
        (tmp_path / "run/rounds.json").write_text("{}")
        with pytest.raises(ArtefactError, match=r"rounds\.json"):
            write_rounds(run)
