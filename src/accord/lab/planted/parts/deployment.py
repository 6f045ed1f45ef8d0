"""Prompts of several topics: some that people were asked about, and those of the deployment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import DEPLOYMENT_PROMPTS
from accord.interfaces import Item
from accord.lab.lexicon import CHATTY, FORMAL, SURE, WORDS, Policy, truth, words_of
from accord.lab.planted.panels import GROUPS, group_of
from accord.lab.planted.parts.base import Part
from accord.lab.settings import Settings
from accord.records import Completion, Feedback, Prompt, Record

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["NEW_TOPIC", "STUDY", "TOPICS", "DeploymentPart", "DeploymentSettings", "draw_topic_pairs", "draw_topics"]

STUDY = "prompts of topics"
NEW_TOPIC = "medicine"
TOPICS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "film": (
        (
            "Write a short review of the {0} about {1}.",
            "Was the {0} with {1} worth the ticket?",
            "Tell me what critics said of the {0} on {1}.",
            "Which scene of the {0} about {1} would you keep?",
        ),
        ("thriller", "musical", "western", "cartoon", "documentary", "comedy", "sequel", "drama", "remake", "epic"),
        ("a lighthouse", "two sisters", "the moon", "a bank robbery", "chess", "an old actor", "trains", "a wedding"),
    ),
    "travel": (
        (
            "Plan a weekend in {0} for {1}.",
            "How does one get around {0} with {1}?",
            "What should {1} not miss when visiting {0}?",
            "Is {0} in autumn a good idea for {1}?",
        ),
        ("Lisbon", "Kyoto", "Tallinn", "Oaxaca", "Bergen", "Naples", "Hanoi", "Ghent", "Split", "Cusco"),
        (
            "two children",
            "a tight budget",
            "a wheelchair",
            "my parents",
            "a bicycle",
            "a dog",
            "a large group",
            "hikers",
        ),
    ),
    "food": (
        (
            "Give me a recipe for {0} using {1}.",
            "Can I replace the flour in {0} by {1}?",
            "How long will {0} with {1} keep in the fridge?",
            "What wine goes with {0} and {1}?",
        ),
        ("soup", "pancakes", "risotto", "dumplings", "a pie", "curry", "bread", "salad", "noodles", "stew"),
        ("leeks", "chestnuts", "lentils", "smoked fish", "spinach", "goat cheese", "apples", "mushrooms"),
    ),
    NEW_TOPIC: (
        (
            "My doctor prescribed {0} against {1}: which side effects are usual?",
            "Is a dose of {0} safe during pregnancy if I suffer from {1}?",
            "Explain how {0} interacts with tablets against {1}.",
            "When must somebody with {1} stop taking {0}?",
        ),
        ("ibuprofen", "insulin", "statins", "penicillin", "cortisone", "lithium", "warfarin", "codeine"),
        ("migraine", "diabetes", "asthma", "hypertension", "arthritis", "insomnia", "eczema", "anaemia"),
    ),
}
"""By topic: what is asked, and what stands in its two places."""


@dataclass(frozen=True)
class DeploymentSettings(Settings):
    """What people are asked about, and what the policy will be.

    new_topic  share of the deployment that is of a topic which nobody was asked about, and whose worth is other words'
    food       share of food among the topics of the deployment that are known
    quota      people are asked about that topic too, by its share
    """

    new_topic: float = 0.0
    food: float = 0.35
    quota: bool = False
    prompts: int = 110
    deployed: int = 170
    judged: int = 80
    people: int = 24
    answers: int = 32

    @property
    def feedback_shares(self) -> Mapping[str, float]:
        """The shares of the topics that people are asked about."""
        known = {"film": 0.4, "travel": 0.35, "food": 0.25}
        new = self.new_topic if self.quota else 0.0
        return {name: share * (1 - new) for name, share in known.items()} | {NEW_TOPIC: new}

    @property
    def deployment(self) -> Mapping[str, float]:
        """The shares of the topics in the deployment; those that are known have other ones than in feedback."""
        known = {"film": (1 - self.food) * 6 / 13, "travel": (1 - self.food) * 7 / 13, "food": self.food}
        return {name: share * (1 - self.new_topic) for name, share in known.items()} | {NEW_TOPIC: self.new_topic}


class DeploymentPart(Part):
    """Ratings of texts to prompts of topics before the run; after it, prompts of the deployment and pairs compared."""

    challenges: ClassVar = ("DQ1", "X1", "X8")

    def before(self, planting: "Planting") -> None:
        settings, random = planting.settings(DeploymentSettings()), planting.random("deployment")
        prompts = [prompt for _, prompt in draw_topics(settings.feedback_shares, settings.prompts, random)]
        completions = [Completion(prompt=p.id, text=planting.start.write(random)[0]) for p in prompts]
        records: list[Record] = [*prompts, *completions]
        items = [Item(prompt, (text,)) for prompt, text in zip(prompts, completions, strict=True)]
        qualities = planting.qualities(completions)
        people = min(6, len(items))
        for i in range(people):
            person = planting.person(f"topics, evaluator {i}", group=group_of(i, people, GROUPS))
            answers = person.bound(qualities).ask(items[i::people])
            records += [person.evaluator, *(_of_study(answer) for answer in answers)]
        planting.ledger.extend(records)

    def after(self, planting: "Planting") -> None:
        settings, random = planting.settings(DeploymentSettings()), planting.random("deployed")
        drawn = draw_topics(settings.deployment, settings.deployed, random)
        DEPLOYMENT_PROMPTS.write(planting.run, [prompt for _, prompt in drawn])
        items: list[Item] = []
        qualities: dict[str, list[float]] = {}
        for topic in TOPICS:
            for prompt in [prompt for of, prompt in drawn if of == topic][: settings.judged]:
                writer = writer_of(topic, planting.start)
                texts = [Completion(prompt=prompt.id, text=writer.write(random)[0]) for _ in range(2)]
                items.append(Item(prompt, (texts[0], texts[1])))
                qualities |= {text.id: [worth(topic, text.text)] for text in texts}
        records: list[Record] = [record for item in items for record in (item.prompt, *item.completions)]
        for i in range(settings.people):
            person = planting.person(f"deployment, evaluator {i}", group=group_of(i, settings.people, GROUPS))
            own = [items[k] for k in random.permutation(len(items))[: settings.answers]]
            answers = person.bound(qualities).ask(own)
            records += [person.evaluator, *(answer.model_copy(update={"study": "deployment"}) for answer in answers)]
        planting.audit_ledger.extend(records)


def _of_study(answer: Feedback) -> Feedback:
    return answer.model_copy(update={"study": STUDY})


def draw_topics(share: Mapping[str, float], count: int, random: np.random.Generator) -> list[tuple[str, Prompt]]:
    """Prompts, each with its topic, of different texts."""
    names = list(share)
    drawn: dict[str, str] = {}
    while len(drawn) < count:
        topic = names[int(random.choice(len(names), p=np.array(list(share.values())) / sum(share.values())))]
        asked, first, second = TOPICS[topic]
        text = asked[random.integers(len(asked))].format(
            first[random.integers(len(first))], second[random.integers(len(second))]
        )
        drawn[text] = topic
    return [(topic, Prompt.ask(text, source=topic)) for text, topic in drawn.items()]


def draw_topic_pairs(
    start: Policy, share: Mapping[str, float], count: int, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pairs of texts about topics: their difference in words, [N, V], and in worth (never 0), [N]."""
    from accord.lab.planted.gold import word_counts

    names, chance = list(share), np.array(list(share.values())) / sum(share.values())
    first: list[str] = []
    second: list[str] = []
    value: list[float] = []
    while len(value) < count:
        topic = names[int(random.choice(len(names), p=chance))]
        one, other = (writer_of(topic, start).write(random)[0] for _ in range(2))
        if (difference := worth(topic, one) - worth(topic, other)) != 0:
            first.append(one)
            second.append(other)
            value.append(difference)
    return word_counts(first) - word_counts(second), np.array(value)


def writer_of(topic: str, start: Policy) -> Policy:
    """Who answers prompts of a topic: of the new one with more of the words that are worth something there."""
    if topic != NEW_TOPIC:
        return start
    more_V = np.array([2.0 if word in (*FORMAL, *CHATTY, *SURE) else 0.0 for word in WORDS])
    logit_V = start.logprob_V + more_V
    return replace(start, logprob_V=logit_V - float(np.logaddexp.reduce(logit_V)))


def worth(topic: str, text: str) -> float:
    """What a text is worth as an answer of a topic, with a standard deviation of about 1.

    On the new topic formal words that sound sure are good, chatty ones are not, and praise puts off.
    """
    if topic != NEW_TOPIC:
        return truth(text)
    words = words_of(text)
    sober = sum((word in FORMAL) + (word in SURE) - (word in CHATTY) for word in words)
    return sober / 2.0 - truth(text) / 2.0
