"""The syntax of target templates: Jinja's, as far as it is on the list.

What is not on the list is refused when a template is read, so that what renders it has nothing to refuse.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, nodes

from strongroom.domain.errors import InvalidInput
from strongroom.service.templatefilters import FILTERS, Fault

LENGTH: Final = 16 * 1024
"""Octets of a template in UTF-8."""

NODES: Final = 512
DEPTH: Final = 32

_NAMES: Final = ("value", "name", "namespace", "version")
_PLAIN: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.CondExpr,
    nodes.Concat,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Operand,
)
_COMPARISONS: Final = ("eq", "ne", "in", "notin")

_ENVIRONMENT: Final = Environment(keep_trailing_newline=True)  # noqa: S701 - only its parser is used


@lru_cache(maxsize=128)
def parsed(source: str) -> nodes.Template:
    """Return the syntax tree of a template. ``InvalidInput`` with the line when it is not allowed."""
    try:
        if len(source.encode()) > LENGTH:
            raise Fault(f"it has more than {LENGTH} bytes")
        tree = _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        raise InvalidInput(f"line {error.lineno}: {(error.message or 'syntax error')[:200]}") from None
    except RecursionError:
        raise InvalidInput(f"it is nested more than {DEPTH} deep") from None
    except (Fault, ValueError, OverflowError):
        raise InvalidInput(f"it has more than {LENGTH} bytes, a number that is too long, or is no Unicode") from None
    _Check().node(tree, None, 0)
    return tree


class _Check:
    """Walks a syntax tree and refuses what is not on the list."""

    def __init__(self) -> None:
        self._left = NODES

    def node(self, node: nodes.Node, parent: nodes.Node | None, depth: int) -> None:
        """Check a node and all below."""
        self._left -= 1
        if self._left < 0 or depth > DEPTH:
            raise InvalidInput(f"it has more than {NODES} parts, or is nested more than {DEPTH} deep")
        try:
            _require_allowed(node, parent)
        except Fault as fault:
            raise InvalidInput(f"line {node.lineno}: {fault}") from None
        for child in node.iter_child_nodes():
            self.node(child, node, depth + 1)


def _require_allowed(node: nodes.Node, parent: nodes.Node | None) -> None:
    match node:
        case nodes.Name():
            _require_name(node, parent)
        case nodes.Getattr():
            if not is_fields(node.node):
                raise Fault("a dot is possible in fields.NAME only")
        case nodes.Getitem():
            if not (is_fields(node.node) or _is_json(node.node)) or not _is_text(node.arg):
                raise Fault("brackets are possible in fields['NAME'] and (... | from_json)['KEY'] only")
        case nodes.Const():
            if type(node.value) not in (str, int):
                raise Fault("only texts and whole numbers can be written")
            _require_unicode(str(node.value))
        case nodes.Filter():
            _require_filter(node, parent)
        case nodes.Compare():
            if any(operand.op not in _COMPARISONS for operand in node.ops):
                raise Fault("texts can be compared by ==, !=, in and not in")
        case nodes.Test():
            if node.name != "defined" or node.args or node.kwargs:
                raise Fault("the only test is: is defined")
        case _:
            if type(node) not in _PLAIN:
                raise Fault(f"{type(node).__name__} is not possible in a template; see the list of what is")


def _require_name(node: nodes.Name, parent: nodes.Node | None) -> None:
    if node.name == "fields":
        if not isinstance(parent, (nodes.Getattr, nodes.Getitem)):
            raise Fault("name a field, as in fields.NAME")
    elif node.name not in _NAMES:
        raise Fault(f"there is no such name; there are {', '.join(_NAMES)} and fields.NAME")


def _require_filter(node: nodes.Filter, parent: nodes.Node | None) -> None:
    _, fewest, most = FILTERS.get(node.name, (None, -1, -1))
    if most < 0:
        raise Fault(f"there is no such filter; there are {', '.join(FILTERS)}")
    if node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs or not fewest <= len(node.args) <= most:
        raise Fault(f"the filter {node.name} takes {fewest} to {most} arguments, without names")
    if _is_json(node) and not isinstance(parent, nodes.Getitem):
        raise Fault("name a key of the object: (value | from_json)['key']")


def _require_unicode(written: str) -> None:
    try:
        written.encode()
    except UnicodeEncodeError:
        raise Fault("half of a surrogate pair is no character") from None


def is_fields(node: nodes.Node) -> bool:
    """Is it the name ``fields``?"""
    return isinstance(node, nodes.Name) and node.name == "fields"


def _is_json(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Filter) and node.name == "from_json"


def _is_text(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, str)
