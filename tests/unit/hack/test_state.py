"""Files that hold keys, and the record by which a cluster is found again."""

import stat

import pytest

from hack.localcluster import LocalClusterError, lifecycle, record
from hack.localcluster.files import locked, write_private
from hack.localcluster.processes import Process
from hack.localcluster.record import Record


def test_a_private_file_is_its_owners_alone_and_replaced_whole(tmp_path):
    path = tmp_path / "key"
    path.write_text("older and readable by all")
    write_private(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_holder_waits_and_is_told(tmp_path):
    class Waited(Exception):
        pass

    def waiting():
        raise Waited

    with locked(tmp_path), pytest.raises(Waited), locked(tmp_path, waiting):
        pass
    with locked(tmp_path, waiting):
        pass


def test_a_record_is_read_back_as_written(tmp_path):
    written = Record("processes", "dev", "https://here", processes={"etcd": Process(1, 2, "boot")})
    written.save(tmp_path)
    assert record.load(tmp_path) == written


def test_where_nothing_was_started_there_is_nothing_to_stop(tmp_path):
    assert record.load(tmp_path) is None
    assert lifecycle.status(tmp_path) is None
    assert lifecycle.down(tmp_path / "never") is False


def test_a_spoilt_record_says_what_to_do(tmp_path):
    (tmp_path / record.FILE).write_text("{")
    with pytest.raises(LocalClusterError, match="then remove"):
        record.load(tmp_path)


def test_stopping_removes_the_state_but_not_a_directory_that_was_never_ours(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    Record("processes", "dev").save(ours)
    lifecycle.down(ours)
    assert not ours.exists()
    theirs.mkdir()
    (theirs / "thesis.txt").touch()
    with pytest.raises(LocalClusterError, match="not ours"):
        lifecycle.down(theirs)
    assert (theirs / "thesis.txt").exists()
