"""Settings that contradict each other, or would do nothing, are named before anything is started."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from accord.errors import RecipeError
from accord.recipe import dump, parse
from accord.reward import REWARDS, BradleyTerry, Joint
from accord.run import RunDirectory
from small_data import letters_dataset


@pytest.mark.parametrize(
    ("kind", "more", "problem"),
    [
        ("bradley_terry", {"head_per": "group"}, "head_per: 'group' needs group_by"),
        ("bradley_terry", {"head_per": "person", "group_by": "pool"}, "head_per: 'person' and group_by = 'pool'"),
        ("bradley_terry", {"pooling_sd": 1.0}, "pooling_sd: needs heads of groups or persons"),
        ("bradley_terry", {"aggregation_quantile": 0.5}, "aggregation_quantile: needs aggregation = 'quantile'"),
        ("bradley_terry", {"unknown_groups": 2}, "unknown_groups: needs head_per = 'unknown_group'"),
        ("bradley_terry", {"min_answers": 5}, "min_answers: needs head_per = 'person'"),
        ("bradley_terry", {"ensemble_rank": 4}, "ensemble_rank: needs ensemble = 'adapters'"),
        ("bradley_terry", {"ensemble": "adapters"}, "ensemble: 'adapters' needs members"),
        (
            "bradley_terry",
            {"ensemble": "adapters", "ensemble_size": 2, "doubt": "laplace"},
            "doubt: 'laplace' is about",
        ),
        ("bradley_terry", {"head_per": "person", "doubt": "laplace"}, "doubt: 'laplace' takes each head for itself"),
        ("bradley_terry", {"head_per": "unknown_group", "components": ["e-1"]}, "components: 'e-1' is none of group 1"),
        ("distributional", {"aggregation": "maxmin"}, "aggregation: does nothing where kind = 'distributional'"),
        ("distributional", {"ensemble": "adapters", "ensemble_size": 2}, "ensemble: does nothing where kind"),
        ("distributional", {"doubt": "laplace"}, "doubt: does nothing where kind"),
        ("label_logistic", {"coefficients": {"a": 1.0}, "pooling_sd": 1.0}, "pooling_sd: does nothing where kind"),
        ("joint", {"judgements": ["rating"], "lapse": 0.1}, "lapse: needs comparisons among judgements"),
        ("joint", {"judgements": ["rating"], "kind_weights": {"label": 2.0}}, "kind_weights: label is not among"),
        ("critique", {"pooling_sd": 1.0}, "pooling_sd: needs heads of groups or persons"),
    ],
)
def test_each_is_a_problem_with_its_key(kind: str, more: dict[str, Any], problem: str) -> None:
    settings = REWARDS.get(kind).model_validate({"base": "tiny", **more})
    (found,) = settings.problems()
    assert found.startswith(problem)


def test_what_goes_together_is_no_problem_when_a_recipe_was_written_whole_and_read_again() -> None:
    text = (
        '[reward]\nkind = "bradley_terry"\nhead_per = "unknown_group"\nunknown_groups = 3\naggregation = "quantile"\n'
    )
    recipe = parse(text + 'aggregation_quantile = 0.4\ncomponents = ["group 3"]\n')
    assert recipe.reward is not None
    assert recipe.reward.problems() == []
    again = parse(dump(recipe))
    assert again.reward == recipe.reward
    for kind in ("bradley_terry", "joint", "thurstone", "distributional", "plackett_luce", "critique"):
        plain = parse(dump(parse(f'[reward]\nkind = "{kind}"\n'))).reward
        assert plain is not None
        assert plain.problems() == []


def test_a_stage_refuses_them_too(tmp_path: Path) -> None:
    settings = BradleyTerry(base="tiny", dtype="float32", min_answers=5)
    with RunDirectory.create(tmp_path / "run") as run, pytest.raises(RecipeError, match="reward: min_answers: needs"):
        settings.fit(letters_dataset(prompts=4), run)


def test_a_kind_of_judgement_stands_once() -> None:
    with pytest.raises(ValidationError, match="'rating' stands there twice"):
        Joint(judgements=("rating", "label", "rating"))
