"""What a part of a planted run is."""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["Part"]


class Part:
    """Material of a planted run for the checks of `challenges` (their ids). A subclass overrides one of the methods.

    `reads_policy` says that it takes texts of the policy, which is trained then. Random numbers come from
    `planting.random(NAME)`, so that a new part leaves every other as it is.
    """

    challenges: ClassVar[tuple[str, ...]] = ()
    reads_policy: ClassVar[bool] = False

    def before(self, planting: "Planting") -> None:
        """Write into `planting.ledger` what people said before the run."""

    def after(self, planting: "Planting") -> None:
        """Write into `planting.audit_ledger`, or a file of the run: the policy has been evaluated."""
