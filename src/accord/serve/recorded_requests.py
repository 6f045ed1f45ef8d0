"""What of a request and its answers is handed to the recorder: prompts and whole texts, and whether it is drawn."""

from collections.abc import Mapping, Sequence

from transformers import PreTrainedTokenizerBase

from accord.lm.engine import Request
from accord.records import Prompt
from accord.serve.collecting import USER
from accord.serve.recording import Answered, Recorder, Ticket
from accord.serve.requests import ChatRequest, CompletionRequest
from accord.serve.responses import Choice, Keep

__all__ = ["recorded_answers", "recording", "ticket_of"]


def ticket_of(
    recorder: Recorder, name: str, body: ChatRequest | CompletionRequest, headers: Mapping[str, str]
) -> Ticket:
    """Whether the answer of that id is recorded, and for whom: the request's `user`, else the header of Open WebUI."""
    return recorder.ticket(name, store=body.store, headers=headers, requester=body.user or headers.get(USER) or None)


def recording(
    recorder: Recorder, ticket: Ticket, body: ChatRequest | CompletionRequest, requests: Sequence[Request]
) -> Keep:
    """What hands the whole answers to a request to the recorder. What goes wrong is counted, and fails no answer."""

    async def keep(_: str, choices: Sequence[Choice]) -> None:
        if ticket.state != "drawn":
            return
        try:
            answered = recorded_answers(body, requests, choices)
            recorder.take(ticket, "chat" if isinstance(body, ChatRequest) else "completions", answered)
        except Exception as error:  # noqa: BLE001  # it is counted and said, and the answer goes out
            recorder.lose(error)

    return keep


def recorded_answers(
    body: ChatRequest | CompletionRequest, requests: Sequence[Request], choices: Sequence[Choice]
) -> list[Answered]:
    """Each prompt of a request with the answers to it. What came as token ids is read back as text."""
    if isinstance(body, ChatRequest):
        prompts = [body.prompt()]
    else:
        prompts = [Prompt.ask(_text(prompt, choices[0].tokenizer)) for prompt in body.prompts()]
    answered = []
    for place, prompt in enumerate(prompts):
        own = choices[place * body.n : (place + 1) * body.n]
        texts, ends = tuple(one.text for one in own), tuple(one.end for one in own)
        answered.append(Answered(prompt, texts, ends, requests[place * body.n].sampling))
    return answered


def _text(prompt: str | tuple[int, ...], tokenizer: PreTrainedTokenizerBase) -> str:
    return prompt if isinstance(prompt, str) else str(tokenizer.decode(list(prompt), skip_special_tokens=True))
