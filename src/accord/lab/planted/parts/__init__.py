"""What a planted run holds beside ratings and comparisons, one file each: what some challenge's checks read.

A part is a class with the methods of `Part`; it is listed here. What can be wrong with it are the fields of its
`Settings`, whose defaults are healthy, and which a fault changes (`Fault.part`).
"""

from accord.lab.planted.parts.after_deployment import AfterDeploymentPart
from accord.lab.planted.parts.approval import Approval
from accord.lab.planted.parts.arm_pairs import ArmPairs
from accord.lab.planted.parts.asking_round import AskedPart
from accord.lab.planted.parts.attacks import AttacksPart
from accord.lab.planted.parts.base import Part
from accord.lab.planted.parts.challenging import ChallengingPart
from accord.lab.planted.parts.compared import ComparedPart
from accord.lab.planted.parts.deployment import DeploymentPart
from accord.lab.planted.parts.harm import HarmPart
from accord.lab.planted.parts.hidden import HiddenPart
from accord.lab.planted.parts.kinds import KindsPart
from accord.lab.planted.parts.open_questions import OpenQuestions
from accord.lab.planted.parts.other_seeds import OtherSeeds
from accord.lab.planted.parts.plain_texts import PlainTexts
from accord.lab.planted.parts.population import TargetPopulation
from accord.lab.planted.parts.prompts_with_words import PromptsWithWordsPart
from accord.lab.planted.parts.questions import Questions
from accord.lab.planted.parts.researchers import ResearchersPart
from accord.lab.planted.parts.tiers import Tiers
from accord.lab.planted.parts.verifiable import Verifiable
from accord.lab.planted.parts.written_answers import WrittenAnswersPart

__all__ = ["PARTS", "Part"]

PARTS: tuple[Part, ...] = (
    HiddenPart(),
    DeploymentPart(),
    Verifiable(),
    Approval(),
    ArmPairs(),
    Questions(),
    OtherSeeds(),
    TargetPopulation(),
    ResearchersPart(),
    PromptsWithWordsPart(),
    WrittenAnswersPart(),
    KindsPart(),
    Tiers(),
    AttacksPart(),
    PlainTexts(),
    OpenQuestions(),
    AfterDeploymentPart(),
    ChallengingPart(),
    HarmPart(),
    ComparedPart(),
    AskedPart(),
)
"""In the order in which they are planted."""
