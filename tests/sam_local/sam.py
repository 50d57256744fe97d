"""`sam` with its containers on this machine's network; run by the Python that has aws-sam-cli.

On Docker's own network they could not reach what listens on 127.0.0.1, and `--docker-network host` leaves them there
(aws-sam-cli, issue 669 and pull request 7278). So no port of theirs is mapped: the emulator inside listens where the command
line will look for it, and nowhere else.
"""

from docker.models.containers import Container, ContainerCollection
from samcli.cli.main import cli
from samcli.local.docker import container
from samcli.local.docker.utils import find_free_port

LOOPBACK = "127.0.0.1"


def stay_on_the_host() -> None:
    create = ContainerCollection.create

    def create_on_the_host(self: ContainerCollection, image: str, command: list | None = None, **options) -> Container:
        _, port = options.pop("ports")[container.Container.RAPID_PORT_CONTAINER]
        options["entrypoint"] += [
            "--runtime-interface-emulator-address", f"{LOOPBACK}:{port}",
            "--runtime-api-address", f"{LOOPBACK}:{find_free_port(LOOPBACK, 9001, 9900)}",
        ]  # fmt: skip
        return create(self, image, command, network_mode="host", **options)

    ContainerCollection.create = create_on_the_host


if __name__ == "__main__":
    stay_on_the_host()
    cli(prog_name="sam")
