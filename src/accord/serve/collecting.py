"""Feedback beside serving: answers kept for their users to judge, in a thread of its own, so that no token waits."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from accord.collect.desk.chats import ChatAnswer, ChatReceipt, admitted, judge_answer, keep_answer
from accord.collect.desk.service import Desk
from accord.errors import AccessError, AccordError, FormError, RecordError, StudyError
from accord.records import Completion, FinishReason, Prompt, Sampling
from accord.serve.feedback_requests import FeedbackRequest
from accord.serve.requests import ApiError, ChatRequest, parse
from accord.serve.responses import Choice

__all__ = ["Collector"]

USER, CONVERSATION = "x-openwebui-user-id", "x-openwebui-chat-id"
ENDS: dict[str | None, FinishReason] = {"stop": "eos", "length": "length"}
PATIENCE = 2.0  # seconds that an answer waits to be kept; then it goes out, and is kept when the ledger is free
log = logging.getLogger("accord.collect")


class Collector:
    """Keeps chats of a study's users and takes their feedback. `close` at the end.

    The user is the request's `user`, else the one that Open WebUI forwards in a header; the conversation is
    `metadata.conversation`, else the one in a header.
    """

    def __init__(self, desk: Desk) -> None:
        if desk.study.chat is None:
            raise StudyError(
                "study.chat: missing; add a section [chat] that says by `agreed` where its users agreed to the consent"
            )
        self._desk, self._chat = desk, desk.study.chat
        self._thread = ThreadPoolExecutor(1, "accord-feedback")

    def close(self) -> None:
        """Wait for what is being written."""
        self._thread.shutdown()

    def user_of(self, headers: Mapping[str, str], user: str | None) -> str | None:
        """Whose chat or feedback a request is; None where it does not say."""
        return user or headers.get(USER) or None

    async def keep(
        self, name: str, body: ChatRequest, headers: Mapping[str, str], choices: Sequence[Choice], sampling: Sampling
    ) -> None:
        """Keep an answer, where its user takes part. What cannot be kept is logged, and cannot be judged."""
        user = self.user_of(headers, body.user)
        if user is None or not admitted(self._chat, user):
            return
        conversation = (body.metadata or {}).get("conversation") or headers.get(CONVERSATION)
        work = partial(self._keep, name, user, conversation, body, choices, sampling)
        await asyncio.wait({asyncio.get_running_loop().run_in_executor(self._thread, work)}, timeout=PATIENCE)

    def _keep(
        self,
        name: str,
        user: str,
        conversation: str | None,
        body: ChatRequest,
        choices: Sequence[Choice],
        sampling: Sampling,
    ) -> None:
        try:
            prompt = body.prompt()
            completions = _completions(prompt, body.model, choices, sampling)
            keep_answer(self._desk.context, ChatAnswer(name, user, prompt, completions, conversation))
        except RecordError:
            log.warning("an answer is not kept, and cannot be judged: it holds a text that no record can")
        except AccordError as error:
            log.warning("an answer is not kept, and cannot be judged: %s", error)

    async def judge(self, sent: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """Take feedback in. Raises `ApiError`."""
        body: FeedbackRequest = parse(FeedbackRequest, sent)
        user = self.user_of(headers, body.user)
        if user is None:
            raise ApiError(400, "user: missing; feedback is somebody's, so say whose", field="user")
        try:
            receipt: ChatReceipt = await self._run(judge_answer, self._desk.context, user, body.id, body.parts)
        except AccessError as error:
            raise ApiError(403, f"user: {error}", field="user", kind="permission_error") from error
        except FormError as error:
            raise ApiError(404 if error.field == "id" else 400, f"{error.field}: {error}", field=error.field) from error
        names, conversation = list(receipt.feedback), receipt.conversation
        return {"object": "feedback", "id": body.id, "feedback": names, "conversation": conversation}

    async def _run(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def _completions(prompt: Prompt, model: str, choices: Sequence[Choice], sampling: Sampling) -> tuple[Completion, ...]:
    return tuple(
        Completion(
            prompt=prompt.id, text=choice.text, writer=model, sampling=sampling, finish_reason=ENDS.get(choice.end)
        )
        for choice in choices
    )
