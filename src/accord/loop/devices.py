"""Whether the machine has the devices that a recipe's models are set to, before anything of it is begun."""

from accord.errors import ModelError
from accord.lm.device import device_notes, device_problem
from accord.lm.paths import TakenPath, paths_here
from accord.lm.settings import ModelForm
from accord.recipe import Recipe

__all__ = ["check_devices", "notes_on_devices", "paths_before"]


def check_devices(recipe: Recipe) -> list[str]:
    """What `notes_on_devices` says. Raises `ModelError` where a model cannot be computed where it is set to be."""
    for name, form in _forms(recipe).items():
        if problem := device_problem(form.device):
            raise ModelError(f"recipe.{name}.{problem}")
    return notes_on_devices(recipe)


def notes_on_devices(recipe: Recipe) -> list[str]:
    """That GPUs lie idle, compute a dtype badly, or are not reached; nothing where all is as one would expect."""
    return device_notes([(form.device, form.dtype) for form in _forms(recipe).values()])


def paths_before(recipe: Recipe) -> list[TakenPath]:
    """What can be said before any model is opened of the paths that those of a recipe will take on a CPU."""
    forms = [form for form in _forms(recipe).values() if form.device != "cuda"]
    native = any(getattr(form, "native", "off") == "auto" for form in forms)
    bfloat16 = any(form.dtype == "bfloat16" for form in forms)
    return list(paths_here(native=native, bfloat16=bfloat16)) if forms else []


def _forms(recipe: Recipe) -> dict[str, ModelForm]:
    sections = {"sft": recipe.sft, "policy": recipe.policy, **recipe.reward_sections}
    return {name: form for name, form in sections.items() if isinstance(form, ModelForm)}
