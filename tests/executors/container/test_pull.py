"""Pulling from a registry that asks who one is."""

import base64
import json

import pytest

from reconciler.executors.container import ContainerExecutor
from reconciler.model.details import PullImage
from reconciler.model.node import ConfigMaterial
from reconciler.model.plan import OutcomeStatus
from tests.executors.container import build
from tests.executors.container.registry import PASSWORD, USER, registry

pytestmark = pytest.mark.real


def secret(name: str, host: str, password: str) -> ConfigMaterial:
    """A Secret with the credentials for one registry."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return build.material("Secret", name, **{".dockerconfigjson": json.dumps({"auths": {host: {"auth": auth}}})})


def test_an_image_is_pulled_with_the_first_credentials_that_work(executor: ContainerExecutor) -> None:
    """P22, P25: wrong ones are passed over and told nowhere; a second pull changes nothing."""
    with registry() as host:
        image = f"{host}/shop/web:1"
        materials = build.materials(secret("wrong", host, "wrong-word"), secret("right", host, PASSWORD))

        def pull(*secrets: str, of: str = image):  # type: ignore[no-untyped-def]
            detail = PullImage(image=of, namespace="shop", pull_secrets=secrets)
            return executor.execute(build.action(detail), materials)

        for refused in (pull(), pull("wrong"), pull("missing")):
            assert (refused.status, refused.reason, refused.retry) == (
                OutcomeStatus.FAILED,
                "ErrImagePull",
                "transient",
            )
            assert "wrong-word" not in repr(refused) and PASSWORD not in repr(refused)
        assert image not in executor.images()
        pulled = pull("wrong", "right")
        assert (pulled.status, pulled.result[:7]) == (OutcomeStatus.DONE, "sha256:"), pulled.message
        assert image in executor.images()
        assert pull("right").status is OutcomeStatus.UNCHANGED
        missing = pull("right", of=f"{host}/shop/web:2")
        assert (missing.reason, missing.retry) == ("ErrImagePull", "transient")
        digest = next(name for name in executor.images() if name.startswith(f"{host}/shop/web@"))
        assert pull("right", of=digest).status is OutcomeStatus.UNCHANGED
