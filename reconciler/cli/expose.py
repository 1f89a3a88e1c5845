"""`reconciler expose`."""

import click

from reconciler.cli.common import JSON, client_of, command, write, write_json
from reconciler.cli.get import yaml_text
from reconciler.cli.targets import object_ref


@command(
    "reconciler expose deployment/shop/web > manifests/web-service.yaml\n"
    "reconciler expose deployment/web -n shop --port 80 --target-port 8080 --name shop"
)
@click.argument("object")
@click.option("-n", "--namespace", help="The namespace of OBJECT.")
@click.option("--name", default="", help="The name of the Service (that of OBJECT).")
@click.option("--port", "ports", type=click.IntRange(1, 65535), multiple=True, help="A port (all of OBJECT's).")
@click.option("--target-port", "target", metavar="PORT", help="Number or name of the container's port (the same).")
@click.option(
    "--type",
    "service_type",
    type=click.Choice(["ClusterIP", "NodePort", "LoadBalancer"]),
    default="ClusterIP",
    help="The type of the Service (ClusterIP).",
)
def run(
    data_dir: str | None,
    output: str,
    object: str,
    namespace: str | None,
    name: str,
    ports: tuple[int, ...],
    target: str | None,
    service_type: str,
) -> None:
    """Print the manifest of a Service that leads to the Pods of OBJECT, to be put into the repository."""
    from reconciler.model.kinds import KINDS
    from reconciler.render.exposing import NotExposed, service_for

    if target is not None and len(ports) > 1:
        raise click.UsageError("--target-port goes with one --port")
    client, ref = client_of(data_dir), object_ref(object, namespace)
    document = client.object(KINDS[ref.kind], ref.namespace, ref.name)
    leads_to = int(target) if target is not None and target.isdecimal() else target
    try:
        service = service_for(ref.kind, document, name=name, ports=ports, target=leads_to, service_type=service_type)
    except NotExposed as error:
        raise click.UsageError(f"{ref}: {error}") from error
    if output == JSON:
        write_json(service)
    else:
        write(yaml_text(service))
