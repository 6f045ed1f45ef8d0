"""What the researchers themselves say of the pairs that a panel compared."""

from typing import TYPE_CHECKING, ClassVar

from accord.interfaces import Item
from accord.lab.planted.parts.base import Part
from accord.lab.planted.screening import RESEARCHERS_TASTE, Screening

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting
    from accord.records import Record

__all__ = ["ResearchersPart"]

POOL = "researchers"
PANEL = "panel 2, "


class ResearchersPart(Part):
    """A researcher compares, after the run, each pair that somebody of the largest panel compared."""

    challenges: ClassVar = ("MH1",)

    def after(self, planting: "Planting") -> None:
        taste = RESEARCHERS_TASTE if planting.settings(Screening()).taste else 0.0
        panel = {one.id for one in planting.ledger.evaluators().values() if (one.pseudonym or "").startswith(PANEL)}
        prompts, completions = planting.ledger.prompts(), planting.ledger.completions()
        items = {
            tuple(sorted(answer.completions)): answer.prompt
            for answer in planting.ledger.feedback()
            if answer.evaluator in panel and len(answer.completions) == 2 and answer.gold is None
        }
        shown = [
            Item(prompts[prompt], (completions[first], completions[second]))
            for (first, second), prompt in sorted(items.items())
        ]
        person = planting.person("researcher", pool=POOL, weights=(1.0, taste))
        bound = person.bound(planting.qualities([text for item in shown for text in item.completions]))
        answers = [answer.model_copy(update={"study": POOL}) for answer in bound.ask(shown)]
        records: list[Record] = [person.evaluator]
        records += [record for item in shown for record in (item.prompt, *item.completions)]
        planting.audit_ledger.extend([*records, *answers])
