"""A world of bridges, of which a model knows much, little or nothing, and knows which.

An answer says how many arches a bridge has and whether it is open, "It has seven arches and is not open.": twenty
there are, and "I don't know." What has been written about a bridge says one of them with a share that is drawn between
a guess and certainty, the others alike, and "I don't know." the oftener the less is known. The truth is drawn as it is
written: so that share is the chance that the likeliest answer is right, and nothing that can be read says more.

A question is of one of three modes (Goldberg 2023, "Reinforcement Learning for Language Models"):

    knowledge   "What do you know of the bridge 7?"          right is the truth
    text        "Bridge 7: It has ... What is said of it?"   right is what the text says, whatever was known before
    creative    "Make up a bridge 7 that is open."           right is every answer of that kind; the reference is one
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from accord.lab.enumerated import EnumWorld, draw_world
from accord.records import Prompt

__all__ = ["ANSWERS", "CONTEXTS", "IDK", "KNOWN", "MODES", "REFUSAL", "UNKNOWN", "Mode", "Questions", "answer_text"]

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Mode = Literal["knowledge", "text", "creative"]
MODES: tuple[Mode, ...] = get_args(Mode)

NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
ANSWERS = 2 * len(NUMBERS)
IDK = ANSWERS  # the last column of everything that has one an answer
REFUSAL = "I don't know."
CONTEXTS = 1 + ANSWERS + 2  # nothing; a text that says an answer; a wish for open or for closed
UNKNOWN, KNOWN = 0.3, 0.8  # of what was written about a bridge, the share that says one thing: below, above
REFUSED = 0.8  # of what was written where nothing is known, the share that says so
FAITHFUL, INVENTED = 0.95, 0.85  # of what was written: what a text says; what was wished for
BRIDGES, OF_OTHER_MODES = 720, 240


def answer_text(answer: int) -> str:
    """An answer in words; that of `IDK` too."""
    if answer == IDK:
        return REFUSAL
    return f"It has {NUMBERS[answer // 2]} arches and is {'not ' if answer % 2 else ''}open."


@dataclass(frozen=True)
class Questions:
    """P questions. Arrays over answers have "I don't know." last, [P, 21], but `right_PA`, which has it not.

    bridge_P     which bridge each is about
    context_P    what stands beside the bridge: 0 nothing, 1 + answer a text, then a wish for open, for not open
    right_PA     which answers are right
    reference_P  the one that somebody wrote down
    written_PA   how often each answer was written
    share_P      how often the likeliest of the answers that name something was, among these
    held_out_P   not among what is trained on
    """

    bridge_P: Whole
    context_P: Whole
    right_PA: NDArray[np.bool_]
    reference_P: Whole
    written_PA: Floats
    share_P: Floats
    held_out_P: NDArray[np.bool_]

    @classmethod
    def draw(cls, seed: int, *, bridges: int = BRIDGES, all_known: bool = False) -> "Questions":
        """Questions of all modes; half of the bridges are held out, in all modes. `all_known`: of all of them."""
        random = np.random.default_rng([seed, 191])
        share_B = np.ones(bridges) if all_known else random.uniform(1 / ANSWERS, 1, bridges)
        likeliest_B, other_B = random.integers(ANSWERS, size=bridges), random.integers(1, ANSWERS, bridges)
        truth_B = np.where(random.random(bridges) < share_B, likeliest_B, (likeliest_B + other_B) % ANSWERS)
        held_out_B = random.permutation(bridges) < bridges // 2
        others = min(bridges, OF_OTHER_MODES)
        text_T, wish_C = random.integers(ANSWERS, size=others), random.integers(2, size=others)
        told_B, rest_B = np.eye(ANSWERS)[likeliest_B], (1 - share_B)[:, None] / (ANSWERS - 1)
        known_BA = np.where(told_B == 1, share_B[:, None], rest_B)
        wished_CA = np.arange(ANSWERS) % 2 == wish_C[:, None]
        refused_B = REFUSED * (1 - share_B)
        parts = [
            cls._of(np.arange(bridges), np.zeros(bridges, int), truth_B, np.eye(ANSWERS, dtype=bool)[truth_B],
                    _written(known_BA, refused_B), share_B, held_out_B),
            cls._of(np.arange(others), 1 + text_T, text_T, np.eye(ANSWERS, dtype=bool)[text_T],
                    _written(_mostly(np.eye(ANSWERS, dtype=bool)[text_T], FAITHFUL), np.full(others, 0.02)),
                    np.full(others, FAITHFUL), held_out_B),
            cls._of(np.arange(others), 1 + ANSWERS + wish_C, 2 * random.integers(len(NUMBERS), size=others) + wish_C,
                    wished_CA, _written(_mostly(wished_CA, INVENTED), np.full(others, 0.05)),
                    np.full(others, INVENTED / len(NUMBERS)), held_out_B),
        ]  # fmt: skip
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))

    @classmethod
    def _of(cls, bridge_P: Whole, context_P: Whole, reference_P: Whole, right_PA: NDArray[np.bool_],
            written_PA: Floats, share_P: Floats, held_out_B: NDArray[np.bool_]) -> "Questions":  # fmt: skip
        return cls(bridge_P, context_P, right_PA, reference_P, written_PA, share_P, held_out_B[bridge_P])

    def __len__(self) -> int:
        return len(self.bridge_P)

    @property
    def bridges(self) -> int:
        """How many there are."""
        return int(self.bridge_P.max()) + 1

    @property
    def mode_P(self) -> NDArray[np.str_]:
        """The mode of each question."""
        return np.array(MODES)[np.where(self.context_P == 0, 0, np.where(self.context_P <= ANSWERS, 1, 2))]

    def prompt(self, place: int) -> Prompt:
        """A question in words, with its mode."""
        context, bridge = int(self.context_P[place]), int(self.bridge_P[place])
        if context == 0:
            return Prompt.ask(f"What do you know of the bridge {bridge}?").model_copy(update={"mode": MODES[0]})
        if context <= ANSWERS:
            text = f"Bridge {bridge}: {answer_text(context - 1)} What is said of it?"
            return Prompt.ask(text).model_copy(update={"mode": MODES[1]})
        wish = "open" if context == 1 + ANSWERS else "not open"
        return Prompt.ask(f"Make up a bridge {bridge} that is {wish}.").model_copy(update={"mode": MODES[2]})

    def where(self, chosen_P: NDArray[np.bool_]) -> "Questions":
        """Some of the questions."""
        return replace(self, **{name: getattr(self, name)[chosen_P] for name in self.__dataclass_fields__})

    def of_mode(self, mode: Mode, *, held_out: bool) -> "Questions":
        """Those of a mode that are held out, or not."""
        return self.where((self.mode_P == mode) & (self.held_out_P == held_out))

    def reward(self, penalty: float) -> Floats:
        """1 for what is right, 0 for "I don't know.", -penalty for the rest, [P, 21]."""
        reward_PA: Floats = np.hstack([np.where(self.right_PA, 1.0, -penalty), np.zeros((len(self), 1))])
        return reward_PA


def rewarded_world(reward_PA: Floats, logprob_PA: Tensor) -> EnumWorld:
    """Texts of one token each, with these rewards, written by the start with these log-probabilities.

    What ends a text before it has begun stands for "I don't know.".
    """
    world = draw_world(0, symbols=ANSWERS, length=1, prompts=len(reward_PA))
    row_A = world.text_MA[0]
    reward_PN = torch.zeros_like(world.reward_PN)
    reward_PN[:, row_A] = torch.from_numpy(reward_PA)
    return replace(world, ref_PMA=logprob_PA.double()[:, None], reward_PN=reward_PN)


def _mostly(right_PA: NDArray[np.bool_], share: float) -> Floats:
    """`share` of what is written is right, the rest anything else."""
    right = right_PA.sum(1, keepdims=True)
    written_PA: Floats = np.where(right_PA, share / right, (1 - share) / (ANSWERS - right))
    return written_PA


def _written(named_PA: Floats, refused_P: Floats) -> Floats:
    return np.hstack([named_PA * (1 - refused_P)[:, None], refused_P[:, None]])
