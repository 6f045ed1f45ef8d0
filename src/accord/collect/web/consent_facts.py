"""What a study does with whoever takes part, in sentences for the consent page: what it does, not what it might."""

from collections.abc import Iterator

from accord.collect.study import Study

__all__ = ["consent_facts"]

TIMED = (
    "Your answers are kept under a made-up name, with the time you took and how much of it the page was in front of "
    "you."
)
WRITING = (
    "While you write, the page counts your keystrokes, how often you paste and how often you leave the window; the "
    "counts are kept with the answer."
)
DIALOGUE = "What you say in a conversation is sent to the model that answers you, and is kept with your answers."
COMMENT = "What you add in words of your own is kept with the answer."
GOLD = (
    "Some questions have known answers, and you are not told which. How you answer them tells what answers are worth."
)
REPEATS = "Some questions come twice. Whether you say the same again tells how sure an answer is."
ASSIST = "A machine’s remarks stand beside some items, and not beside others, by lot; it is kept which you saw."
SUGGEST = "Some answers are filled in by a machine, by lot; it is kept what was filled in and what you made of it."
ATTRIBUTES = "What you say of yourself below is kept with your answers. You need not say anything."


def consent_facts(study: Study) -> list[str]:
    """The sentences, in the order in which they are to be read."""
    return list(_facts(study))


def _facts(study: Study) -> Iterator[str]:
    yield TIMED
    if any(question.written for question in study.questions) or (study.dialogue and study.dialogue.edits):
        yield WRITING
    if study.dialogue is not None:
        yield DIALOGUE
    if study.comment:
        yield COMMENT
    if study.practice_file is not None:
        yield _practice(study)
    if study.gold_file is not None and study.gold_share:
        yield GOLD
    if study.repeat_share:
        yield REPEATS
    if study.assist is not None:
        yield ASSIST
    if study.suggest is not None:
        yield SUGGEST
    if study.attributes:
        yield ATTRIBUTES


def _practice(study: Study) -> str:
    practice = "You begin with practice questions, which are explained to you and do not count."
    if study.screen_out is None:
        return practice
    paid = f" and is paid {study.screen_out.pay:g} {study.pay.currency}" if study.screen_out.pay else ""
    return f"{practice} Whoever answers too few of them as expected is not asked further{paid}."
