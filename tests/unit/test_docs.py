"""The documents agree with the code, and their links lead somewhere."""

import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from hack.localcluster.paths import REPOSITORY
from strongroom.kinds.conditions import Reason
from strongroom.telemetry.audit.metrics import AuditMetrics
from strongroom.telemetry.dataplane import DataPlaneMetrics
from strongroom.telemetry.metrics import ControllerMetrics
from strongroom.telemetry.requests import RequestMetrics

DOCUMENTS = sorted(
    path
    for path in REPOSITORY.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(REPOSITORY).parts)
)
METRICS_PAGE = REPOSITORY / "docs/operations/metrics.md"
CHART_FILES = REPOSITORY / "helm/strongroom/files"
SIDECAR_METRICS = REPOSITORY / "operator/strongroom/hsm/sidecar/metrics.py"

_FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def _prose(document: Path) -> str:
    return re.sub(r"`[^`\n]*`", _without_brackets, _FENCED.sub("", document.read_text()))


def _without_brackets(code: re.Match[str]) -> str:
    return re.sub(r"[\[\]()]", "", code[0])


@cache
def _anchors(document: Path) -> set[str]:
    """What GitHub makes of headings: lower case, punctuation dropped, blanks to hyphens."""
    headings = re.findall(r"^#+ (.+)$", _prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    for link in _LINK.findall(_prose(document)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def test_every_document_below_docs_is_in_the_list() -> None:
    listed = {(REPOSITORY / "docs" / link.partition("#")[0]).resolve() for link in _links_of_list()}
    below = {path for path in DOCUMENTS if path.is_relative_to(REPOSITORY / "docs")}
    assert below - {REPOSITORY / "docs/README.md"} <= listed


def _links_of_list() -> list[str]:
    return _LINK.findall((REPOSITORY / "docs/README.md").read_text())


def _process_metrics() -> set[str]:
    """Of the controller and of the data plane: some are the same."""
    found: set[str] = set()
    for kinds in ((ControllerMetrics,), (DataPlaneMetrics, RequestMetrics, AuditMetrics)):
        registry = CollectorRegistry()
        for kind in kinds:
            kind(registry)
        found |= _names(registry)
    return found


def _names(registry: CollectorRegistry) -> set[str]:
    return {f.name + ("_total" if f.type == "counter" else "") for f in registry.collect()}


def _sidecar_metrics() -> set[str]:
    """By reading: the module registers globally, which belongs to a process of its own."""
    return set(re.findall(r'"(strongroom_[a-z_]+)"', SIDECAR_METRICS.read_text()))


def test_the_metrics_page_has_the_metrics_that_exist() -> None:
    documented = set(re.findall(r"^\| `(strongroom_[a-z_]+)` \|", METRICS_PAGE.read_text(), re.MULTILINE))
    assert documented == _process_metrics() | _sidecar_metrics()


def test_no_document_names_a_metric_that_does_not_exist() -> None:
    known = _process_metrics() | _sidecar_metrics()
    for document in DOCUMENTS:
        assert _metrics_in(document.read_text()) <= known, document


@pytest.mark.parametrize("name", ["alerts.yaml", "dashboard.json"])
def test_alerts_and_dashboard_name_metrics_that_exist(name: str) -> None:
    named = _metrics_in((CHART_FILES / name).read_text())
    assert named
    assert named <= _process_metrics() | _sidecar_metrics()


def _metrics_in(text: str) -> set[str]:
    """Names of metrics; those of a histogram's series without their endings."""
    return {re.sub("_bucket$", "", name) for name in re.findall(r"\bstrongroom_[a-z_]+\b", text)}


def test_the_metrics_page_shows_the_alerts_of_the_chart() -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", METRICS_PAGE.read_text(), re.DOTALL)
    [group] = yaml.safe_load((CHART_FILES / "alerts.yaml").read_text())["groups"]
    shown = [{key: rule[key] for key in ("alert", "expr", "for") if key in rule} for rule in group["rules"]]
    assert yaml.safe_load(block) == shown
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in group["rules"])


@pytest.mark.parametrize("page", ["docs/reference/crds.md", "docs/operations/troubleshooting.md"])
def test_the_pages_have_the_reasons_that_exist(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    assert {reason.value for reason in Reason} - set(re.findall(r"^\| `([A-Za-z]+)` \|", text, re.MULTILINE)) == set()


def test_the_troubleshooting_page_has_no_reason_that_does_not_exist() -> None:
    text = (REPOSITORY / "docs/operations/troubleshooting.md").read_text()
    assert set(re.findall(r"^\| `([A-Za-z]+)` \|", text, re.MULTILINE)) == {reason.value for reason in Reason}


def test_make_targets_in_documents_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for document in DOCUMENTS:
        text = document.read_text()
        commands = re.findall(r"`[^`\n]*`", text) + [block[0] for block in _FENCED.finditer(text)]
        named = re.findall(r"(?:^`?|&& )make ([a-z]+)", "\n".join(commands), re.MULTILINE)
        assert set(named) <= targets, document
