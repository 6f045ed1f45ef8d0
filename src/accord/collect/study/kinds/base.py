"""What a kind of judgement is: a class that ties its question, its form, its record and the equality of its answers.

    read, to_form a form becomes the record, and back         answer_form, page_form    the page's fields and back
    unanswerable  what nobody could answer about              restate                   an answer as if given here
    vote          what equal answers share                    reorder                   an answer in another order
    describe      an answer in a few words                    guideline                 what its digest is made of
    reply_rules   how it is answered in plain text            reply_form, reply_of      such a reply as a form, and back
    words         what a later question may refer to          preferred                 which completion was better

Which answers are equal is no kind's own: `feedback.same_judgement` says so, to the desk and to all others.
A section `[[questions]]` of a study file is read as the class whose `kind` it names, so a kind's own keys are the
fields of its class. To add a kind: its record in `records.Judgement`, a file here and its class in `kinds.AnyQuestion`,
and a template `web/templates/kinds/<kind>.html`.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accord.collect.study.form_fields import Form, text_field
from accord.collect.study.phrases import phrase
from accord.collect.study.reply_text import REPLY
from accord.collect.study.section import Section, Text
from accord.errors import FormError
from accord.feedback.equality import same_judgement
from accord.records import Completion, Declined, Judgement

__all__ = ["ARRANGEMENT", "DECLINED", "MAX_REASON", "Condition", "Question"]

MAX_REASON = 2_000
MAX_FIELD = 500_000
DECLINING = ("declined", "reason")
DECLINED = "declined"
"""The word for an answer that was declined, whatever the kind."""

ARRANGEMENT = frozenset({"name", "hint", "required", "about", "of", "when", "unless"})
"""The keys that say how a question stands among others; a machine that is asked it alone is told none of them."""

Condition = dict[str, str | tuple[str, ...]]
"""By the name of an earlier question, the word or words of its answer (`Question.words`)."""


class Question(Section):
    """A question about an item. What differs between kinds:

    record          the class of the records that its answers become
    fields          the names of an answer form's fields, beside `declined` and `reason`
    page_fields     the names of the page's fields, where plain HTML needs others
    multiple        fields that a page may send several times (ticked boxes); they arrive joined by commas
    least, most     how many completions it is about (None: any number), and `candidates` how many are written for a
                    bare prompt where the study does not say
    countable       two answers can be equal, so a majority can be counted and a known answer compared
    written         the answer is a text, so pasting is worth counting
    scorable        a judge's scores give the probability of each answer
    of_turns        a turn of a dialogue can be judged so
    works_on_text   its form holds the text itself, to be ordered, marked or changed
    orders          it says which completion is better, so that a later question can be about that one
    listed_words    the fields of its record that are lists with words in them: labels, types and notes of marks

    In a study of several questions it has a `name`, may be left open (`required`), be `about` some of the item's
    completions only (by their place in the file, or by which of two was preferred), and be asked on conditions.
    """

    kind: str
    text: Text
    name: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]{1,40})?$")] = ""
    hint: str = ""
    required: bool = True
    about: Literal["all", "preferred", "other"] | Annotated[int, Field(ge=1, le=100)] = "all"
    of: str = Field(
        default="", description="the earlier question that says which is preferred; unset: the last that can"
    )
    when: Condition = Field(default={}, description="asked only where an earlier answer is one of these")
    unless: Condition = Field(default={}, description="not asked where an earlier answer is one of these")

    record: ClassVar[type[Any]]
    fields: ClassVar[tuple[str, ...]]
    page_fields: ClassVar[tuple[str, ...]] = ()
    multiple: ClassVar[frozenset[str]] = frozenset()
    least: ClassVar[int] = 1
    most: ClassVar[int | None] = 1
    candidates: ClassVar[int] = 1
    countable: ClassVar[bool] = True
    written: ClassVar[bool] = False
    scorable: ClassVar[bool] = False
    of_turns: ClassVar[bool] = False
    orders: ClassVar[bool] = False
    works_on_text: ClassVar[bool] = False
    listed_words: ClassVar[tuple[str, ...]] = ()

    @property
    def is_conditional(self) -> bool:
        """Whether it may not be asked, or not of the same completions, by what was answered before."""
        return bool(self.when or self.unless) or self.about in {"preferred", "other"}

    @property
    def longest_text(self) -> int:
        """How many characters an answer's text may have; 0 where the answer is no text."""
        return 0

    @property
    def longest_field(self) -> int:
        """How many characters a field of an answer form may have, so that drafts of it can be kept."""
        return max(self.longest_text * 2, MAX_FIELD)

    def read(self, form: Form, shown: Sequence[Completion]) -> Judgement:
        """What a form states about the completions in the order shown: a judgement, or that the person declines it.

        Raises `FormError` that names the field.
        """
        if form.get("declined"):
            return Declined(reason=text_field(form, "reason", MAX_REASON, required=False) or None)
        return self.parse(form, shown)

    @abstractmethod
    def parse(self, form: Form, shown: Sequence[Completion]) -> Judgement:
        """The judgement that a form states. Raises `FormError` that names the field."""

    def to_form(self, judgement: Judgement) -> dict[str, str]:
        """`read` undone: the form that states a judgement.

        Raises `FormError` where the question offers no such answer.
        """
        if isinstance(judgement, Declined):
            return {"declined": "1", "reason": judgement.reason or ""}
        if not isinstance(judgement, self.record):
            raise FormError("kind", f"This study asks for a {self.kind}, not for a {judgement.kind}.")
        return self.fields_of(judgement)

    @abstractmethod
    def fields_of(self, judgement: Any) -> dict[str, str]:
        """The form that states a judgement of this kind. Raises `FormError` where no such answer is offered."""

    def restate(self, judgement: Judgement, shown: Sequence[Completion]) -> Judgement:
        """A judgement from elsewhere as somebody would give it here: with this question's scale, options, line ends.

        Raises `FormError` where nobody could give it.
        """
        return self.read(self.to_form(judgement), shown)

    def unanswerable(self, completions: Sequence[Completion]) -> str | None:
        """Why nobody could answer about these completions, and what to do about it; None where somebody could."""
        del completions
        return None

    def answer_form(self, page: Form) -> dict[str, str]:
        """The answer form from the fields of a page; fields that are no part of an answer are left out."""
        return {name: page[name] for name in (*self.fields, *DECLINING) if page.get(name)}

    def page_form(self, form: Form) -> dict[str, str]:
        """`answer_form` undone: the fields of the page that show a form again. What cannot be read is left out."""
        return dict(form)

    def is_blank(self, form: Form, shown: Sequence[Completion]) -> bool:
        """Whether an answer form says nothing at all, as the page is before anybody touches it."""
        del shown
        return not any(form.get(name, "").strip(" ,|") for name in (*self.fields, "declined"))

    def reply_rules(self, shown: Sequence[Completion]) -> str | None:
        """What an answer in plain text is, for whoever has no page: completed to a sentence by "Answer with ".

        None where the kind cannot be answered so.
        """
        del shown
        return None

    def reply_form(self, reply: str, shown: Sequence[Completion]) -> dict[str, str]:
        """The answer form that a reply in plain text states. Raises `FormError` where it is not by the rules."""
        raise FormError(REPLY, f"A {self.kind} is not answered in plain text.")

    def reply_of(self, judgement: Any, shown: Sequence[Completion]) -> str:
        """`reply_form` undone: the reply that states a judgement. Raises `FormError` as `to_form` does."""
        raise FormError(REPLY, f"A {self.kind} is not answered in plain text.")

    def parts(self, completion: Completion) -> list[str]:
        """The parts of a completion that are judged one by one; none where it is judged as a whole."""
        del completion
        return []

    def vote(self, judgement: Judgement, shown: Sequence[str]) -> str | None:
        """The word that answers share which say the same, whatever the order in which `shown` (completion ids) stood.

        None for a judgement that is equal to no other.
        """
        del judgement, shown
        return None

    def reorder(self, judgement: Judgement, written: Sequence[str], shown: Sequence[str]) -> Judgement:
        """A judgement about completions in the order `written`, as it reads about them in the order `shown`."""
        del written, shown
        return judgement

    def agree(self, judgement: Judgement, known: Judgement) -> bool | None:
        """Whether an answer is as known, both in the same order; None where no program can tell."""
        return same_judgement(judgement, known)

    def side(self, judgement: Judgement) -> Literal["left", "right"] | None:
        """The side of the screen that an answer prefers; None where it prefers none."""
        del judgement
        return None

    @property
    def possible_words(self) -> tuple[str, ...] | None:
        """What `words` can give, but `DECLINED`; None where no list can be made of it."""
        return ()

    def words(self, judgement: Judgement) -> frozenset[str]:
        """The words by which a later question may refer to an answer, whatever stood on which side."""
        return frozenset({DECLINED}) if isinstance(judgement, Declined) else frozenset()

    def is_tie(self, judgement: Judgement) -> bool:
        """Whether an answer says of two sides that neither is better."""
        del judgement
        return False

    def quotes(self, judgement: Judgement, text: str) -> list[tuple[str, str, str]]:
        """The stretches of a completion's text that an answer points at, each with its type and a note."""
        del judgement, text
        return []

    def preferred(self, judgement: Judgement) -> tuple[int, int] | None:
        """The places shown of the better and the worse one of two; None where the answer prefers none."""
        match self.side(judgement):
            case "left":
                return 0, 1
            case "right":
                return 1, 0
            case _:
                return None

    def describe(self, judgement: Judgement) -> str:
        """An answer in a few words, for whoever practises and whoever adjudicates."""
        reason = judgement.reason if isinstance(judgement, Declined) else None
        return phrase("answer.declined_because", reason=reason) if reason else phrase("answer.declined")

    def guideline(self) -> dict[str, Any]:
        """What the digest of the guidelines is made of, under the keys that it has always had."""
        return {"kind": self.kind, "question": self.text, "labels": [], "span_types": [], "scale": None}
