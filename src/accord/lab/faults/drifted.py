"""Deployments that drift away from what was released."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.faults.uncovered_topic import UncoveredTopic
from accord.lab.planted.parts.deployment import DeploymentSettings
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["CutAnswers", "DriftedPrompts", "RefusingFilter", "SettingsOfStart", "ShiftedMixture"]

SCORES = {"X8 rewards": "what is cut off, refused or written otherwise has another score"}


@register_fault
class DriftedPrompts(Fault):
    """Once in use the policy is asked about a topic that its release never saw, where other words are worth something.

    The strength is the topic's share of what is asked.
    """

    name: ClassVar = "drifted-prompts"
    strengths: ClassVar = (0.2, 0.6)
    sets_off: ClassVar = ("X8 prompts", "X8 mixture")
    cure: ClassVar = "a release for which people were asked about the recorded prompts (`accord audit --since --plan`)"
    gold: ClassVar = UncoveredTopic.gold

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.after_deployment import AfterDeploymentSettings

        if isinstance(settings, DeploymentSettings) and self.cured:
            return replace(settings, new_topic=self.strength, quota=True)
        if isinstance(settings, AfterDeploymentSettings):
            return replace(settings, new_topic=self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.deployment_gold import worst_topic_of

        return worst_topic_of(planting)


@register_fault
class ShiftedMixture(Fault):
    """Nothing new is asked, but hardly anything else than one of the topics that were expected.

    The strength is its share of what is asked; .35 was expected.
    """

    name: ClassVar = "shifted-mixture"
    strengths: ClassVar = (0.7, 0.95)
    sets_off: ClassVar = ("X8 mixture",)
    cure: ClassVar = "a release whose deployment prompts are those that were recorded, which it then expects"
    gold: ClassVar = "less the total variation between the topics that are asked and those that the release expected"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.after_deployment import AfterDeploymentSettings

        if isinstance(settings, AfterDeploymentSettings):
            return replace(settings, food=self.strength)
        if isinstance(settings, DeploymentSettings) and self.cured:
            return replace(settings, food=self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.deployment_gold import mixture_expected

        return mixture_expected(planting)


@register_fault
class SettingsOfStart(Fault):
    """What is served is not what was released: weights that are most of the way back to the start.

    The strength is how far they are back; 1 is the start itself.
    """

    name: ClassVar = "served-start"
    strengths: ClassVar = (0.5, 1.0)
    sets_off: ClassVar = ("X8 rewards",)
    cure: ClassVar = "the released weights again"
    gold: ClassVar = "what the answers of the deployment are worth on average, by the truth"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.after_deployment import AfterDeploymentSettings

        if isinstance(settings, AfterDeploymentSettings) and not self.cured:
            return replace(settings, back=self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.deployment_gold import worth_answered

        return worth_answered(planting)


@register_fault
class RefusingFilter(Fault):
    """A filter behind the model says that it cannot help, in the place of harmless answers.

    The strength is their share.
    """

    name: ClassVar = "refusing-filter"
    strengths: ClassVar = (0.15, 0.4)
    sets_off: ClassVar = ("X8 refusals",)
    touches: ClassVar = SCORES | {"X8 period": "a refusal is shorter than an answer, and they fall where chance has it"}
    cure: ClassVar = "a filter that holds back a tenth as much"
    gold: ClassVar = "share of what is asked that is answered"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.after_deployment import AfterDeploymentSettings

        if isinstance(settings, AfterDeploymentSettings):
            return replace(settings, refuses=(0.1 if self.cured else 1.0) * self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.deployment_gold import share_answered

        return share_answered(planting)


@register_fault
class CutAnswers(Fault):
    """From the middle of the recorded period on a limit cuts answers off.

    The strength is the share of their words that is lost.
    """

    name: ClassVar = "cut-answers"
    strengths: ClassVar = (0.3, 0.7)
    sets_off: ClassVar = ("X8 period",)
    touches: ClassVar = SCORES
    cure: ClassVar = "the limit of before"
    gold: ClassVar = "what the answers of the deployment are worth on average, by the truth"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.after_deployment import AfterDeploymentSettings

        if isinstance(settings, AfterDeploymentSettings) and not self.cured:
            return replace(settings, cut=self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.deployment_gold import worth_answered

        return worth_answered(planting)
