"""Small records for the tests of this room."""

from accord.records import Comparison, Completion, Evaluator, Feedback, Prompt, Rating, Record, Scale

SCALE = Scale(low=-4.0, high=4.0, step=1.0)


def person(name: str) -> Evaluator:
    return Evaluator(kind="person", pseudonym=name, pool="tests")


def prompt(text: str = "Say something.") -> Prompt:
    return Prompt.ask(text)


def completion(asked: Prompt, text: str) -> Completion:
    return Completion(prompt=asked.id, text=text)


def rating(by: Evaluator, about: Completion, value: float, session: str | None = None, **more: object) -> Feedback:
    return Feedback(
        evaluator=by.id,
        prompt=about.prompt,
        completions=(about.id,),
        judgement=Rating(value=value, scale=SCALE),
        session=session,
        **more,
    )


def comparison(by: Evaluator, left: Completion, right: Completion, preferred: str, **more: object) -> Feedback:
    return Feedback(
        evaluator=by.id,
        prompt=left.prompt,
        completions=(left.id, right.id),
        judgement=Comparison(preferred=preferred, **({"strength": more.pop("strength")} if "strength" in more else {})),
        **more,
    )


def sheet(number: int, *, raters: int = 3, items: int = 4, asked: Prompt | None = None) -> list[Record]:
    """A sheet of ratings: everybody rates every item, in ways that differ a little."""
    asked = asked or prompt(f"Question {number}")
    people = [person(f"sheet-{number}/{i}") for i in range(raters)]
    texts = [completion(asked, f"text {number}.{j}") for j in range(items)]
    given = [
        rating(by, about, float((j + (i * j) % 2) % 9 - 4), f"sheet-{number}")
        for j, about in enumerate(texts)
        for i, by in enumerate(people)
    ]
    return [asked, *people, *texts, *given]
