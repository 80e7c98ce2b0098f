"""Whether a text is Ruby as Sonic Pi reads it, told without Ruby."""

from __future__ import annotations

from functools import cache

import msgspec
import tree_sitter_ruby
from tree_sitter import Language, Node, Parser

from sonickube_tui.music.preparser import PreParseError, preparse


class SyntaxProblem(msgspec.Struct, frozen=True, gc=False):
    """The first place where a snippet is not Ruby; lines count from 1."""

    line: int
    message: str


@cache
def ruby() -> Language:
    """The grammar, shared by the check and the editor's colours."""
    return Language(tree_sitter_ruby.language())


def check(text: str) -> SyntaxProblem | None:
    """The first syntax error, or None when the text parses as what Sonic Pi makes of it."""
    try:
        text = preparse(text)
    except PreParseError as refused:
        return SyntaxProblem(refused.line, str(refused))
    nodes = [Parser(ruby()).parse(text.encode("utf-8", "replace")).root_node]
    while nodes:
        node = nodes.pop()
        if problem := _problem(node):
            return problem
        nodes.extend(reversed(node.children))
    return None


def _problem(node: Node) -> SyntaxProblem | None:
    line = node.start_point.row + 1
    if node.is_missing:
        return SyntaxProblem(line, f"missing {node.type!r}")
    if node.is_error and not any(child.has_error for child in node.children):
        said = (node.text or b"").decode("utf-8", "replace").strip().splitlines()
        return SyntaxProblem(line, f"unexpected {said[0][:40]!r}" if said else "unexpected end")
    # The grammar takes an `end` too many for a variable of that name.
    if node.type == "identifier" and node.text == b"end" and node.parent and node.parent.type != "call":
        return SyntaxProblem(line, "unexpected 'end'")
    return None
