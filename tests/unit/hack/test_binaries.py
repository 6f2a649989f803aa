"""Where the control plane's binaries come from."""

import shutil

import pytest

from hack.localcluster import LocalClusterError, binaries, toolchain


def test_the_pinned_versions_are_read_from_the_modules():
    assert binaries.KUBERNETES.version.startswith("v1.")
    assert binaries.ETCD.version.startswith("v3.")


def test_a_changed_pin_is_built_anew(tmp_path):
    copy = shutil.copytree(binaries.ETCD.directory, tmp_path / "etcd")
    changed = binaries.Module(copy, binaries.ETCD.pinned, "a while", stamped=False)
    assert changed.key == binaries.ETCD.key
    (copy / "go.sum").write_text("")
    assert changed.key != binaries.ETCD.key


def test_kubernetes_is_told_its_version_and_etcd_is_not():
    assert f"-X k8s.io/component-base/version.gitVersion={binaries.KUBERNETES.version}" in binaries.KUBERNETES.flags[-1]
    assert "k8s.io" not in binaries.ETCD.flags[-1]


def test_given_binaries_are_used_and_what_they_lack_is_built(tmp_path, monkeypatch):
    for name in ("etcd", "kube-apiserver", "kubectl"):
        (tmp_path / name).touch(0o755)
    monkeypatch.setattr(binaries, "built", lambda name: f"built {name}")
    found = binaries.ensure({"KUBEBUILDER_ASSETS": str(tmp_path)})
    assert found["etcd"] == tmp_path / "etcd"
    assert found["kube-controller-manager"] == "built kube-controller-manager"


def test_given_binaries_without_an_api_server_are_refused(tmp_path):
    (tmp_path / "etcd").touch(0o755)
    with pytest.raises(LocalClusterError, match="lacks kube-apiserver"):
        binaries.ensure({"KUBEBUILDER_ASSETS": str(tmp_path)})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("go1.26.8", (1, 26)), ("go1.9", (1, 9)), ("go1.27rc1", (1, 27)), ("devel", (0, 0)), ("", (0, 0))],
)
def test_a_toolchain_is_judged_by_its_version(text, expected):
    assert toolchain.version(text) == expected
