"""The files of HAProxy, as they are written."""

import re
from pathlib import Path

from reconciler.executors.ingress.files import ConfigFolders
from reconciler.model.details import ProgramIngress
from reconciler.model.node import Materials


def test_each_thread_has_a_filter_of_bodies_of_its_own(tmp_path: Path) -> None:
    """One that threads share crashes HAProxy 2.6.12; threads after the first find only files with whole names."""
    detail = ProgramIngress(structure="s1", endpoints="e1", view="v1", head="global\n")
    folder = ConfigFolders(tmp_path).write(detail, {}, Materials())
    (name,) = re.findall(r'^    lua-load-per-thread "(.*)"$', (folder / "haproxy.cfg").read_text(), re.MULTILINE)
    assert Path(name).is_absolute()
    assert "register_filter" in Path(name).read_text()
    assert "register_filter" not in (folder / "auth.lua").read_text()
