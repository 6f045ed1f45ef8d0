"""An audited subset: items judged as people saw them in the run, then with everything shown."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.interfaces import Item
from accord.lab.lexicon import BAD, PLAIN
from accord.lab.planted.parts.base import Part
from accord.lab.planted.planting import Planting
from accord.lab.planted.visibility import Visibility, as_shown_in_part
from accord.records import Completion, Feedback, Prompt, Record

__all__ = ["HiddenPart"]

READERS, ITEMS, PAIRS, RATINGS = 20, 96, 12, 3
HIDDEN_WORDS = 8  # at the end of one text of each pair, where nobody sees them at first


class HiddenPart(Part):
    """Eighteen people judge pairs and texts of which a part is hidden, some of them twice, then the whole.

    Words at the end of one text of each pair are not seen at first. In the healthy world they are worth nothing, so
    that nobody has a reason to change an answer, and people differ from themselves by their noise alone.
    """

    challenges: ClassVar = ("OV2",)

    def after(self, planting: Planting) -> None:
        random = planting.random("hidden")
        prompts = [Prompt.ask(f"Tell me how the film ends, {i}") for i in range(ITEMS)]
        share = planting.settings(Visibility()).hidden_errors
        texts, in_part = [], {}
        for prompt in prompts:
            longer = int(random.integers(2))  # the one of which a part is hidden
            for side in range(2):
                seen = Completion(prompt=prompt.id, text=planting.start.write(random)[0], writer=f"hidden {side}")
                hidden = _hidden_words(share, random) if side == longer else ""
                texts.append(seen.model_copy(update={"text": f"{seen.text}{hidden}"}))
                in_part[texts[-1].id] = planting.qualities([seen])[seen.id]
        views = (in_part, planting.qualities(texts))
        records: list[Record] = [*prompts, *texts]
        for number in range(READERS):
            reader = planting.person(f"reader {number}")
            records += [reader.evaluator, *_judged_twice(reader, prompts, texts, views, random)]
        planting.audit_ledger.extend(records)


def _hidden_words(share_of_errors: float, random: np.random.Generator) -> str:
    """What is not seen of a text: words without worth, or errors."""
    words = random.choice(PLAIN, HIDDEN_WORDS), random.choice(BAD, HIDDEN_WORDS)
    return " " + " ".join(words[int(random.random() < share_of_errors)])


def _judged_twice(
    reader: SimulatedEvaluator,
    prompts: Sequence[Prompt],
    texts: Sequence[Completion],
    views: tuple[dict[str, list[float]], dict[str, list[float]]],
    random: np.random.Generator,
) -> list[Feedback]:
    """Pairs as they were labelled, the same again, and all of it with everything shown."""
    drawn = random.permutation(len(prompts))[:PAIRS].tolist()
    pairs = [Item(prompts[i], (texts[2 * i], texts[2 * i + 1])) for i in drawn]
    rated = [Item(prompts[text // 2], (texts[text],)) for text in random.permutation(len(texts))[:RATINGS].tolist()]
    asked = [pairs[i] for i in random.permutation(len(pairs))] + rated
    again = [pairs[i] for i in random.permutation(len(pairs))]
    in_part = reader.bound(views[0])
    first, second = as_shown_in_part(in_part.ask(asked)), as_shown_in_part(in_part.ask(again))
    by_items = {answer.completions: answer.id for answer in first}
    second = [answer.model_copy(update={"repeat_of": by_items[answer.completions]}) for answer in second]
    whole = reader.changed(seed=reader.seed + 1_000_003).bound(views[1])
    whole.rest()
    return first + second + whole.ask([*asked[len(pairs) :], *pairs])
