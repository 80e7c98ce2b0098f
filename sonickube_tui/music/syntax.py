"""Whether a text is Ruby, told without Ruby."""

from __future__ import annotations

from functools import cache

import msgspec
import tree_sitter_ruby
from tree_sitter import Language, Node, Parser


class SyntaxProblem(msgspec.Struct, frozen=True, gc=False):
    """The first place where a snippet is not Ruby; lines count from 1."""

    line: int
    message: str


@cache
def ruby() -> Language:
    """The grammar, shared by the check and the editor's colours."""
    return Language(tree_sitter_ruby.language())


def check(text: str) -> SyntaxProblem | None:
    """The first syntax error, or None when the text parses as Ruby."""
    tree = Parser(ruby()).parse(text.encode("utf-8", "replace"))
    if not tree.root_node.has_error:
        return None
    return _first(tree.root_node) or SyntaxProblem(1, "not Ruby")


def _first(node: Node) -> SyntaxProblem | None:
    if node.is_missing:
        return SyntaxProblem(node.start_point.row + 1, f"missing {node.type!r}")
    for child in node.children:
        if child.has_error and (problem := _first(child)):
            return problem
    if node.is_error:
        line = (node.text or b"").decode("utf-8", "replace").strip().splitlines()
        return SyntaxProblem(
            node.start_point.row + 1, f"unexpected {line[0][:40]!r}" if line else "unexpected end"
        )
    return None
