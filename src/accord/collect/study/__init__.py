"""What is asked: a study as one file, each kind of judgement with its question and its form, and the items."""

from accord.collect.study.chat import Chat
from accord.collect.study.dialogue import Dialogue
from accord.collect.study.experts import Experts
from accord.collect.study.kinds import KINDS, AnyQuestion, Question
from accord.collect.study.platform import Ending, Platform, ScreenOut
from accord.collect.study.questionnaire import Answers, Questionnaire
from accord.collect.study.settings import Pay, Stop, Study
from accord.feedback.provenance import shown_digest

__all__ = [
    "KINDS",
    "Answers",
    "AnyQuestion",
    "Chat",
    "Dialogue",
    "Ending",
    "Experts",
    "Pay",
    "Platform",
    "Question",
    "Questionnaire",
    "ScreenOut",
    "Stop",
    "Study",
    "shown_digest",
]
