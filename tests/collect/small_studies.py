"""A small study of each kind, laid out in a folder, with its desk and its pages; and people who visit them."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from accord.collect import Study
from accord.collect.desk.service import Desk
from accord.collect.web.app import make_app
from accord.feedback import Ledger

__all__ = [
    "KINDS",
    "PASSWORD",
    "Clock",
    "Visitor",
    "lay_out",
    "opened",
    "served",
    "serving_app",
    "token_in",
    "visiting",
]

PASSWORD = "correct horse battery staple"

MUG = "How do I get a tea stain out of a mug?"
BAKING = """Baking soda does it:

1. Wet the mug and put a spoonful of **baking soda** on the stain.
2. Rub with a soft cloth for half a minute.
3. Rinse, and repeat if a shadow is left."""
VAGUE = "Just wash it properly. Tea stains come from tea, which has tannins in it, and tannins stain things. Try soap!"
SUM = """12 x 13 is 12 x 10 plus 12 x 3.
12 x 10 is 120.
12 x 3 is 38.
So 12 x 13 is 158."""
MOON = """The moon landing was in 1968. Neil Armstrong walked on it first, followed by Buzz Aldrin; Michael Collins \
stayed in orbit."""
RIVERS = ["The Nile.", "The Amazon, by some measures; the Nile by most.", "It is the Mississippi.", "Rivers are long."]
SCALE = {"low": 1, "high": 7, "step": 1, "low_label": "muddled", "high_label": "clear"}
LABELS = ["wrong", "rude", "evasive", "too long"]


def _several(prompt: str, *completions: str, n: int = 6) -> list[dict[str, Any]]:
    """Items that differ by a number alone."""
    return [
        {"prompt": f"{prompt} ({number})", "completions": [f"{text} ({number})" for text in completions]}
        for number in range(1, n + 1)
    ]


KINDS: dict[str, dict[str, Any]] = {
    "comparison": {
        "toml": 'text = "Which answer helps more?"\nstrength = true',
        "items": _several(MUG, BAKING, VAGUE, n=8),
        "gold": {"kind": "comparison", "preferred": "left"},
    },
    "ranking": {
        "toml": 'text = "Put the answers in order, the most useful first."',
        "items": _several("Which river is the longest?", *RIVERS),
        "gold": {"kind": "ranking", "tiers": [[1], [0], [2, 3]]},
    },
    "rating": {
        "toml": 'text = "How clear is this answer?"\n[questions.scale]\n'
        + "\n".join(f"{name} = {json.dumps(value)}" for name, value in SCALE.items()),
        "items": _several(MUG, BAKING),
        "gold": {"kind": "rating", "value": 7, "scale": SCALE},
    },
    "label": {
        "toml": f'text = "What is the matter with it?"\nlabels = {json.dumps(LABELS)}',
        "items": _several(MUG, VAGUE),
        "gold": {"kind": "label", "selected": ["evasive"], "options": LABELS},
    },
    "spans": {
        "toml": 'text = "Mark what is wrong or unsupported."\nspan_types = ["wrong", "unsupported"]',
        "items": _several("When was the moon landing?", MOON),
        "gold": {"kind": "spans", "spans": [{"start": 24, "end": 28, "type": "wrong"}]},
    },
    "steps": {
        "toml": 'text = "Is each step right?"',
        "items": _several("What is 12 x 13?", SUM),
        "gold": {"kind": "steps", "verdicts": ["right", "right", "wrong", "wrong"]},
    },
    "correction": {
        "toml": 'text = "Correct the answer."',
        "items": _several("When was the moon landing?", MOON),
        "gold": {"kind": "correction", "text": "It was in 1969."},
    },
    "critique": {
        "toml": 'text = "What is good or bad about this answer?"',
        "items": _several(MUG, VAGUE),
        "gold": {"kind": "critique", "text": "It does not say how."},
    },
    "demonstration": {
        "toml": 'text = "Answer the question yourself."',
        "items": _several(MUG),
        "gold": {"kind": "demonstration", "text": BAKING},
    },
}

CONSENT = """You read what language models wrote and say what you think of it. It takes about twenty minutes.

