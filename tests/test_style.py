"""Style of the product's code that no linter checks: names, first words of docstrings, terms that people read."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("bot", "adapters", "orchestrator_bridge")
QUESTION_WORDS = ("What", "Whether", "Who", "Whom", "Whose", "How", "Where", "Which", "When")
DIALECT = re.compile(r"\bmend(s|ed|ing)?\b|\bwhoever\b|\bagents outside\b|\bthe door\b|\bis told\b", re.IGNORECASE)
"""Private terms, for which there are common ones: fix, the requester, external agents, the MCP server, reads, is notified."""
STORED_KEYS = {"mend"}
"""Strings that programs read: a key of `townhall doctor --json`."""


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """The Python files below some folders, parsed."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring, those below attributes included."""
    for node in ast.walk(tree):
        for statement in (
            node.body if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else ()
        ):
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield statement.lineno, text


def targets(tree: ast.Module) -> Iterator[ast.Name]:
    """The variables of all loops and comprehensions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            yield from (name for name in ast.walk(node.target) if isinstance(name, ast.Name))


def test_no_two_classes_of_the_product_have_the_same_name() -> None:
    places = defaultdict(list)
    for path, tree in sources(*PACKAGES):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path}:{node.lineno}")
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert not twice, f"rename all but one of each: a class name has one meaning in the whole product: {twice}"


def test_loop_variables_say_what_they_hold() -> None:
    found = [
        f"{path}:{name.lineno}"
        for path, tree in sources(*PACKAGES, "tests", "scripts", "examples")
        for name in targets(tree)
        if name.id == "one"
    ]
    assert not found, f"name the loop variable `one` by what it holds, such as `question` or `reply`: {found}"


def test_docstrings_of_the_product_begin_with_a_noun_or_a_verb() -> None:
    found = [
        f"{path}:{line}: {text[:50]}"
        for path, tree in sources(*PACKAGES)
        for line, text in docstrings(tree)
        if re.match(rf"({'|'.join(QUESTION_WORDS)})\b", text)
    ]
    assert not found, "begin these docstrings with a noun phrase or a verb, not with a question word:\n" + "\n".join(found)


def test_every_package_has_what_importers_need() -> None:
    untyped = [name for name in PACKAGES if not (ROOT / name / "py.typed").is_file()]
    assert not untyped, f"add an empty py.typed to {untyped}, so that type checkers read the annotations"
    bridge = ROOT / "orchestrator_bridge"
    packages = [bridge, *sorted(folder for folder in bridge.iterdir() if any(folder.glob("*.py")))]
    closed = [
        str(folder.relative_to(ROOT))
        for folder in packages
        if not (folder / "__init__.py").is_file() or "__all__" not in (folder / "__init__.py").read_text(encoding="utf-8")
    ]
    assert not closed, f"export the public names (`__all__` in __init__.py) of {closed}"


def test_strings_and_pages_use_common_terms() -> None:
    found = []
    for path, tree in sources(*PACKAGES):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in STORED_KEYS:
                found += [f"{path}:{node.lineno}: {match[0]!r}" for match in DIALECT.finditer(node.value)]
    for page in (*sorted((ROOT / "docs").rglob("*.md")), *ROOT.glob("*.md"), ROOT / ".env.example", ROOT / "townhall.toml"):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1) if page.is_file() else ():
            found += [f"{page.relative_to(ROOT)}:{number}: {match[0]!r}" for match in DIALECT.finditer(line)]
    assert not found, "use fix, the requester, external agents, the MCP server, reads or is notified instead:\n" + "\n".join(
        found
    )
