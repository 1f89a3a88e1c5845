"""Which Pods of a node go when it is drained, and how: by evictions, which disruption budgets may refuse for now.

The rules are those of `kubectl drain`. Effect: the API, waiting.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reconciler.client.errors import ApiRefused, NotFound
from reconciler.model.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from reconciler.client import ApiClient

Document = dict[str, Any]
_AGAIN_S = 2.0
_TOO_MANY = 429


class Drain:
    """One drain of one node; `say` tells progress."""

    def __init__(self, client: "ApiClient", node: str, say: Callable[[str], None]) -> None:
        self._client = client
        self._node = node
        self._say = say

    def choose(self, *, force: bool, empty_dirs: bool) -> list[Document]:
        """Return the Pods that go. Raises TerminalError when one must not go without an option."""
        from reconciler.model.kinds import KINDS

        self._client.object(KINDS["Node"], "", self._node)
        pods = self._pods()
        chosen = [one for one in pods if _owner(one) != "DaemonSet"]
        for one in pods:
            if one not in chosen:
                self._say(f"stays   {_name(one)}: of a DaemonSet")
        self._tell_of_data(chosen)
        running = [one for one in chosen if one.get("status", {}).get("phase") not in ("Succeeded", "Failed")]
        alone = [] if force else [_name(one) for one in running if not _owner(one)]
        data = [] if empty_dirs else [_name(one) for one in running if _has_empty_dir(one)]
        if alone:
            raise TerminalError(
                f"nothing makes these Pods anew elsewhere: {', '.join(alone)}", hint="end them all the same: --force"
            )
        if data:
            raise TerminalError(
                f"these Pods keep data in an emptyDir, which goes with them: {', '.join(data)}",
                hint="if it may be lost: --delete-emptydir-data",
            )
        return chosen

    def _tell_of_data(self, chosen: list[Document]) -> None:
        """Say which Pods can go nowhere else, since their data is on this node alone."""
        from reconciler.cli.stranded import claims_only_on, claims_used

        using = {_name(one): claims for one in chosen if (claims := claims_used(one))}
        kept = claims_only_on(self._client, self._node) if using else {}
        for name, claims in using.items():
            for claim in claims:
                if claim in kept:
                    self._say(
                        f"pinned  {name}: the data of claim {claim} is on this node alone; "
                        f"its Pod waits until `reconciler uncordon {self._node}`"
                    )

    def evict_all(self, chosen: list[Document], timeout_s: float | None) -> None:
        """Cordon the node, then have the Pods go, each as soon as its budget lets it, and wait until they are gone."""
        from reconciler.cli.overriding import set_schedulable

        set_schedulable(self._client, self._node, schedulable=False)
        self._say(f"node/{self._node} is cordoned")
        until = None if timeout_s is None else time.monotonic() + timeout_s
        waiting, told = list(chosen), set[str]()
        leaving: list[Document] = []
        while waiting or leaving:
            waiting, gone = self._evict_some(waiting, told)
            leaving = [one for one in (*leaving, *gone) if self._is_there(one)]
            if not waiting and not leaving:
                return
            if until is not None and time.monotonic() >= until:
                left = ", ".join(_name(one) for one in (*waiting, *leaving))
                raise TransientError(
                    f"not all Pods are gone in time; left: {left}",
                    reason="DrainTimeout",
                    hint="run it again to go on, or reconciler uncordon to end it",
                )
            time.sleep(_AGAIN_S if waiting else _AGAIN_S / 4)

    def _evict_some(self, waiting: list[Document], told: set[str]) -> tuple[list[Document], list[Document]]:
        """Ask for every Pod once; return those whose budget refused, and those that go."""
        still, gone = [], []
        for one in waiting:
            refusal = self._evict(one)
            if not refusal:
                self._say(f"evicted {_name(one)}")
                gone.append(one)
                continue
            if _name(one) not in told:
                self._say(f"waits   {_name(one)}: {refusal}")
                told.add(_name(one))
            still.append(one)
        return still, gone

    def _evict(self, one: Document) -> str:
        """Evict a Pod; return why it must wait, empty when it goes or has gone."""
        metadata = one["metadata"]
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
            "deleteOptions": {"preconditions": {"uid": metadata["uid"]}},
        }
        try:
            self._client.post(f"{_path(metadata)}/eviction", body)
        except NotFound:
            return ""
        except ApiRefused as refused:
            if refused.code == _TOO_MANY:
                return _why(refused)
            if refused.reason == "Conflict":
                # Another Pod has its name by now.
                return ""
            raise
        return ""

    def _is_there(self, one: Document) -> bool:
        with suppress(NotFound):
            found = self._client.get(_path(one["metadata"]))
            return bool(found["metadata"]["uid"] == one["metadata"]["uid"])
        return False

    def _pods(self) -> list[Document]:
        query = {"fieldSelector": f"spec.nodeName={self._node}"}
        found: list[Document] = self._client.get("/api/v1/pods", query)["items"]
        return found


def _path(metadata: Mapping[str, Any]) -> str:
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


def _name(one: Document) -> str:
    return f"pod/{one['metadata']['namespace']}/{one['metadata']['name']}"


def _owner(one: Document) -> str:
    """Return the kind of what a Pod belongs to, empty where it belongs to nothing."""
    owners = one["metadata"].get("ownerReferences") or ()
    return next((owner["kind"] for owner in owners if owner.get("controller")), "")


def _has_empty_dir(one: Document) -> bool:
    return any("emptyDir" in volume for volume in one["spec"].get("volumes") or ())


def _why(refused: ApiRefused) -> str:
    causes = refused.details.get("causes") or ()
    said = [str(one.get("message", "")) for one in causes]
    return "; ".join(one for one in said if one) or str(refused)
