"""The questions of a study as one form about an item: which are asked, about which completions, read all together.

Of several questions each field of the form has its question's name before it (`better.preferred`); of one it has none.
An item's answers are judgements by the name of their question, in its order; None where one was left open.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from accord.collect.study.form_fields import Form, text_field
from accord.collect.study.kinds import KINDS, MAX_REASON, AnyQuestion
from accord.collect.study.phrases import phrase
from accord.errors import FormError, nearest
from accord.records import Completion, Declined, Judgement

__all__ = ["Answers", "Questionnaire", "named", "problems_between"]

Answers = Mapping[str, Judgement | None]
WHOLE = ("declined", "reason", "comment")
NOTHING_ANSWERED = phrase("form.nothing_answered")


@dataclass(frozen=True)
class Questionnaire:
    """The questions in the order in which they are asked."""

    questions: tuple[AnyQuestion, ...]

    @cached_property
    def several(self) -> bool:
        """Whether there is more than one."""
        return len(self.questions) > 1

    @cached_property
    def by_name(self) -> dict[str, AnyQuestion]:
        """Each question by its name, which may be "" where there is one."""
        return {question.name: question for question in self.questions}

    @property
    def of_everybody(self) -> list[AnyQuestion]:
        """Those that are asked of everybody, about the same completions: what votes can be counted of."""
        return [question for question in self.questions if not question.is_conditional and question.required]

    @property
    def multiple(self) -> frozenset[str]:
        """The fields that a page may send several times, as they are called on it."""
        return frozenset(
            f"{prefix}{field}"
            for question in self.questions
            for field in question.multiple
            for prefix in {"", self.prefix(question)}
        )

    def prefix(self, question: AnyQuestion) -> str:
        """What stands before the fields of a question, where all are on one form."""
        return f"{question.name}." if self.several else ""

    # -- forms ------------------------------------------------------------------------------------------------------

    def part(self, form: Form, question: AnyQuestion) -> dict[str, str]:
        """What of a form belongs to one question, without its prefix."""
        prefix = self.prefix(question)
        return {name.removeprefix(prefix): value for name, value in form.items() if name.startswith(prefix)}

    def whole(self, parts: Mapping[str, Form]) -> dict[str, str]:
        """`part` undone: one form of the forms by question."""
        return {
            f"{self.prefix(self.by_name[name])}{field}": value
            for name, form in parts.items()
            for field, value in form.items()
        }

    def answer_form(self, page: Form) -> dict[str, str]:
        """The answer form from the fields of a page; what is no part of an answer is left out."""
        form = {name: page[name] for name in WHOLE if page.get(name)}
        parts = {question.name: question.answer_form(self.part(page, question)) for question in self.questions}
        return self.whole(parts) | form

    def page_form(self, form: Form) -> dict[str, str]:
        """`answer_form` undone: the fields of the page that show a form again."""
        parts = {question.name: question.page_form(self.part(form, question)) for question in self.questions}
        return {**{name: form[name] for name in WHOLE if name in form}, **self.whole(parts)}

    # -- which are asked, and about what ----------------------------------------------------------------------------

    def next(self, answers: Answers, shown: Sequence[str], laid: Sequence[str]) -> AnyQuestion | None:
        """The first question that is asked after these answers; None where all are answered."""
        for question in self.questions:
            if question.name not in answers and self.about(question, answers, shown, laid) is not None:
                return question
        return None

    def about(
        self, question: AnyQuestion, answers: Answers, shown: Sequence[str], laid: Sequence[str]
    ) -> tuple[str, ...] | None:
        """The completions that a question is about, in the order `shown`; None where it is not asked.

        `laid` are those of the item in the order of its file. A question about no completion (`most` = 0) has none.
        """
        if not self._is_asked(question, answers):
            return None
        if question.most == 0:
            return ()
        match question.about:
            case int(place):
                return (laid[place - 1],) if place <= len(laid) else None
            case "preferred" | "other" as which:
                of = self.refers_to(question)
                judgement = None if of is None else answers.get(of.name)
                places = None if of is None or judgement is None else of.preferred(judgement)
                return None if places is None else (shown[places[which == "other"]],)
            case _:
                return tuple(shown)

    def refers_to(self, question: AnyQuestion) -> AnyQuestion | None:
        """The earlier question that says which completion is preferred: the one that is named, or the last."""
        earlier = self.questions[: self.questions.index(question)]
        able = [other for other in earlier if other.orders and question.of in {"", other.name}]
        return able[-1] if able else None

    def _is_asked(self, question: AnyQuestion, answers: Answers) -> bool:
        said = {name: self._words(name, answers) for name in (*question.when, *question.unless)}
        met = all(said[name] & _set(words) for name, words in question.when.items())
        return met and not any(said[name] & _set(words) for name, words in question.unless.items())

    def _words(self, name: str, answers: Answers) -> frozenset[str]:
        judgement = answers.get(name)
        return frozenset() if judgement is None else self.by_name[name].words(judgement)

    # -- reading ----------------------------------------------------------------------------------------------------

    def read(
        self, form: Form, shown: Sequence[str], laid: Sequence[str], texts: Mapping[str, Completion]
    ) -> dict[str, Judgement | None]:
        """What a whole form says: the answers of all that are asked. `texts` are the completions by id.

        Raises `FormError` whose field is called as on the page.
        """
        if self.several and form.get("declined"):
            reason = text_field(form, "reason", MAX_REASON, required=False) or None
            asked = (question for question in self.questions if not question.is_conditional)
            return {question.name: Declined(reason=reason) for question in asked}
        answers: dict[str, Judgement | None] = {}
        for question in self.questions:
            about = self.about(question, answers, shown, laid)
            if about is None:
                continue
            try:
                answers[question.name] = self.read_one(
                    question, self.part(form, question), [texts[name] for name in about]
                )
            except FormError as error:
                raise FormError(
                    f"{self.prefix(question)}{error.field}", self.with_question(question, error.args[0])
                ) from error
        if not any(answers.values()):
            raise FormError(self.questions[0].name, NOTHING_ANSWERED)
        return answers

    def read_one(self, question: AnyQuestion, form: Form, about: Sequence[Completion]) -> Judgement | None:
        """What the form of one question says; None where it may be left open, and is. Raises `FormError`."""
        if not question.required and question.is_blank(form, about):
            return None
        return question.read(form, about)

    def with_question(self, question: AnyQuestion, problem: str) -> str:
        """A problem with an answer, with the question where there are several."""
        return phrase("answer.in_question", question=question.text, problem=problem) if self.several else problem

    # -- items ------------------------------------------------------------------------------------------------------

    @property
    def least(self) -> int:
        """How many completions an item needs at least."""
        return max(_least(question) for question in self.questions)

    @property
    def most(self) -> int | None:
        """How many completions an item has at most; None: any number."""
        limits = [question.most for question in self.questions if question.about == "all" and question.most]
        about_none = all(question.most == 0 for question in self.questions)
        return min(limits) if limits else 0 if about_none else None

    @property
    def candidates(self) -> int:
        """How many completions are written for a bare prompt, where the study does not say."""
        return max(
            max(_least(question), question.candidates * (question.about == "all")) for question in self.questions
        )

    @property
    def longest_text(self) -> int:
        """How many characters the texts of all answers may have together."""
        return sum(question.longest_text for question in self.questions)

    @property
    def longest_field(self) -> int:
        """How many characters a field of the form may have."""
        return max(question.longest_field for question in self.questions)

    @property
    def scored(self) -> AnyQuestion | None:
        """The question whose answers a judge's scores give the probability of, where there is one."""
        return next((question for question in self.of_everybody if question.scorable), None)

    def unanswerable(self, completions: Sequence[Completion]) -> str | None:
        """Why nobody could answer about these completions (in the order of the file); None where somebody could."""
        for question in self.questions:
            about = completions
            if isinstance(question.about, int):
                about = completions[question.about - 1 : question.about]
            if problem := question.unanswerable(about):
                return problem
        return None


