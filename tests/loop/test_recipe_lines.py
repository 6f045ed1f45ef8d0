"""Remedies in lines of the run's own recipe: every key is one that there is, and what is printed can be pasted."""

import tomllib
from dataclasses import replace

import pytest

from accord import recipe
from accord.artefacts import Finding, Verdict
from accord.artefacts.finding import IdList
from accord.audit import CHECKS, AuditReport
from accord.loop.remedies import with_recipe_lines
from accord.loop.remedies.changes import CHANGES, Change
from accord.loop.remedies.recipe_lines import recipe_lines
from accord.policy.registry import ALGORITHMS
from accord.recipe import Data, Recipe
from accord.reward.registry import REWARDS
from accord.stats import Estimate


def finding(check: str, verdict: Verdict = Verdict.FIRES, ids: dict[str, list[str]] | None = None) -> Finding:
    challenge, _, name = check.partition(" ")
    return Finding(
        challenge,
        name,
        "All is well.",
        verdict,
        "above 0",
        "It is not.",
        estimate=Estimate(1.0, 0.9, 1.1, 10),
        remedy="Mend it.",
        ids={kind: IdList.of(some) for kind, some in (ids or {}).items()},
    )


def lines_of(check: str, text: str, **ids: list[str]) -> list[str]:
    return list(recipe_lines(finding(check, ids=ids), recipe.parse(text)))


RLOO = '[sft]\nbase = "tiny"\n[reward]\nbase = "tiny"\n[policy]\nkind = "rloo"\n'


def test_values_are_those_of_the_run() -> None:
    assert lines_of("DC2 entropy", RLOO + "kl_coef = 0.02\n") == ["[policy]", "kl_coef = 0.06  # was 0.02"]
    assert lines_of("RL1 seeds", RLOO) == ["[policy.optim]", "lr = 5e-06  # was 1e-05"]
    assert lines_of("RL1 reached", RLOO + "max_steps = 10\n") == ["[policy]", "max_steps = 20  # was 10"]
    assert lines_of("RG2 turnover", RLOO) == [
        "[reward]",
        "ensemble_size = 5  # was 1",
        "[policy]",
        "caution = 1.0  # was unset",
        "kl_coef = 0.15  # was 0.05",
    ]


def test_the_setting_that_holds_an_algorithm_near_its_start_has_its_own_name() -> None:
    dpo = '[sft]\nbase = "tiny"\n[policy]\nkind = "dpo"\nbeta = 0.1\n'
    assert lines_of("RG2 gain", dpo) == ["[policy]", "beta = 0.3  # was 0.1"]
    assert lines_of("RL1 reached", dpo) == ["[policy]", "epochs = 2.0  # was 1.0"]
    assert lines_of("X6 ability", dpo) == ["[policy]", "beta = 0.3  # was 0.1"]  # DPO has no `pretrain_coef`


def test_nothing_is_said_where_nothing_would_change() -> None:
    assert lines_of("RE1 leakage", RLOO) == []  # both are so by default
    assert lines_of("RE1 leakage", RLOO + '[data]\nsplit_by = "evaluator"\n') == [
        "[data]",
        'split_by = "prompt"  # was "evaluator"',
    ]
    assert lines_of("DC2 entropy", "") == []  # no policy
    assert lines_of("DC2 entropy", RLOO + "kl_coef = 0\n") == []  # three times nothing
    assert lines_of("RG1 edits", RLOO) == []  # no key helps
    assert lines_of("X7 undetermined", RLOO.replace("[reward]", "[reward]\nensemble_size = 8")) == [
        "[policy]",
        "caution = 1.0  # was unset",
    ]


def test_people_are_left_out_by_name_where_all_are_known() -> None:
    text = RLOO + '[data]\nexclude = ["ev-0"]\n'
    assert lines_of("OV1 change", text, evaluators=["ev-1", "ev-2"]) == [
        "[data]",
        'exclude = ["ev-0", "ev-1", "ev-2"]  # was ["ev-0"]',
    ]
    assert lines_of("OV1 change", text, evaluators=[f"ev-{i}" for i in range(IdList.MOST + 1)]) == []
    assert lines_of("OV1 change", text) == []


def test_raking_wants_shares() -> None:
    assert lines_of("MH1 composition", RLOO) == []  # the population was named when it was audited, not in the recipe
    text = RLOO + "[data.population.age]\nyoung = 0.5\nold = 0.5\n"
    assert lines_of("MH1 composition", text) == ["[data]", "raking = true  # was false"]


def test_only_what_fires_has_lines() -> None:
    fires, quiet = finding("DC2 entropy"), finding("RG2 gain", Verdict.QUIET)
    one, other = with_recipe_lines(AuditReport((fires, quiet)), recipe.parse(RLOO)).findings
    assert one == replace(fires, recipe_lines=("[policy]", "kl_coef = 0.15  # was 0.05"))
    assert other == quiet
    assert Finding.from_json(one.to_json()) == one


def fields_of(section: str) -> set[str]:
    if section == "data":
        return {*Data.model_fields}
    kinds = REWARDS if section == "reward" else ALGORITHMS
    return {name for kind in kinds for name in kind.model_fields} | {"optim.lr", "anchor"}


@pytest.mark.parametrize("check", CHANGES)
def test_checks_and_keys_exist(check: str) -> None:
    assert check in CHECKS
    assert all({*change.key.split("|")} <= fields_of(change.section) for change in CHANGES[check])


@pytest.mark.parametrize("check", CHANGES)
def test_what_is_printed_can_be_pasted(check: str) -> None:
    """The recipe of the run with the lines in it is a recipe."""
    before = recipe.parse(RLOO)
    printed = tomllib.loads(
        "\n".join(recipe_lines(finding(check, ids={"evaluators": ["a"], "feedback": ["b"]}), before))
    )
    for name, section in printed.items():
        if "kind" in section:
            after = recipe.parse(f'[sft]\nbase = "tiny"\n[{name}]\nkind = "{section["kind"]}"\n')
            assert getattr(after, name).kind == section["kind"]
            continue
        overrides = {f"{name}.{key}": str(value) for key, value in flat(section).items() if not isinstance(value, list)}
        assert recipe.parse(RLOO, overrides) != before or not overrides


def flat(table: dict[str, object], above: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in table.items():
        found |= flat(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: value}
    return found


def test_a_change_is_of_one_kind() -> None:
    for changes in CHANGES.values():
        for change in changes:
            assert isinstance(change, Change)
            ways = (change.to, change.at_least, change.times, change.with_ids or None)
            assert sum(way is not None for way in ways) == 1


def test_a_run_without_a_recipe_has_none() -> None:
    assert list(recipe_lines(finding("DC2 entropy"), Recipe())) == []
