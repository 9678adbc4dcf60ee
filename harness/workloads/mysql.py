"""MySQL as the tutorial deploys it: its password in a secret, and the path of that secret in a variable."""

from __future__ import annotations

from typing import Final

from harness.engine.spec import ConfigFile, Restart, ServiceSpec

SECRET: Final = "mysql_pass"  # noqa: S105 - the name that the tutorial gives it
SUM: Final = "42"  # what a client that may ask is told
# says a word for either password; the first is asked again until the server has filled its data folder
_CLIENT: Final = f"""
right=$(cat /run/secrets/{SECRET})
ask() {{ mysql -h "$DATABASE" -uroot -p"$1" -Nse 'SELECT 40 + 2' 2>&1 | tail -n 1; }}
for turn in $(seq 60); do
    said=$(ask "$right")
    test "$said" = {SUM} && break
    sleep 1
done
echo "right: $said"
echo "wrong: $(ask "not-$right")"
"""


def services(run: str, *, image: str, network: str, secret: str) -> tuple[ServiceSpec, ServiceSpec]:
    """The database, and a job that logs in with the secret and with another password.

    Args:
        run: id of the run.
        image: the official image, or one that keeps its contract.
        network: overlay network (name or id) that both are on.
        secret: name of the secret that both have.
    """
    files = (ConfigFile(secret, SECRET, 0o444),)
    database = ServiceSpec(
        name=f"h-{run}-mysql",
        image=image,
        env={"MYSQL_ROOT_PASSWORD_FILE": f"/run/secrets/{SECRET}"},
        networks=(network,),
        secrets=files,
        stop_grace=5.0,
    )
    client = ServiceSpec(
        name=f"h-{run}-mysql-client",
        image=image,
        command=("sh", "-c", _CLIENT),
        env={"DATABASE": database.name},
        mode="replicated-job",
        networks=(network,),
        secrets=files,
        restart=Restart("none"),
        log_driver="json-file",
    )
    return database, client
