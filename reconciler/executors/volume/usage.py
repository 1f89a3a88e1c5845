"""How much the emptyDir volumes of a Pod hold.

Effect: reads sizes, changes nothing.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from reconciler.executors.volume.paths import VolumePaths
from reconciler.model.node import PodAssignment

_BLOCK = 512


def pod_usage(paths: VolumePaths, pod: PodAssignment) -> Mapping[str, int]:
    """Return the bytes on disk of each emptyDir that has a limit; one in memory is limited by the kernel."""
    limited = {
        volume.name: paths.volume_path(pod.uid, volume)
        for volume in pod.spec.volumes
        if volume.empty_dir is not None
        and volume.empty_dir.size_limit is not None
        and volume.empty_dir.medium != "Memory"
    }
    return {name: _bytes_in(path) for name, path in limited.items() if path.is_dir()}


def _bytes_in(top: Path) -> int:
    total = 0
    for _, _, files, directory in os.fwalk(top, follow_symlinks=False):
        for name in files:
            try:
                total += os.stat(name, dir_fd=directory, follow_symlinks=False).st_blocks * _BLOCK
            except FileNotFoundError:
                continue
    return total
