"""A random repository of manifests that a person edits, scales, breaks and mends."""

import copy
import random
from typing import Any

from reconciler.model.canonical import digest
from reconciler.model.desired import DesiredObject, DesiredState, Provenance, RevisionInfo
from reconciler.model.kinds import KINDS, decode_object, ref_of
from reconciler.simulation.behaviour import Behaviour

Document = dict[str, Any]

_GOOD = ("web", "slow", "stubborn")
_BAD = ("missing", "crash", "broken", "never")
_VERSIONS = (1, 2, 3)
REGISTRY = {
    f"shop/{name}:{version}": behaviour
    for version in _VERSIONS
    for name, behaviour in {
        "web": Behaviour(),
        "slow": Behaviour(ready_after_s=4.0, term_s=1.5),
        "stubborn": Behaviour(term_s=None),
        "crash": Behaviour(exit_after_s=3.0, exit_code=1),
        "broken": Behaviour(start_error="exec format error"),
        "never": Behaviour(ready_after_s=1e9),
        "task": Behaviour(exit_after_s=2.0),
        "failing": Behaviour(exit_after_s=1.0, exit_code=1),
    }.items()
}


class Repository:
    """The documents of one branch by kind and name; every edit returns what it was in words."""

    def __init__(self, dice: random.Random, source: str = "main") -> None:
        self.dice = dice
        self.source = source
        self.documents: dict[str, Document] = {}
        self.commits = 0
        self._numbers = 0
        for _ in range(dice.choice((1, 1, 2, 2, 3, 4, 6))):
            self.add()

    def state(self) -> DesiredState:
        """Commit: return the revision as it was read."""
        self.commits += 1
        source = self.source
        commit = f"c{self.commits}"
        objects = []
        for number, name in enumerate(sorted(self.documents)):
            object = decode_object(copy.deepcopy(self.documents[name]))
            provenance = Provenance(source=source, commit=commit, file="all.yaml", line=number + 1)
            one = DesiredObject(ref=ref_of(object), object=object, provenance=provenance, digest=digest(object))
            objects.append(one)
        return DesiredState(source=source, revision=RevisionInfo(commit=commit), objects=tuple(objects))

    def edit(self) -> str:
        """Do one random edit."""
        dice = self.dice
        edits = [self.add, self.remove, self.scale, self.scale, self.roll, self.roll, self.roll, self.configure]
        edits += [self.break_image, self.change_strategy, self.empty]
        weights = [4, 3, 4, 4, 4, 4, 4, 3, 3, 2, 0.3]
        return dice.choices(edits, weights)[0]()

    def give(self, other: "Repository") -> str:
        """Move an object to another repository, as people do: two commits, in any order."""
        if not self.documents:
            return self.add()
        key = self.dice.choice(sorted(self.documents))
        other.documents[key] = self.documents.pop(key)
        other.documents[key]["metadata"].setdefault("annotations", {})["reconciler.dev/adopt"] = "true"
        return f"move {key} from {self.source} to {other.source}"

    def heal(self, everything: set[str]) -> None:
        """Leave only what can become healthy; `everything` are the names in all repositories."""
        for document in self.documents.values():
            for container in _containers(document):
                name = container["image"].split("/")[1].split(":")[0]
                if name in _BAD:
                    container["image"] = "shop/web:3"
                for variable in container.get("env", []):
                    if f"secret/{variable['valueFrom']['secretKeyRef']['name']}" not in everything:
                        del container["env"]
            annotations = document["metadata"].get("annotations", {})
            needed = annotations.get("reconciler.dev/depends-on", "")
            if needed and needed.replace("/default/", "/") not in everything:
                del annotations["reconciler.dev/depends-on"]

    # Edits

    def add(self) -> str:
        """Add an object of a random kind."""
        self._numbers += 1
        number = f"{self._numbers}" if self.source == "main" else f"{self.source}-{self._numbers}"
        makers = [self._deployment, self._service, self._config_map, self._secret, self._job, self._pod, self._claim]
        document = self.dice.choices(makers, [6, 2, 2, 2, 2, 2, 1])[0](number)
        kind = KINDS[document["kind"]]
        if kind.namespaced:
            document["metadata"].setdefault("namespace", "default")
        key = _key(document)
        self.documents[key] = document
        return f"add {key}"

    def remove(self) -> str:
        """Remove some objects."""
        if not self.documents:
            return self.add()
        count = min(self.dice.choice((1, 1, 1, 2, 4)), len(self.documents))
        gone = self.dice.sample(sorted(self.documents), count)
        for key in gone:
            del self.documents[key]
        return f"remove {', '.join(gone)}"

    def empty(self) -> str:
        """Remove everything."""
        self.documents.clear()
        return "remove everything"

    def scale(self) -> str:
        """Change a number of replicas."""
        document = self._one("Deployment")
        if document is None:
            return self.add()
        document["spec"]["replicas"] = self.dice.randint(0, 5)
        return f"scale {_key(document)} to {document['spec']['replicas']}"

    def roll(self) -> str:
        """Change an image to another good one."""
        return self._set_image(self.dice.choice(_GOOD))

    def break_image(self) -> str:
        """Change an image to one that does not work."""
        return self._set_image(self.dice.choice(_BAD))

    def configure(self) -> str:
        """Change the content of a ConfigMap or Secret."""
        document = self._one("ConfigMap") or self._one("Secret")
        if document is None:
            return self.add()
        document["data"] = {"key": self.dice.choice(("QQ==", "Qg==", "Qw=="))}
        return f"change {_key(document)}"

    def change_strategy(self) -> str:
        """Change how a Deployment rolls."""
        document = self._one("Deployment")
        if document is None:
            return self.add()
        document["spec"]["strategy"] = self._strategy()
        return f"let {_key(document)} roll by {document['spec']['strategy']}"

    # Parts

    def _set_image(self, name: str) -> str:
        document = self._one("Deployment", "Pod", "Deployment")
        if document is None:
            return self.add()
        image = f"shop/{name}:{self.dice.choice(_VERSIONS)}"
        self.dice.choice(_containers(document))["image"] = image
        return f"set {_key(document)} to {image}"

    def _one(self, *kinds: str) -> Document | None:
        found = [self.documents[key] for key in sorted(self.documents) if self.documents[key]["kind"] in kinds]
        return self.dice.choice(found) if found else None

    def _deployment(self, number: str) -> Document:
        dice, name = self.dice, f"web-{number}"
        annotations = {}
        other = self._one("Deployment")
        if other is not None and dice.random() < 0.25:
            annotations["reconciler.dev/depends-on"] = f"deployment/default/{other['metadata']['name']}"
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "annotations": annotations},
            "spec": {
                "replicas": dice.randint(0, 4),
                "minReadySeconds": dice.choice((0, 0, 0, 5)),
                "revisionHistoryLimit": dice.choice((0, 1, 10)),
                "strategy": self._strategy(),
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": self._pod_spec(name)},
            },
        }

    def _strategy(self) -> Document:
        dice = self.dice
        if dice.random() < 0.25:
            return {"type": "Recreate"}
        surge, unavailable = dice.choice((0, 1, 2, "25%", "50%")), dice.choice((0, 1, 2, "25%", "50%"))
        if surge == 0 and unavailable == 0:
            surge = 1
        return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}

    def _pod_spec(self, name: str) -> Document:
        dice = self.dice
        spec: Document = {
            "terminationGracePeriodSeconds": dice.choice((0, 2, 5, 30)),
            "containers": [self._container("main")],
        }
        if dice.random() < 0.2:
            spec["containers"].append(self._container("second"))
        if dice.random() < 0.2:
            spec["initContainers"] = [{"name": "init", "image": "shop/task:1"}]
        if dice.random() < 0.3:
            spec["volumes"] = [{"name": "scratch", "emptyDir": {}}]
            spec["containers"][0]["volumeMounts"] = [{"name": "scratch", "mountPath": "/scratch"}]
        return spec

    def _container(self, name: str) -> Document:
        dice = self.dice
        container: Document = {"name": name, "image": f"shop/{dice.choice(_GOOD)}:{dice.choice(_VERSIONS)}"}
        if dice.random() < 0.6:
            container["readinessProbe"] = {"httpGet": {"port": 80}, "periodSeconds": dice.choice((1, 2, 5))}
        if dice.random() < 0.2:
            container["livenessProbe"] = {"tcpSocket": {"port": 80}, "periodSeconds": dice.choice((2, 10))}
        config = self._one("ConfigMap")
        if config is not None and dice.random() < 0.3:
            container["envFrom"] = [{"configMapRef": {"name": config["metadata"]["name"], "optional": True}}]
        secret = self._one("Secret")
        if secret is not None and dice.random() < 0.3:
            source = {"secretKeyRef": {"name": secret["metadata"]["name"], "key": "key"}}
            container["env"] = [{"name": "KEY", "valueFrom": source}]
        return container

    def _service(self, number: str) -> Document:
        target = self._one("Deployment")
        app = target["metadata"]["name"] if target is not None else "nobody"
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": f"service-{number}",
                "annotations": {"service.kubernetes.io/topology-mode": "Auto"},
            },
            "spec": {"selector": {"app": app}, "ports": [{"port": 80}]},
        }

    def _config_map(self, number: str) -> Document:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"config-{number}"},
            "data": {"key": "QQ=="},
        }

    def _secret(self, number: str) -> Document:
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"secret-{number}"},
            "data": {"key": "QQ=="},
        }

    def _job(self, number: str) -> Document:
        dice = self.dice
        spec = {"restartPolicy": dice.choice(("Never", "OnFailure"))}
        image = dice.choice(("shop/task:1", "shop/task:2", "shop/failing:1"))
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": f"job-{number}"},
            "spec": {
                "completions": dice.randint(1, 3),
                "parallelism": dice.randint(1, 2),
                "backoffLimit": dice.randint(0, 2),
                "template": {"spec": {**spec, "containers": [{"name": "main", "image": image}]}},
            },
        }

    def _pod(self, number: str) -> Document:
        name = f"pod-{number}"
        spec = self._pod_spec(name)
        claim = self._one("PersistentVolumeClaim")
        if claim is not None and self.dice.random() < 0.7:
            source = {"claimName": claim["metadata"]["name"]}
            spec["volumes"] = [*spec.get("volumes", []), {"name": "data", "persistentVolumeClaim": source}]
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}

    def _claim(self, number: str) -> Document:
        # Every other claim allows one Pod alone.
        mode = "ReadWriteOncePod" if int(number[-1]) % 2 else "ReadWriteOnce"
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": f"claim-{number}"},
            "spec": {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}},
        }


def _key(document: Document) -> str:
    return f"{document['kind'].lower()}/{document['metadata']['name']}"


def _containers(document: Document) -> list[Document]:
    spec = document.get("spec", {})
    spec = spec["template"]["spec"] if "template" in spec else spec
    return list(spec.get("containers", []))
