"""How many tokens may still be spent, counting what is under way at its most."""

from dataclasses import dataclass

__all__ = ["TokenBudget"]


@dataclass
class TokenBudget:
    """`limit` tokens in all (None: any number), of which some are spent and some set aside for what is under way."""

    limit: int | None
    spent: int = 0
    set_aside: int = 0

    @property
    def left(self) -> int | None:
        """What is neither spent nor set aside; None where there is no limit."""
        return None if self.limit is None else self.limit - self.spent - self.set_aside

    def take(self, tokens: int) -> bool:
        """Set tokens aside, if there are so many left; whether there were."""
        if self.left is not None and tokens > self.left:
            return False
        self.set_aside += tokens
        return True

    def settle(self, tokens: int, spent: int | None) -> None:
        """What was set aside was spent as far as `spent` says; all of it where nobody knows."""
        self.set_aside -= tokens
        self.spent += tokens if spent is None else spent
