"""Templates of target data: ``postgres://app:{{ value | urlencode }}@db/app``.

Jinja's parser reads them; nothing of Jinja runs them. The syntax tree is checked against a list of what is allowed, and
then walked here: names and fields are looked up in a mapping, so that no attribute of any Python object can be reached,
and there are no loops, calls or macros that could repeat anything. What rendering takes is bounded by construction:
a text of 16 KiB, 512 nodes, 32 deep, no intermediate text longer than 128 Ki characters and all of them together not
more than 1 Mi characters. That is some megabytes and some tens of milliseconds for the worst that can be written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from jinja2 import nodes

from strongroom.domain.errors import InvalidInput
from strongroom.service.templatefilters import FILTERS, LONGEST, Fault, Missing, as_text, member, text
from strongroom.service.templatesyntax import is_fields, parsed

WORK: Final = 1024 * 1024
"""Characters that one rendering may make, intermediate texts included."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a template may use. ``value``: None where a version has several fields."""

    value: bytes | None = field(repr=False)
    fields: Mapping[str, bytes] = field(repr=False)
    names: Mapping[str, str]  # name, namespace, version


def render(source: str, context: Context) -> bytes:
    """Return what a template gives, in UTF-8. ``InvalidInput`` with the line."""
    return "".join(_Rendering(context).texts(parsed(source).body)).encode()


class _Rendering:
    """One walk over a checked tree."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._left = WORK
        self._room = LONGEST

    def texts(self, body: list[nodes.Node]) -> Iterator[str]:
        """Yield the parts of what a template gives."""
        for node in body:
            if isinstance(node, nodes.If):
                yield from self.texts(self._chosen(node))
            elif isinstance(node, nodes.Output):
                yield from map(self._out, node.nodes)

    def _chosen(self, node: nodes.If) -> list[nodes.Node]:
        for branch in (node, *node.elif_):
            if self._at(branch.test):
                return branch.body
        return node.else_

    def _out(self, node: nodes.Node) -> str:
        try:
            part = node.data if isinstance(node, nodes.TemplateData) else text(self._made(self._value(node)))
            self._room -= len(part)
            if self._room < 0:
                raise Fault(f"the result has more than {LONGEST} characters")
        except Fault as fault:
            raise InvalidInput(f"line {node.lineno}: {fault}") from None
        return part

    def _at(self, test: nodes.Node) -> bool:
        try:
            return self._truth(test)
        except Fault as fault:
            raise InvalidInput(f"line {test.lineno}: {fault}") from None

    def _truth(self, node: nodes.Node) -> bool:
        value = self._value(node)
        if isinstance(value, Missing):
            raise Fault(value.why)
        return bool(value)

    def _made(self, value: object) -> object:
        """Count what was made."""
        size = len(value) if isinstance(value, (str, bytes)) else 0
        self._left -= size
        if size > LONGEST or self._left < 0:
            raise Fault(f"more than {LONGEST} characters in one text, or {WORK} in all")
        return value

    def _value(self, node: nodes.Node) -> object:
        match node:
            case nodes.Const():
                return node.value
            case nodes.Name():
                return self._named(node.name)
            case nodes.Getattr():
                return self._field(node.attr)
            case nodes.Getitem():
                return self._item(node)
            case nodes.Filter():
                function, _, _ = FILTERS[node.name]
                assert node.node is not None
                return self._made(function(self._value(node.node), *map(self._value, node.args)))
            case nodes.CondExpr():
                chosen = node.expr1 if self._truth(node.test) else node.expr2
                return self._value(chosen) if chosen is not None else ""
            case nodes.Concat():
                return "".join(text(self._made(self._value(part))) for part in node.nodes)
        return self._judged(node)

    def _judged(self, node: nodes.Node) -> bool:
        match node:
            case nodes.Not():
                return not self._truth(node.node)
            case nodes.And():
                return self._truth(node.left) and self._truth(node.right)
            case nodes.Or():
                return self._truth(node.left) or self._truth(node.right)
            case nodes.Test():
                return not isinstance(self._value(node.node), Missing)
        assert isinstance(node, nodes.Compare)
        return self._compared(node)

    def _compared(self, node: nodes.Compare) -> bool:
        left = text(self._value(node.expr))
        for operand in node.ops:
            right = text(self._value(operand.expr))
            found = left == right if operand.op in ("eq", "ne") else left in right
            if found is (operand.op in ("ne", "notin")):
                return False
            left = right
        return True

    def _named(self, name: str) -> object:
        if name != "value":
            return self._context.names[name]
        if self._context.value is None:
            return Missing("the secret has several fields: write fields.NAME instead of value")
        return as_text(self._context.value)

    def _field(self, name: str) -> object:
        if name not in self._context.fields:
            return Missing(f"the secret has no field {name[:64]}; it has {', '.join(sorted(self._context.fields))}")
        return as_text(self._context.fields[name])

    def _item(self, node: nodes.Getitem) -> object:
        assert isinstance(node.arg, nodes.Const)
        if is_fields(node.node):
            return self._field(node.arg.value)
        found = self._value(node.node)
        assert isinstance(found, dict)
        return member(found, node.arg.value)
