"""A process that starts one Pod, to be killed: cluster, Pod uid, data directory, runtime directory."""

import sys

from reconciler.executors.container import ContainerExecutor
from reconciler.executors.engine import Engine
from reconciler.executors.volume import VolumeExecutor
from reconciler.model.node import Materials
from tests.executors.container import build

if __name__ == "__main__":
    cluster, uid, data, runtime = sys.argv[1:]
    executor = ContainerExecutor(
        Engine(), cluster=cluster, node="n1", volumes=VolumeExecutor(data, runtime), data_dir=data
    )
    pod = build.pod(uid=uid)
    print("ready", flush=True)
    executor.execute(build.action(build.sandbox(pod)), Materials())
    executor.execute(build.action(build.start(pod)), Materials())
