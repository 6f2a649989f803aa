"""Templates: what they give, what is refused, and that nothing makes them exceed their bounds."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidInput
from strongroom.service import templates, templatesyntax
from strongroom.service.templatefilters import FILTERS, LONGEST
from strongroom.service.templates import Context

CANARY = "canary-7d1f"
NAMES = {"name": "db", "namespace": "apps", "version": "0" * 32}


@pytest.fixture(autouse=True)
def _no_warnings_about_escapes() -> Iterator[None]:
    """Jinja reads a text like Python does, which warns of unknown escapes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def one(value: bytes) -> Context:
    return Context(value, {"value": value}, NAMES)


def several(**fields: bytes) -> Context:
    return Context(None, fields, NAMES)


USER = several(user=b"app", password=b"p/w d")

GIVES: list[tuple[str, Context, str]] = [
    ("", one(b"x"), ""),
    ("no template\n", one(b"x"), "no template\n"),
    ("{{ value }}", one(b"x"), "x"),
    ("{{ value }}\n", one(b"x\n"), "x\n\n"),
    ("{{ fields.value }}{{ fields['value'] }}", one(b"x"), "xx"),
    ("{{ name }}.{{ namespace }}: {{ version }}", one(b"x"), "db.apps: " + "0" * 32),
    ("<{{ value }}>", one(b"<&>"), "<<&>>"),
    ("postgres://{{ fields.user }}:{{ fields.password | urlencode }}@db", USER, "postgres://app:p%2Fw%20d@db"),
    ("{{ (fields.user ~ ':' ~ fields.password) | b64encode }}", USER, "YXBwOnAvdyBk"),
    ("{{ value | b64encode }}", one(b"\xff\xfe"), "//4="),
    ("{{ value | b64urlencode }}", one(b"\xff\xfe"), "__4"),
    ("{{ value | sha256 }}", one(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("{{ value | b64decode | upper }}", one(b"YWI="), "AB"),
    ("{{ value | b64decode | b64encode }}", one(b"//4="), "//4="),
    ("{{ value | json }}", one('"ä\n'.encode()), '"\\"ä\\n"'),
    ("{{ (value | from_json)['a'] }}{{ (value | from_json)['b'] }}", one(b'{"a": 1.50, "b": true}'), "1.50true"),
    ("{{ (value | from_json)['x'] | default('y') }}", one(b'{"x": null}'), "y"),
    ("{{ value | upper }}{{ value | lower }}{{ value | trim }}", one(b" aB "), " AB  ab aB"),
    ("{{ value | replace('a', fields.value) }}", one(b"ba"), "bba"),
    ("a:\n  {{ value | indent(2) }}{{ value | indent }}", one(b"x\ny"), "a:\n  x\n  yx\n    y"),
    ("{{ fields.nope | default('none') }}{{ fields.user | default('none') }}", USER, "noneapp"),
    ("{{ 'yes' if fields.nope is defined else 'no' }}", USER, "no"),
    ("{{ 'yes' if fields.user is not defined }}", USER, ""),
    ("{% if fields.user == 'app' and 'w' in fields.password %}1{% else %}2{% endif %}", USER, "1"),
    ("{% if value == 'a' %}1{% elif value != 'b' or not value %}2{% else %}3{% endif %}", one(b"b"), "3"),
    ("{% if 'x' not in value %}{{ value }}{% endif %}", one(b"a"), "a"),
    ("{% raw %}{{ value }}{% endraw %}{# nothing #}", one(b"a"), "{{ value }}"),
]


@pytest.mark.parametrize(("source", "context", "text"), GIVES, ids=[row[0] for row in GIVES])
def test_gives(source: str, context: Context, text: str) -> None:
    templatesyntax.parsed(source)
    assert templates.render(source, context).decode() == text


REFUSED: list[tuple[str, str]] = [
    ("{{ value", "line 1: "),
    ("\n\n{% if value %}", "line 3: "),
    ("{% for c in value %}x{% endfor %}", "For is not possible"),
    ("{% macro m() %}{% endmacro %}", "Macro is not possible"),
    ("{% set x = value %}", "Assign is not possible"),
    ("{% include 'x' %}", "Include is not possible"),
    ("{% import 'x' as y %}", "Import is not possible"),
    ("{% extends 'x' %}", "Extends is not possible"),
    ("{% filter upper %}x{% endfilter %}", "FilterBlock is not possible"),
    ("{{ value() }}", "Call is not possible"),
    ("{{ value.upper() }}", "Call is not possible"),
    ("{{ value.__class__ }}", "a dot is possible in fields.NAME only"),
    ("{{ fields.a.__class__ }}", "a dot is possible"),
    ("{{ fields['a']['b'] }}", "brackets are possible"),
    ("{{ value[0] }}", "brackets are possible"),
    ("{{ fields[value] }}", "brackets are possible"),
    ("{{ value * 1000000 }}", "Mul is not possible"),
    ("{{ 9 ** 9 }}", "Pow is not possible"),
    ("{{ value % value }}", "Mod is not possible"),
    ("{{ [value] }}", "List is not possible"),
    ("{{ {'a': value} }}", "Dict is not possible"),
    ("{{ fields }}", "name a field"),
    ("{{ fields | json }}", "name a field"),
    ("{{ config }}", "there is no such name"),
    ("{{ self }}", "there is no such name"),
    ("{{ none }}", "only texts and whole numbers"),
    ("{{ 1.5 }}", "only texts and whole numbers"),
    ("{{ value | attr('x') }}", "there is no such filter"),
    ("{{ value | b64encode(1) }}", "takes 0 to 0 arguments"),
    ("{{ value | replace('a') }}", "takes 2 to 2 arguments"),
    ("{{ value | indent(width=2) }}", "without names"),
    ("{{ value | indent(*fields.a) }}", "without names"),
    ("{{ value | from_json }}", "name a key of the object"),
    ("{{ value < 'a' }}", "compared by"),
    ("{{ value is string }}", "the only test is"),
    ("{{ '\\ud800' }}", "surrogate"),
    ("{{ " + "(" * 4000 + "value" + ")" * 4000 + " }}", "nested"),
    ("{{ " + "not " * 2000 + "value }}", "nested"),
    ("{{ value }}" * 600, "more than 512 parts"),
    ("{{ " + "1" * 5000 + " }}", "a number that is too long"),
    ("ä" * 8193, "more than 16384 bytes"),
]


@pytest.mark.parametrize(("source", "complaint"), REFUSED, ids=[row[0][:40] for row in REFUSED])
def test_refused_when_it_is_read(source: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=None) as refused:
        templatesyntax.parsed(source)
    assert complaint in str(refused.value)
    assert len(str(refused.value)) < 400


FAILS: list[tuple[str, Context, str]] = [
    ("{{ fields.nope }}", USER, "line 1: the secret has no field nope; it has password, user"),
    ("\n{{ value }}", USER, "line 2: the secret has several fields"),
    ("{% if fields.nope %}x{% endif %}", USER, "no field nope"),
    ("{{ value }}", one(b"\xff"), "use the filter b64encode"),
    ("{{ value | upper }}", one(b"\xff"), "use the filter b64encode"),
    ("{{ 'x' ~ value }}", one(b"\xff"), "use the filter b64encode"),
    ("{{ 'a' if value == 'b' }}", one(b"\xff"), "use the filter b64encode"),
    ("{{ 1 }}", one(b""), "it is no text"),
    ("{{ value == 'a' }}", one(b""), "it is no text"),
    ("{{ value | b64decode }}", one(CANARY.encode()), "it is no base64"),
    ("{{ (value | from_json)['a'] }}", one(CANARY.encode()), "it is no JSON"),
    ("{{ (value | from_json)['a'] }}", one(b"[" * 20000), "it is no JSON"),
    ("{{ (value | from_json)['a'] }}", one(b'["canary-7d1f"]'), "it is no JSON object"),
    ("{{ (value | from_json)['a'] }}", one(b'{"a": NaN}'), "it is no JSON"),
    ("{{ (value | from_json)['a'] }}", one(b'{"canary-7d1f": 1}'), "the object has no such key"),
    ("{{ (value | from_json)['a'] }}", one(b'{"a": {"b": "canary-7d1f"}}'), "only one level"),
    ("{{ value | replace('', 'x') }}", one(b"a"), "something to replace"),
    ("{{ value | replace('a', fields.value) }}", one(b"a" * 25600), "the result would be too long"),
    ("{{ value | indent(65) }}", one(b"a"), "from 0 to 64"),
    ("{{ value | indent(value) }}", one(b"a"), "from 0 to 64"),
    ("{{ value | indent(64) }}", one(b"\n" * 25600), "the result would be too long"),
    ("{{ value | json | json | json | json | json }}", one(b'"' * 25600), "more than 131072 characters"),
    ("{{ value }}" * 10, one(b"a" * 25600), "the result has more than 131072"),
    ("{{ 'x' if (" + " ~ ".join(["value"] * 60) + ") | sha256 }}", one(b"a" * 25600), "1048576 in all"),
]


@pytest.mark.parametrize(("source", "context", "complaint"), FAILS, ids=[row[0][:40] for row in FAILS])
def test_fails_by_what_it_is_applied_to(source: str, context: Context, complaint: str) -> None:
    templatesyntax.parsed(source)
    with pytest.raises(InvalidInput) as refused:
        templates.render(source, context)
    assert complaint in str(refused.value)
    assert CANARY not in str(refused.value)


# Anything at all

_ATOMS = st.sampled_from(["value", "fields.a", "fields['b']", "name", "version", "'x'", "1", "'\\n'", "fields.nope"])
_FILTERS = st.sampled_from([*FILTERS, "replace('a', value)", "indent(64)", "default(value)", "attr('x')", "safe"])
_WORDS = st.one_of(
    st.sampled_from(["value", "fields", "name", "x", "'a'", "1", "__class__", ".", ",", ":", "(", ")", "[", "]"]),
    st.sampled_from(["|", "~", "==", "!=", "in", "not", "and", "or", "if", "else", "is", "defined", "*", "**", "%"]),
    st.sampled_from(["{{", "}}", "{%", "%}", "{%-", "-%}", "{#", "#}", "{", "}", "endif", "elif"]),
    st.sampled_from(["for", "endfor", "set", "macro", "import", "include", "call", "/", "-", "+"]),
)


def _expressions() -> st.SearchStrategy[str]:
    return st.recursive(
        _ATOMS,
        lambda inner: st.one_of(
            st.builds("({} | {})".format, inner, _FILTERS),
            st.builds("({} ~ {} ~ {})".format, inner, inner, inner),
            st.builds("({} if {} else {})".format, inner, inner, inner),
            st.builds("({} == {})".format, inner, inner),
            st.builds("({} in {})".format, inner, inner),
            st.builds("({} and not {})".format, inner, inner),
            st.builds("({} | from_json)['a']".format, inner),
            st.builds("{}.__class__".format, inner),
        ),
        max_leaves=30,
    )


_WRITTEN = st.lists(
    st.one_of(
        st.builds("{{{{ {} }}}}".format, _expressions()),
        st.builds("{{% if {} %}}{}{{% endif %}}".format, _expressions(), st.text(max_size=5)),
        st.text(max_size=10),
    ),
    max_size=12,
).map("".join)
_SCRAMBLED = st.lists(_WORDS, max_size=60).map(" ".join)
_VALUES = st.one_of(
    st.binary(max_size=50),
    st.sampled_from(
        [b"a" * 25600, b'"' * 25600, b"\n" * 25600, b"\xff" * 25600, b"[" * 25600, b'{"a": "b"}', "ß".encode()]
    ),
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=st.one_of(_WRITTEN, _SCRAMBLED, st.text()), value=_VALUES, single=st.booleans())
@example(source="{{ value | json | json | b64encode | b64encode | urlencode }}", value=b'"' * 25600, single=True)
def test_nothing_exceeds_the_bounds_or_fails_otherwise(source: str, value: bytes, single: bool) -> None:
    context = one(value) if single else several(a=value, b=b"x")
    try:
        made = templates.render(source, context).decode()
    except InvalidInput as error:
        made = str(error)[:400]
    assert len(made) <= LONGEST
    assert "<class" not in made
    assert "built-in" not in made


WORST = [
    "{{ (" + " ~ ".join(["value"] * 40) + ") | sha256 }}",
    "{{ value" + " | json" * 20 + " }}",
    "{{ value" + " | urlencode" * 20 + " }}",
    "{% if " + " or ".join(["value not in value"] * 25) + " %}x{% endif %}",
    "{{ value | replace('a', value) }}",
]


@pytest.mark.parametrize("source", WORST, ids=[row[:40] for row in WORST])
@pytest.mark.parametrize(
    "value", [b"a" * 25600, b'"' * 25600, "\U0001f511".encode() * 6400], ids=["a", "quotes", "keys"]
)
def test_the_worst_stays_in_a_few_megabytes(source: str, value: bytes) -> None:
    templatesyntax.parsed(source)
    tracemalloc.start()
    try:
        templates.render(source, one(value))
    except InvalidInput:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 16 * 2**20


def test_no_more_than_a_few_templates_are_kept() -> None:
    for number in range(200):
        templatesyntax.parsed(f"{number} {{{{ value }}}}")
    assert templatesyntax.parsed.cache_info().currsize <= 128
