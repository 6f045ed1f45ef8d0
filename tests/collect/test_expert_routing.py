"""What the crowd cannot settle goes to experts, and to them alone."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_desks import Clock, answer, join, join_expert, lay, opened, pairs, task
from small_studies import PASSWORD, visiting

from accord.collect import Break, Desk, Done, Person, Study
from accord.collect.assignment.acquisition import closed_by_votes, is_unsettled
from accord.collect.study import Experts, Stop
from accord.errors import StudyError
from accord.feedback import Ledger

Votes = dict[str, int]
VOTES = st.dictionaries(st.sampled_from(["a", "b", "tie"]), st.integers(0, 6))
EXPERTS = Experts()
STOP = Stop(probability=0.9)
GOLD = {"kind": "comparison", "preferred": "left"}

# -- by votes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "unsettled"),
    [
        ({}, False),
        ({"a": 1, "b": 1}, False),
        ({"a": 3}, False),
        ({"a": 2, "b": 1}, True),  # 0.6875
        ({"a": 3, "b": 1}, False),  # 0.8125
        ({"a": 3, "b": 2}, True),
        ({"tie": 3}, True),
        ({"a": 1, "b": 1, "c": 1}, True),
    ],
)
def test_an_item_is_unsettled_without_a_majority(votes: Votes, unsettled: bool) -> None:
    assert is_unsettled(votes, EXPERTS) == unsettled
    assert not is_unsettled(votes, None)


def closed(crowd: Votes, expert: Votes, *, stop: Stop | None = None, ruled: bool = False) -> str:
    return closed_by_votes(crowd, expert, stop=stop, experts=EXPERTS, ruled=ruled)


@given(VOTES, VOTES, VOTES, st.sampled_from([None, STOP]))
def test_what_experts_say_never_brings_an_item_back_to_the_crowd(
    crowd: Votes, expert: Votes, more: Votes, stop: Stop | None
) -> None:
    before, after = closed(crowd, expert, stop=stop), closed(crowd, Counter(expert) + Counter(more), stop=stop)
    assert (before == "unsettled") <= (after in {"unsettled", "expert", "decided"})
    assert (before == "expert") <= (after in {"expert", "decided"})
    assert (after == "unsettled") <= (sum(expert.values()) + sum(more.values()) == 0)
    assert closed(crowd, expert, stop=stop, ruled=True) != "unsettled"


@given(VOTES, VOTES)
def test_without_experts_nothing_waits_for_them(crowd: Votes, expert: Votes) -> None:
    assert closed_by_votes(crowd, expert, stop=STOP, experts=None, ruled=False) in {"", "decided"}


# -- the study's file -------------------------------------------------------------------------------------------


def parsed(top: str = "", experts: str = "", kind: str = "comparison") -> Study:
    question = f'[[questions]]\nkind = "{kind}"\ntext = "Which?"\n'
    return Study.parse(f'name = "s"\ntitle = "A study"\n{top}\n{question}[experts]\n{experts}')


@pytest.mark.parametrize(
    ("top", "experts", "message"),
    [
        ("", "", "study.experts.after: is above overlap = 1; raise overlap"),
        ("overlap = 3", "probability = 0.95", "3 answers all alike give no more than 0.9375; raise after"),
        ("overlap = 3\nstop = {probability = 0.7}", "", "study.experts.probability: is above stop.probability = 0.7"),
        ("overlap = 3", 'pool = "s"', 'study.experts.pool: "s" is the pool of others'),
        ("overlap = 3", 'pool = "adjudication"', "is the pool of others"),
        ("overlap = 3\ndialogue = {}", "", "study.experts: needs the same item for everybody"),
        ("overlap = 3", "afterr = 3", "study.experts.afterr: no such key; did you mean 'after'?"),
    ],
)
def test_what_does_not_go_together_is_refused(top: str, experts: str, message: str) -> None:
    with pytest.raises(StudyError) as error:
        parsed(top, experts)
    assert message in str(error.value)


def test_of_texts_no_majority_can_be_counted() -> None:
    with pytest.raises(StudyError, match=r'study.experts: no majority can be counted of kind = "correction"'):
        parsed("overlap = 3", kind="correction")


# -- at the desk ------------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "l.db") as opened_ledger:
        yield opened_ledger


def states(desk: Desk) -> list[str]:
    return [item.closed for item in desk.progress().items]


def vote(desk: Desk, person: Person, text: str) -> str:
    """Prefer the completion that begins so, wherever it stands; the item."""
    current = task(desk, person)
    side = "left" if current.completions[0].text.startswith(text) else "right"
    desk.submit(person, current.reservation, {"preferred": side})
    return current.item


def split(desk: Desk, texts: str = "ggb") -> list[Person]:
    """People who each answer one item: `g` the good one, `b` the bad one."""
    people = [join(desk) for _ in texts]
    for person, text in zip(people, texts, strict=True):
        vote(desk, person, text)
    return people


def test_an_expert_gets_what_the_crowd_cannot_settle_and_nobody_else_does(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where) as ledger:
        routed(opened(lay(tmp_path, pairs(1), overlap=5, experts={}), ledger))
        pools = Counter(evaluator.pool for evaluator in ledger.evaluators().values())
    assert pools == {"small": 4, "expert": 2}


def routed(desk: Desk) -> None:
    expert, other = join_expert(desk), join_expert(desk)
    waiting = desk.next(expert)
    assert isinstance(waiting, Break)
    assert waiting.reason == "waiting"
    split(desk)
    progress = desk.progress()
    assert states(desk) == ["unsettled"]
    assert (progress.unsettled, progress.answers, progress.target) == (1, 3, 4)
    assert desk.next(join(desk)) == Done("all", desk.study.thanks), "the crowd is asked no more"
    task(desk, expert)
    assert isinstance(desk.next(other), Break), "one expert is enough, and has it in hand"
    vote(desk, expert, "b")
    progress = desk.progress()
    assert states(desk) == ["expert"]
    assert (progress.unsettled, progress.answers, progress.target) == (0, 4, 4)
    assert desk.next(expert) == desk.next(other) == Done("all", desk.study.thanks)
    assert sum(person.expert for person in progress.people) == 2


def test_a_crowd_that_agrees_goes_on_without_experts(tmp_path: Path, ledger: Ledger) -> None:
    desk = opened(lay(tmp_path, pairs(1), overlap=4, experts={}), ledger)
    expert = join_expert(desk)
    split(desk, "ggg")
    assert states(desk) == [""]
    split(desk, "g")
    assert states(desk) == ["full"]
    assert desk.next(expert) == Done("all", desk.study.thanks)


def test_experts_may_take_what_the_crowd_takes_on_places_of_their_own(tmp_path: Path, ledger: Ledger) -> None:
    desk = opened(lay(tmp_path, pairs(2), overlap=3, experts={"only": False, "answers": 2}), ledger)
    early, late = join_expert(desk), join_expert(desk)
    vote(desk, early, "g")
    crowd = split(desk, "ggb")
    for person in crowd:
        vote(desk, person, "g" if person is crowd[0] else "b")
    assert states(desk) == ["unsettled", "unsettled"], "the overlap is the crowd's"
    first = {vote(desk, early, "g"), vote(desk, late, "g"), vote(desk, late, "g")}
    assert len(first) == 2
    assert states(desk) == ["expert", "expert"]
    assert desk.progress().answers == desk.progress().target == 10


def test_unsettled_items_come_first(tmp_path: Path, ledger: Ledger) -> None:
    important = {"prompt": "Important", "completions": ["good", "bad"], "priority": 9.0}
    desk = opened(lay(tmp_path, [*pairs(1), important], overlap=5, experts={"only": False}), ledger)
    disputed = desk.progress().items[0].item
    for text in "ggb":
        person = join(desk)
        for _ in range(2):
            vote(desk, person, text if task(desk, person).item == disputed else "g")
    assert states(desk) == ["unsettled", ""]
    assert vote(desk, join_expert(desk), "g") == disputed


# -- beside what else there is ----------------------------------------------------------------------------------


def test_taking_back_settles_an_item_and_unsettles_it(tmp_path: Path, ledger: Ledger) -> None:
    desk = opened(lay(tmp_path, pairs(1), overlap=3, experts={}), ledger)
    expert = join_expert(desk)
    *_, dissenter = split(desk)
    current = task(desk, expert)
    desk.undo(dissenter)
    vote(desk, dissenter, "g")
    assert states(desk) == ["full"], "all three agree"
    assert not desk.submit(expert, current.reservation, {"preferred": "left"}).surplus, "it was in their hands"
    desk.undo(dissenter)
    vote(desk, dissenter, "b")
    assert desk.progress().surplus == 0, "the place of what was taken back is theirs"
    assert states(desk) == ["expert"]
    desk.undo(expert)
    vote(desk, expert, "b")
    assert (states(desk), desk.progress().surplus, desk.progress().replaced) == (["expert"], 0, 3)
    desk.undo(expert)
    desk.decline(expert, task(desk, expert).reservation)
    assert states(desk) == ["unsettled"]
    assert vote(desk, join_expert(desk), "g") == current.item, "another expert has what one declines"


def test_declined_answers_settle_nothing_and_unsettle_nothing(tmp_path: Path, ledger: Ledger) -> None:
    desk = opened(lay(tmp_path, pairs(1), overlap=4, experts={}), ledger)
    split(desk, "gb")
    for _ in range(3):
        person = join(desk)
        desk.decline(person, task(desk, person).reservation)
    assert states(desk) == [""]
    split(desk, "g")
    assert states(desk) == ["unsettled"]


def test_a_late_answer_of_an_expert_has_a_place_and_one_of_the_crowd_has_none(
    tmp_path: Path, ledger: Ledger, clock: Clock
) -> None:
    desk = opened(lay(tmp_path, pairs(1), overlap=5, experts={}), ledger, clock)
    slow, expert = join(desk), join_expert(desk)
    late = task(desk, slow).reservation
    split(desk)
    in_hand = task(desk, expert).reservation
    clock.move(hours=1)
    assert desk.submit(slow, late, {"preferred": "left"}).surplus
    assert not desk.submit(expert, in_hand, {"preferred": "left"}).surplus
    assert states(desk) == ["expert"]


def test_a_majority_of_everybody_stops_as_ever(tmp_path: Path, ledger: Ledger) -> None:
    keys = {"overlap": 5, "stop": {"probability": 0.8}, "experts": {"answers": 2}}
    desk = opened(lay(tmp_path, pairs(1), **keys), ledger)
    split(desk, "gbg")
    vote(desk, join_expert(desk), "g")
    assert states(desk) == ["decided"], "three of four: 0.8125"
    assert desk.next(join_expert(desk)) == Done("all", desk.study.thanks)


def test_a_budget_counts_answers_of_experts(tmp_path: Path, ledger: Ledger) -> None:
    desk = opened(lay(tmp_path, pairs(2), overlap=3, answers=4, experts={}), ledger)
    people = [join(desk) for _ in range(3)]
    item = task(desk, people[0]).item
    for person, text in zip(people, "ggb", strict=True):
        while task(desk, person).item != item:
            desk.decline(person, task(desk, person).reservation)
        vote(desk, person, text)
    assert vote(desk, join_expert(desk), "g") == item
    assert desk.next(join(desk)) == Done("budget", desk.study.thanks)


def test_quotas_are_the_crowds(tmp_path: Path, ledger: Ledger) -> None:
    ages = {"attributes": {"age": ["young", "old"]}, "quotas": {"age": {"young": 0.5, "old": 0.5}}}
    desk = opened(lay(tmp_path, pairs(2), overlap=4, experts={"after": 4}, **ages), ledger)
    young, old = ([join(desk, age=age) for _ in range(2)] for age in ("young", "old"))
    expert = desk.accept(desk.invite(expert=True, attributes={"age": "young"}).token, consent=True)
    for person in (*young, *old):
        for text in ("g", "g") if person in young else ("b", "b"):
            vote(desk, person, text)
    assert states(desk) == ["unsettled"] * 2
    vote(desk, expert, "g")
    vote(desk, expert, "g")
    shares = {share.group: share.answers for share in desk.progress().composition}
    assert shares == {"young": 4, "old": 4}


def test_control_questions_and_repetitions_come_to_experts_too(tmp_path: Path, ledger: Ledger) -> None:
    gold = [{"prompt": f"Control {n}", "completions": [f"x{n}", f"y{n}"], "gold": GOLD} for n in range(4)]
    keys = {"overlap": 3, "gold_share": 0.25, "repeat_share": 0.25, "repeat_gap": 1, "experts": {}}
    desk = opened(lay(tmp_path, pairs(4), gold_items=gold, **keys), ledger)
    expert = join_expert(desk)
    for text in "ggb":
        person = join(desk)
        while not isinstance(desk.next(person), Done):
            vote(desk, person, text)
    assert states(desk) == ["unsettled"] * 4
    before = desk.progress()
    while not isinstance(desk.next(expert), Done):
        answer(desk, expert)
    after = desk.progress()
    assert (after.answers - before.answers, states(desk)) == (4, ["expert"] * 4), "a repetition takes no place"
    assert after.gold_answers + after.repeats > before.gold_answers + before.repeats


def test_a_ruling_does_for_an_expert(tmp_path: Path, ledger: Ledger) -> None:
    desk = opened(lay(tmp_path, pairs(1), overlap=3, experts={}), ledger)
    expert = join_expert(desk)
    split(desk)
    [disputed] = desk.disputed()
    desk.adjudicate(disputed.item, {"preferred": "left"}, "kim")
    assert (states(desk), desk.progress().unsettled) == (["expert"], 0)
    assert desk.next(expert) == Done("all", desk.study.thanks)


def test_a_study_that_takes_experts_in_later_counts_anew(tmp_path: Path, ledger: Ledger) -> None:
    split(opened(lay(tmp_path, pairs(1), overlap=3), ledger))
    desk = opened(lay(tmp_path, pairs(1), overlap=3, experts={}), ledger)
    assert states(desk) == ["unsettled"]
    vote(desk, join_expert(desk), "g")
    plain = opened(lay(tmp_path, pairs(1), overlap=5), ledger)
    assert states(plain) == [""]
    assert (plain.progress().answers, plain.progress().target) == (4, 5), "without the section all are of the crowd"
    with pytest.raises(StudyError, match=r"study.experts: missing; add the section"):
        plain.invite(expert=True)


def test_the_pages_tell_of_experts_and_invite_them(tmp_path: Path, clock: Clock) -> None:
    with Ledger(tmp_path / "pages.db", pooled=True) as pages:
        desk = opened(lay(tmp_path, pairs(1), overlap=3, experts={}, consent="Agree?"), pages, clock)
        with visiting(desk, clock) as visitor:
            desk.set_admin("kim", PASSWORD)
            admin, expert = visitor(), visitor()
            assert "<b>0</b><span>items wait for an expert" in admin.sign_in().text
            split(desk)
            assert "<b>1</b><span>item waits for an expert" in admin.get("/admin").text
            form = {"note": "", "days": "3", "expert": "1"}
            page = admin.post("/admin/people/invite", form, seen="/admin/people").text
            assert "A link for one expert." in page
            expert.join(page.split("/join/")[1].split("<")[0])
            assert '<span class="soft">expert</span>' in admin.get("/admin/people").text
            expert.answer(preferred="left")
            assert "expert" in admin.get("/admin/items").text.split("<tbody>")[1]