The answers are used to train and to test language models. More at [our page](https://example.org/study)."""
INSTRUCTIONS = """## What to look at

* **Helpful** means that the person who asked could act on it.
* Length is not quality.

If you cannot tell, say so: *about equal* is an answer."""


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def lay_out(
    folder: Path, kind: str = "comparison", *, practice: bool = False, top: str = "", more: str = "", **fields: Any
) -> Path:
    """The files of a small study; returns the study's.

    `top` are more keys of the study and `more` more of its tables; `fields` are added to every item.
    """
    sample, folder = KINDS[kind], folder / f"study-{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    items = [{**line, **fields} for line in sample["items"]]
    _write(folder / "items.jsonl", items)
    head = f'name = "{kind}"\ntitle = "Plain answers"\nitems_file = "items.jsonl"\n'
    head += 'consent_file = "consent.md"\ninstructions_file = "instructions.md"\n'
    if practice:
        why = "This one says **what to do**, step by step; the other one talks around it."
        item = {key: (f"{value} (practice)" if isinstance(value, str) else value) for key, value in items[0].items()}
        _write(folder / "practice.jsonl", [{**item, "gold": sample["gold"], "explanation": why}])
        head += 'practice_file = "practice.jsonl"\n'
    (folder / "consent.md").write_text(CONSENT)
    (folder / "instructions.md").write_text(INSTRUCTIONS)
    (folder / "study.toml").write_text(f'{head}{top}\n[[questions]]\nkind = "{kind}"\n{sample["toml"]}\n{more}\n')
    return folder / "study.toml"


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@contextmanager
def opened(study: Path, ledger: Path, clock: Clock | None = None) -> Iterator[Desk]:
    """The desk of a study, with its items."""
    clocks = {} if clock is None else {"clock": clock}
    with Ledger(ledger, pooled=True) as opened_ledger:
        desk = Desk(Study.load(study), opened_ledger, **clocks)
        desk.load_items()
        yield desk


class Forms(HTMLParser):
    """The forms of a page: where they go and the values in them; and the text of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.text = ""
        self._now: dict[str, str] = {}
        self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._now = self.forms.setdefault(attributes.get("action", ""), {})
        if tag == "input" and attributes.get("type", "text") not in {"radio", "checkbox"} and "name" in attributes:
            self._now[attributes["name"]] = attributes.get("value", "")
        if tag == "input" and attributes.get("type") in {"radio", "checkbox"} and "checked" in attributes:
            self._now[attributes["name"]] = attributes.get("value", "")
        if tag == "textarea":
            self._area = attributes.get("name", "")
            self._now[self._area] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._now[self._area] = self._now[self._area].removeprefix("\n")
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self._now[self._area] += data
        self.text += data


def token_in(page: str) -> str:
    """The token of the page's forms."""
    match = re.search(r'name="_csrf" value="([0-9a-f]+)"', page)
    assert match, page
    return match[1]


class Visitor:
    """Somebody with a browser without scripts: looks at pages and sends their forms."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, follow_redirects=True, **more)

    def post(self, path: str, form: dict[str, Any] | None = None, *, seen: str = "", **more: Any) -> Any:
        """Send a form with the token of the page at `seen` (the path itself where none is attributes)."""
        token = token_in(self.get(seen or path).text)
        return self.client.post(path, data={"_csrf": token, **(form or {})}, follow_redirects=True, **more)

    def join(self, token: str, **form: str) -> Any:
        """Agree to take part."""
        return self.post(f"/join/{token}", {"consent": "1", **form})

    def work(self) -> tuple[str, dict[str, str]]:
        """Where the form of the page of work goes, and what is in it."""
        page = self.get("/work").text
        forms = [(path, form) for path, form in Forms(page).forms.items() if path.startswith("/work/")]
        assert forms, page
        return forms[0]

    def answer(self, **form: str) -> Any:
        """Send what the page asks for."""
        path, there = self.work()
        return self.client.post(path, data={**there, **form}, follow_redirects=True)

    def sign_in(self, name: str = "kim", password: str = PASSWORD) -> Any:
        """As whoever runs the study."""
        return self.post("/admin/sign-in", {"name": name, "password": password})


@contextmanager
def served(desk: Desk, clock: Clock | None = None, **more: Any) -> Iterator[str]:
    """The desk's pages on a free port of this machine, by real HTTP; yields their address."""
    clocks = {} if clock is None else {"clock": clock}
    with serving_app(make_app(desk, **clocks, **more)) as url:
        yield url


@contextmanager
def serving_app(app: Any) -> Iterator[str]:
    """Pages on a free port of this machine, by real HTTP; yields their address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="warning", lifespan="on", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def visiting(desk: Desk, clock: Clock | None = None, **more: Any) -> Iterator[Callable[[], Visitor]]:
    """A way to make visitors of the desk's pages, each with cookies of their own."""
    with served(desk, clock, **more) as url, ExitStack() as clients:
        yield lambda: Visitor(clients.enter_context(httpx.Client(base_url=url, timeout=60)))
