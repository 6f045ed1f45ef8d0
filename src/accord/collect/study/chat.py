"""A chat endpoint that collects: whose feedback it takes, and how it is known that they agreed."""

from typing import Annotated

from pydantic import Field

from accord.collect.study.section import Section, Text

__all__ = ["Chat"]

User = Annotated[str, Field(min_length=1, max_length=256)]


class Chat(Section):
    """Feedback of a chat front end's users, through `accord serve RUN --collect STUDY`.

    Nobody sees a page of accord there, so whoever runs the front end says by `agreed` where its users agreed to the
    study's `consent`. Where `users` are listed, nobody else's chats are kept or feedback taken.
    """

    agreed: Text
    users: tuple[User, ...] = ()
    keep_hours: float = Field(default=72.0, gt=0, le=8_760, description="how long an answer can still be judged")

    def admits(self, user: str) -> bool:
        """Whether a user's feedback is taken."""
        return not self.users or user in self.users
