"""Whether two functions of Python files are one and the same, by what their code says and not by their names."""

import ast
from pathlib import Path

__all__ = ["same_function"]

Function = ast.FunctionDef | ast.AsyncFunctionDef


def same_function(first: tuple[Path, str], second: tuple[Path, str]) -> bool:
    """Whether these functions, each of a file, have the same code; comments, layout, docstrings and names aside.

    Within one file a function is the same where its body is, or where its name stands for the other. Of two files all
    else has to be the same too, since what a function calls may differ. False where a file cannot be parsed, or has no
    such function.
    """
    try:
        modules = [_without_docstrings(ast.parse(file.read_bytes())) for file, _ in (first, second)]
    except (OSError, SyntaxError, ValueError):
        return False
    found = [_function(module, name) for module, (_, name) in zip(modules, (first, second), strict=True)]
    if found[0] is None or found[1] is None:
        return False
    for function in found:
        assert function is not None
        function.name = "_"
    one, other = (ast.dump(function) for function in found if function is not None)
    if ast.dump(modules[0]) == ast.dump(modules[1]):
        return one == other
    return first[0].read_bytes() == second[0].read_bytes() and one == other


def _function(module: ast.Module, name: str) -> Function | None:
    """The function of that name at the top of a module, by way of the names that stand for it."""
    for statement in reversed(module.body):
        if isinstance(statement, Function) and statement.name == name:
            return statement
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in statement.targets
        ):
            earlier = ast.Module(module.body[: module.body.index(statement)], [])
            return _function(earlier, statement.value.id) if isinstance(statement.value, ast.Name) else None
    return None


def _without_docstrings(module: ast.Module) -> ast.Module:
    for node in ast.walk(module):
        if isinstance(node, Function | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return module
