"""The command lines of the control plane and of kind."""

from pathlib import Path

import yaml

from hack.localcluster import commands, controlplane, kind
from hack.localcluster.commands import Options
from hack.localcluster.layout import Layout, Ports

LAYOUT, PORTS = Layout(Path("/state")), Ports(1, 2, 3, 4)


def test_every_port_is_bound_to_this_machine_alone():
    lines = [
        *commands.etcd(LAYOUT, PORTS, Options()),
        *commands.apiserver(LAYOUT, PORTS, Options()),
        *commands.controller_manager(LAYOUT, PORTS),
    ]
    addresses = [line for line in lines if "listen" in line or "bind-address" in line]
    assert len(addresses) == 4
    assert all("127.0.0.1" in address for address in addresses)


def test_etcd_asks_everybody_for_a_certificate():
    assert {"--client-cert-auth", "--peer-client-cert-auth"} <= set(commands.etcd(LAYOUT, PORTS, Options()))


def test_the_disk_is_waited_for_unless_asked_otherwise():
    assert "--unsafe-no-fsync" not in commands.etcd(LAYOUT, PORTS, Options())
    assert "--unsafe-no-fsync" in commands.etcd(LAYOUT, PORTS, Options(unsafe_no_fsync=True))


def test_secrets_are_encrypted_only_when_asked():
    flag = "--encryption-provider-config=/state/encryption.yaml"
    assert flag not in commands.apiserver(LAYOUT, PORTS, Options())
    assert flag in commands.apiserver(LAYOUT, PORTS, Options(encrypt_secrets=True))


def test_an_encryption_configuration_of_the_callers_takes_the_place_of_ours():
    options = Options(encrypt_secrets=True, encryption_config=Path("/mine.yaml"))
    flags = [flag for flag in commands.apiserver(LAYOUT, PORTS, options) if "encryption" in flag]
    assert flags == ["--encryption-provider-config=/mine.yaml"]


def test_secrets_are_written_encrypted_and_older_ones_stay_readable():
    (rule,) = yaml.safe_load(controlplane.encryption())["resources"]
    assert rule["resources"] == ["secrets"]
    assert [next(iter(provider)) for provider in rule["providers"]] == ["secretbox", "identity"]


def test_the_audit_log_never_holds_a_body():
    policy = yaml.safe_load(commands.AUDIT_POLICY.read_text())
    assert {rule["level"] for rule in policy["rules"]} == {"Metadata"}


def test_kind_leaves_the_developers_kubeconfig_alone():
    for command in (kind.create_command("dev", Path("/k")), kind.delete_command("dev", Path("/k"))):
        assert command[command.index("--kubeconfig") + 1] == "/k"
        assert command[command.index("--name") + 1] == "strongroom-dev"


def test_kind_is_given_the_configuration_of_the_repository():
    command = kind.create_command("dev", Path("/k"))
    config = yaml.safe_load(Path(command[command.index("--config") + 1]).read_text())
    assert (config["kind"], config["networking"]["apiServerAddress"]) == ("Cluster", "127.0.0.1")
