"""Ranking: the order of two or more completions."""

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import groupby
from typing import ClassVar, Literal

from accord.collect.study.form_fields import Form, numbered_fields, parse_index, short_field
from accord.collect.study.kinds.base import Question
from accord.collect.study.phrases import phrase
from accord.collect.study.reply_text import letters, one_line, place_of_letter, without_emphasis
from accord.errors import FormError
from accord.records import Completion, Judgement, Ranking

__all__ = ["RankingQuestion"]

MAX_RANKED = 100


class RankingQuestion(Question):
    """The order of two or more, best first.

    The page sends the rank of each completion (`rank-0`, `rank-1`, ...; equal ranks are a tie), which become `tiers`.
    """

    kind: Literal["ranking"] = "ranking"
    ties: bool = True

    record: ClassVar[type[Ranking]] = Ranking
    fields: ClassVar[tuple[str, ...]] = ("tiers",)
    page_fields: ClassVar[tuple[str, ...]] = ("rank-0",)
    least: ClassVar[int] = 2
    most: ClassVar[int | None] = None
    candidates: ClassVar[int] = 4
    orders: ClassVar[bool] = True
    works_on_text: ClassVar[bool] = True

    def parse(self, form: Form, shown: Sequence[Completion]) -> Ranking:
        """`tiers` = places from 0, joined by `,` within a tier and by `|` between tiers, best first: `2,0|1,3`."""
        text = short_field(form, "tiers")
        tiers = tuple(tuple(parse_index("tiers", place) for place in tier.split(",")) for tier in text.split("|"))
        if sorted(place for tier in tiers for place in tier) != list(range(len(shown))):
            raise FormError("tiers", phrase("ranking.each_once", n=len(shown)))
        if not self.ties and any(len(tier) > 1 for tier in tiers):
            raise FormError("tiers", phrase("ranking.no_ties"))
        return Ranking(tiers=tiers)

    def fields_of(self, judgement: Ranking) -> dict[str, str]:
        """The tiers."""
        return {"tiers": "|".join(",".join(map(str, tier)) for tier in judgement.tiers)}

    def unanswerable(self, completions: Sequence[Completion]) -> str | None:
        """More than a page can put in order."""
        if len(completions) <= MAX_RANKED:
            return None
        return f"{len(completions)} are more than the {MAX_RANKED} that a page puts in order; split the line"

    def answer_form(self, page: Form) -> dict[str, str]:
        """`tiers` from the ranks."""
        form = super().answer_form(page)
        if ranks := numbered_fields(page, "rank"):
            form["tiers"] = _tiers(ranks)
        return form

    def page_form(self, form: Form) -> dict[str, str]:
        """The ranks from `tiers`."""
        page = super().page_form(form)
        for rank, tier in enumerate(form.get("tiers", "").split("|"), start=1):
            page |= {f"rank-{place}": str(rank) for place in tier.split(",") if place.isdecimal()}
        return page

    def reply_rules(self, shown: Sequence[Completion]) -> str:
        """Letters in their order, best first."""
        names = letters(len(shown))
        ties = f", and = between two that are as good as each other: {names[1]} > {names[0]} = ..." if self.ties else ""
        return f"the letters of all answers ({', '.join(names)}) in one line, the best first, with > between them{ties}"

    def reply_form(self, reply: str, shown: Sequence[Completion]) -> dict[str, str]:
        """`B > A = C`."""
        names = letters(len(shown))
        tiers = [tier.split("=") for tier in without_emphasis(one_line(reply)).split(">")]
        return {"tiers": "|".join(",".join(str(place_of_letter(name, names)) for name in tier) for tier in tiers)}

    def reply_of(self, judgement: Ranking, shown: Sequence[Completion]) -> str:
        """The letters."""
        names = letters(len(shown))
        return " > ".join(" = ".join(names[place] for place in tier) for tier in judgement.tiers)

    def vote(self, judgement: Judgement, shown: Sequence[str]) -> str | None:
        """The ids of each tier, best first."""
        if not isinstance(judgement, Ranking):
            return None
        return " then ".join(" and ".join(sorted(shown[place] for place in tier)) for tier in judgement.tiers)

    def reorder(self, judgement: Judgement, written: Sequence[str], shown: Sequence[str]) -> Judgement:
        """The places are those in the order shown."""
        if not isinstance(judgement, Ranking):
            return judgement
        place_of = {name: place for place, name in enumerate(shown)}
        return Ranking(tiers=tuple(tuple(place_of[written[place]] for place in tier) for tier in judgement.tiers))

    def preferred(self, judgement: Judgement) -> tuple[int, int] | None:
        """The first of the best tier and the last of the worst; None where all are tied."""
        if not isinstance(judgement, Ranking) or len(judgement.tiers) < 2:
            return None
        return judgement.tiers[0][0], judgement.tiers[-1][-1]

    def describe(self, judgement: Judgement) -> str:
        """The answers in order."""
        if not isinstance(judgement, Ranking):
            return super().describe(judgement)
        tiers = [
            _joined("ranking.said_and", [phrase("ranking.said_answer", n=place + 1) for place in tier])
            for tier in judgement.tiers
        ]
        return _joined("ranking.said_then", tiers)


def _joined(key: str, parts: Sequence[str]) -> str:
    return reduce(lambda before, part: phrase(key, before=before, next=part), parts)


def _tiers(ranks: Mapping[int, str]) -> str:
    """Completions in tiers, best first. One without a rank is left out, which `parse` refuses."""
    ranked = sorted((int(rank), place) for place, rank in ranks.items() if re.fullmatch(r"\d{1,4}", rank))
    tiers = groupby(ranked, key=lambda pair: pair[0])
    return "|".join(",".join(str(place) for _, place in tier) for _, tier in tiers)
