"""Reading and validating manifests, beside PyYAML's C loader with jsonschema on the same documents.

By itself: `python -m benchmarks.bench_validate [COUNT]`. Nothing is asserted.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import jsonschema
import yaml
import yaml.events

from benchmarks.row import Row
from reconciler.schema.builder import build
from reconciler.schema.cache import Cache
from reconciler.schema.examples import EXAMPLES
from reconciler.schema.generate import all_schemas
from reconciler.schema.reader import build_with_ruamel
from reconciler.schema.validate import FileResult, SourceFile, validate

_MIX = ("Deployment", "Service", "ConfigMap", "Deployment", "Secret")


def manifest_files(count: int) -> list[SourceFile]:
    """Return `count` files of one manifest each: two fifths Deployments, the rest Services, ConfigMaps, Secrets."""
    files = []
    for number in range(count):
        kind = _MIX[number % len(_MIX)]
        document = json.loads(json.dumps(EXAMPLES[kind]))
        _rename(document, f"app-{number // len(_MIX)}", number)
        content = yaml.safe_dump(document, sort_keys=False).encode()
        files.append(SourceFile(f"apps/{number // 100}/{number}.yaml", content, f"blob-{number}"))
    return files


def _rename(document: dict[str, Any], app: str, number: int) -> None:
    """Give the objects of one app labels of their own, as real repositories do."""
    document["metadata"]["name"] = f"{app}-{number % len(_MIX)}"
    spec = document.get("spec", {})
    if document["kind"] == "Service":
        spec["selector"] = {"app": app}
    elif document["kind"] == "Deployment":
        spec["selector"]["matchLabels"] = spec["template"]["metadata"]["labels"] = {"app": app, "part": str(number)}


def timed(work: Callable[[], Any]) -> float:
    """Return how long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def plain(files: list[SourceFile]) -> None:
    """Do what a simple tool does: load with PyYAML's C loader, validate with jsonschema; no places, no objects."""
    validators = {kind: jsonschema.Draft202012Validator(schema) for kind, schema in all_schemas().items()}
    for file in files:
        document = yaml.load(file.content, Loader=yaml.CSafeLoader)
        list(validators[document["kind"]].iter_errors(document))


def reading_rows(files: list[SourceFile]) -> list[Row]:
    """Compare the ways of reading, per document."""
    texts = [file.content.decode() for file in files]
    ours = timed(lambda: [list(build(yaml.parse(text, Loader=yaml.CSafeLoader), yaml.events)) for text in texts])
    ruamel = timed(lambda: [list(build_with_ruamel(text)) for text in texts])
    plain_yaml = timed(lambda: [yaml.load(text, Loader=yaml.CSafeLoader) for text in texts])
    others = (("same over ruamel.yaml's events", ruamel), ("PyYAML C loader, no places", plain_yaml))
    return [Row(work=f"read {len(files)} documents with places", ours_s=ours, others_s=others)]


def run(count: int = 10_000) -> list[Row]:
    """Measure reading, first validation, and validation again with nothing and with one file changed."""
    files = manifest_files(count)
    validate(files[:5])
    plain(files[:5])
    rows = reading_rows(files[: max(50, count // 50)])
    cache: Cache[FileResult] = Cache()
    first = timed(lambda: validate(files, cache=cache))
    other = timed(lambda: plain(files))
    again = timed(lambda: validate(files, cache=cache))
    changed = [*files[:-1], SourceFile(files[-1].path, files[-1].content + b"\n", "blob-new")]
    one = timed(lambda: validate(changed, cache=cache))
    alone = timed(lambda: validate(files[:1]))
    name = "PyYAML C + jsonschema"
    note = "the other one has no places, no rules and no objects"
    return [
        *rows,
        Row(f"{count} manifests, first load", first, ((name, other),), "10 s", note),
        Row(f"{count} manifests, nothing changed", again, ((name, other),), "", ""),
        Row(f"{count} manifests, one file changed", one, ((name, other),), "0.2 s", ""),
        Row("one file, schemas compiled", alone, ((name, timed(lambda: plain(files[:1]))),), "", ""),
    ]


def main() -> None:
    """Print what `run` measured."""
    for row in run(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000):
        ratios = ", ".join(
            f"{(row.ours_s or 0) / seconds:.2f} x {name} ({seconds:.3f} s)" for name, seconds in row.others_s
        )
        print(f"{row.work:<42} {row.ours_s or 0:8.3f} s   {ratios}")


if __name__ == "__main__":
    main()
