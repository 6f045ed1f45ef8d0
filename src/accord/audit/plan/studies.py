"""The studies that collect what checks lack, as study files: what is asked, of whom, how often."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

__all__ = ["STUDIES", "StudyPlan"]

LEFT_OR_RIGHT = {"kind": "comparison", "text": "Which of the two is better?"}
CONSENT = "What you answer is kept under a pseudonym."


@dataclass(frozen=True)
class StudyPlan:
    """A study: what it is for, its file without name and items, and where its items come from.

    items    `held_out` (texts that people judged already), `samples` (what both arms wrote), `sample_pairs` (the same,
             two of an arm and a prompt together), `deployment` (prompts as they come where the policy works),
             `recorded` (prompts as they were recorded since the release),
             `questions` (what both arms were asked), `train` (prompts alone)
    by_hand  what whoever runs the study must add before it can begin; empty where nothing is
    """

    purpose: str
    settings: Callable[[], dict[str, Any]]
    items: str
    by_hand: str = ""


def _study(title: str, question: Mapping[str, Any], **settings: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"title": title, "consent": CONSENT, **settings, "questions": [dict(question)]}


STUDIES: Mapping[str, StudyPlan] = MappingProxyType(
    {
        "controls": StudyPlan(
            "how often people are right where the right answer is known, and how that falls with difficulty",
            _study("Which answer is right?", LEFT_OR_RIGHT, gold_file="gold.jsonl", overlap=10),
            "held_out",
            by_hand="gold.jsonl: items whose answer is known (`gold`), from easy to hard",
        ),
        "overlap": StudyPlan(
            "whether people agree, one by one: everybody judges items that others judge too",
            _study("Which answer is better?", LEFT_OR_RIGHT, overlap=5),
            "held_out",
        ),
        "attributes": StudyPlan(
            "who answers, beside the population that the answers are to stand for",
            _study(
                "Which answer is better?",
                LEFT_OR_RIGHT,
                overlap=3,
                attributes={"age": ["under 30", "30 to 60", "over 60"]},
            ),
            "held_out",
            by_hand="[attributes] and, to recruit by share, [quotas]: the groups of your target population",
        ),
        "full_context": StudyPlan(
            "whether people judge otherwise when they see everything: the same items again, with nothing left out",
            _study("Which answer is better, now that you see all of it?", LEFT_OR_RIGHT, overlap=2, render="text"),
            "held_out",
            by_hand="items.jsonl: to each prompt what was hidden when it was first judged",
        ),
        "approval": StudyPlan(
            "what people approve of that both arms wrote, beside what is right",
            _study(
                "Would you accept this answer?",
                {
                    "kind": "label",
                    "text": "Would you accept this answer?",
                    "labels": ["up", "down"],
                    "single": True,
                },
                overlap=3,
            ),
            "samples",
            by_hand="whether each text is right: a second study of experts, or a program (`accord ask`)",
        ),
        "arms": StudyPlan(
            "whether the reward holds on what the policy writes: pairs of its texts, and of its start's",
            _study("Which answer is better?", LEFT_OR_RIGHT, overlap=3),
            "sample_pairs",
        ),
        "kinds": StudyPlan(
            "how much an answer of another kind tells for its time: the same texts rated",
            _study(
                "How good is this answer?",
                {
                    "kind": "rating",
                    "text": "How good is this answer?",
                    "scale": {"low": 1, "high": 7, "step": 1, "low_label": "bad", "high_label": "good"},
                },
                overlap=3,
            ),
            "held_out",
        ),
        "demonstrations": StudyPlan(
            "answers that people write themselves, on pages that count keys and pasting",
            _study(
                "How would you answer?",
                {"kind": "demonstration", "text": "How would you answer?"},
            ),
            "train",
        ),
        "deployment": StudyPlan(
            "whether the reward holds on prompts as they come where the policy works",
            _study("Which answer is better?", LEFT_OR_RIGHT, overlap=3),
            "deployment",
            by_hand="a writer for the answers (`accord collect ... --writer RUN`)",
        ),
        "recorded": StudyPlan(
            "whether the reward holds on what the policy is asked since its release: prompts as they were recorded",
            _study("Which answer is better?", LEFT_OR_RIGHT, overlap=3),
            "recorded",
            by_hand="a writer for the answers (`accord collect ... --writer RUN`)",
        ),
        "opinions": StudyPlan(
            "what people of each group answer to the questions that the policy is asked",
            _study(
                "What do you think?",
                {"kind": "label", "text": "What do you think?", "labels": ["agree", "disagree"], "single": True},
                overlap=20,
                attributes={"group": ["a", "b"]},
            ),
            "questions",
            by_hand="[[questions]] labels: the options of the questions; [attributes]: the groups",
        ),
    }
)
"""By the name that `Collection.study` gives."""
