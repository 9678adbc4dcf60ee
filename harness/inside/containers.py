"""Runs a script in a plain container on every node of a lab: one that no service started."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.engine.spec import RUN_LABEL
from harness.errors import HarnessError
from harness.inside.bundle import pack
from harness.inside.frames import NodeAnswer, assemble
from harness.inside.job import JobSwarm, expected
from harness.inside.parse import JobAnswers
from harness.lab.protocol import Lab
from harness.model import Network

_SLACK = 20.0  # seconds beyond the script's own bound for a container to start and to end
# $1: name, $2: file, $3: label, $4: network, $5: image; the script comes on standard input. It has a bound of
# its own, so a container that nobody waits for any more ends, and is gone then.
_RUN = """
trap 'docker rm -f "$1" >/dev/null 2>&1; rm -f "$2"' EXIT
cat > "$2"
docker run --rm --name "$1" --label "$3" --network "$4" --volume "$2:/harness/job.py:ro" \
    --env HARNESS_ARGS --env HARNESS_NODE --env HARNESS_TASK "$5" python3 -I -S -B /harness/job.py
"""


def run_plain(
    swarm: JobSwarm, lab: Lab, network: Network, script: str, image: str, args: Mapping[str, Any]
) -> JobAnswers:
    """Run ``script`` on every node that takes tasks, as ``docker run --network`` does; nothing is left of it.

    Args:
        swarm: whose nodes they are.
        lab: on which they run.
        network: an attachable overlay network.
        script: as for a job.
        image: that holds ``python3``.
        args: of the script; ``bound``: seconds that it may take.
    """
    nodes, aside = expected(swarm.nodes())
    began = swarm.clock.now()
    name = f"h-{swarm.run}-{swarm.journal.new_id('plain')}"
    data, bound = pack(script), float(args["bound"]) + _SLACK

    def on(node: str) -> NodeAnswer | str:
        env = {"HARNESS_ARGS": json.dumps(args), "HARNESS_NODE": node, "HARNESS_TASK": name}
        words = [f"{key}={value}" for key, value in env.items()]
        label = f"{RUN_LABEL}={swarm.run}"
        command = ["env", *words, "sh", "-c", _RUN, "plain", name, f"/run/{name}", label, network.name, image]
        try:
            done = lab.exec(node, command, bound=bound, stdin=data)
        except HarnessError as error:
            return str(error)
        answer = assemble(done.out.splitlines()).get(node)
        return answer or " ".join(done.err.split())[-300:] or "it told nothing"

    with ThreadPoolExecutor(max(1, len(nodes)), thread_name_prefix="plain") as threads:
        told = dict(zip(nodes, threads.map(lambda node: on(node.hostname), nodes), strict=True))
    answers = tuple(answer for answer in told.values() if isinstance(answer, NodeAnswer))
    missing = tuple(
        (node.hostname, answer if isinstance(answer, str) else answer.lacking)
        for node, answer in told.items()
        if isinstance(answer, str) or not answer.complete
    )
    return JobAnswers(answers, missing, began, swarm.clock.now(), skipped=aside)