def _least(question: AnyQuestion) -> int:
    """How many completions an item needs for a question."""
    match question.about:
        case int(place):
            return place
        case "preferred" | "other":
            return 2
        case _:
            return question.least


def _set(words: str | tuple[str, ...]) -> frozenset[str]:
    return frozenset({words} if isinstance(words, str) else words)


# -- a study's questions together -----------------------------------------------------------------------------------


def named(questions: tuple[AnyQuestion, ...]) -> tuple[AnyQuestion, ...]:
    """Several questions, each with a name: its own, or its kind."""
    if len(questions) < 2:
        return questions
    return tuple(
        question if question.name else question.model_copy(update={"name": question.kind}) for question in questions
    )


def problems_between(questions: tuple[AnyQuestion, ...]) -> Iterator[tuple[str, str]]:
    """What no question by itself can know: each key with what to do about it."""
    paper, seen = Questionnaire(questions), dict[str, AnyQuestion]()
    for place, question in enumerate(questions):
        here = f"questions[{place}]"
        if question.name in seen:
            yield f"{here}.name", f'another question is called "{question.name}" too; give each a name of its own'
        yield from _about_problems(paper, question, here)
        for key in ("when", "unless"):
            for name, words in getattr(question, key).items():
                yield from _condition_problems(seen, name, words, f"{here}.{key}.{name}")
        seen.setdefault(question.name, question)
    if len(questions) > 1 and not paper.of_everybody:
        yield "questions", "every one may be left open or depends on another; ask one of everybody"


def _about_problems(paper: Questionnaire, question: AnyQuestion, here: str) -> Iterator[tuple[str, str]]:
    if question.about == "all":
        if question.of:
            yield f"{here}.of", 'goes with about = "preferred" or "other"; leave it out'
        return
    if question.most == 0:
        yield f"{here}.about", f"a {question.kind} is about no completion; leave it out"
    elif question.least > 1:
        yield f"{here}.about", f"a {question.kind} is about {question.least} completions, and this names one"
    elif not isinstance(question.about, int) and paper.refers_to(question) is None:
        asked = list(dict.fromkeys(other.kind for other in paper.questions if other.orders))
        kinds = " or ".join(asked or [name for name, kind in KINDS.items() if kind.orders])
        wanted = f'no earlier {kinds} is called "{question.of}"' if question.of else f"no {kinds} stands before it"
        yield f"{here}.{'of' if question.of else 'about'}", f"{wanted}; ask one first"


def _condition_problems(
    earlier: Mapping[str, AnyQuestion], name: str, words: str | tuple[str, ...], here: str
) -> Iterator[tuple[str, str]]:
    if name not in earlier:
        yield here, f"no question before it is called so{nearest(name, list(earlier))}"
        return
    possible = earlier[name].possible_words
    if possible is None:
        return
    known = (*possible, "declined")
    if unknown := sorted(_set(words) - set(known)):
        yield here, f"{unknown[0]!r:.60} is no answer to it; choose of {', '.join(known)}"
