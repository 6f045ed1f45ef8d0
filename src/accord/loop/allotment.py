"""Who of several is asked about each of a number of pairs."""

from collections.abc import Iterator, Sequence

from accord.recipe.rounds import AskedEvaluator

__all__ = ["places_of"]


def places_of(evaluators: Sequence[AskedEvaluator], labels: int, overlap: int = 1) -> Iterator[tuple[int, int]]:
    """Who is asked about each pair, and how many answers it takes: in proportion to what each is asked for.

    People, simulated ones too, answer each pair `overlap` times, a machine once.
    """
    left = [each.labels for each in evaluators]
    while labels > 0:
        shares = [have / each.labels for have, each in zip(left, evaluators, strict=True)]
        place = max(range(len(left)), key=lambda index: shares[index])
        answers = overlap if evaluators[place].several else 1
        if left[place] < answers or labels < answers:
            left[place] = 0
            if not any(left):
                return
            continue
        left[place] -= answers
        labels -= answers
        yield place, answers
