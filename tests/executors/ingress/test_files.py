"""The files of HAProxy, as they are written."""

import re
from pathlib import Path

import pytest

from reconciler.executors.ingress.executor import IngressExecutor
from reconciler.executors.ingress.files import ConfigFolders
from reconciler.executors.ingress.process import Proxy
from reconciler.model.details import ProgramIngress
from reconciler.model.errors import TerminalError, TransientError
from reconciler.model.ingress import ProxyCertificate, SecretUse
from reconciler.model.node import ConfigMaterial, Materials
from reconciler.model.plan import OutcomeStatus, Reason
from reconciler.planner.node.actions import make_action, node_ref

PAIR = SecretUse(namespace="default", name="pair", version="v1")


def test_each_thread_has_a_filter_of_bodies_of_its_own(tmp_path: Path) -> None:
    """One that threads share crashes HAProxy 2.6.12; threads after the first find only files with whole names."""
    detail = ProgramIngress(structure="s1", endpoints="e1", view="v1", head="global\n")
    folder = ConfigFolders(tmp_path).write(detail, {}, Materials())
    (name,) = re.findall(r'^    lua-load-per-thread "(.*)"$', (folder / "haproxy.cfg").read_text(), re.MULTILINE)
    assert Path(name).is_absolute()
    assert "register_filter" in Path(name).read_text()
    assert "register_filter" not in (folder / "auth.lua").read_text()


def test_what_holds_is_whole_while_it_is_written_once_more(tmp_path: Path) -> None:
    """HAProxy may be started again by others at any moment, and what it needs may not be there this time."""
    certificate = ProxyCertificate(file="pair.pem", secret=PAIR, hosts=("a.example",))
    detail = ProgramIngress(structure="s1", endpoints="e1", view="v1", head="global\n", certificates=(certificate,))
    values = ConfigMaterial(kind="Secret", namespace="default", name="pair", version="v1", data={"tls.key": b"key"})
    folders = ConfigFolders(tmp_path)
    folders.hold(folders.write(detail, {}, Materials(configuration=(values,))))
    before = {one.name: one.read_bytes() for one in folders.config.parent.iterdir()}
    with pytest.raises(TransientError, match="have not come yet"):
        folders.write(detail, {}, Materials())
    assert {one.name: one.read_bytes() for one in folders.config.parent.iterdir()} == before
    again = folders.write(detail, {}, Materials(configuration=(values,)))
    assert again != folders.config.parent.resolve()
    assert str(again) in (again / "haproxy.cfg").read_text()
    folders.hold(again)
    folders.forget_others()
    assert [one.name for one in tmp_path.glob("c-*")] == [again.name]
    assert folders.write(detail, {}, Materials(configuration=(values,))) != again


def test_a_configuration_that_is_refused_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are keys in it, and many may be refused before one is taken."""

    def refuse(_: Proxy, config: Path) -> None:
        raise TerminalError("haproxy refuses the configuration")

    monkeypatch.setattr(Proxy, "check", refuse)
    executor = IngressExecutor(tmp_path, 18480, 18443)
    for number in range(3):
        detail = ProgramIngress(structure=f"s{number}", endpoints="e1", view="v1", head="global\n")
        action = make_action("n", node_ref("n"), detail, Reason.INGRESS_CHANGED)
        assert executor.execute(action, Materials()).status is OutcomeStatus.FAILED
    assert list(tmp_path.rglob("c-*")) == []
    executor.close()
