"""Runs a script once on every node that takes tasks, as a swarm job, and collects what the nodes tell."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

from harness.clock import Deadline
from harness.inside.bundle import pack
from harness.inside.collector import Collector
from harness.inside.job import Job, JobSwarm, expected
from harness.inside.parse import JobAnswers


def run_job(
    swarm: JobSwarm,
    job: Job,
    stop: threading.Event | None = None,
    *,
    ready: Callable[[], None] | None = None,
) -> JobAnswers:
    """Run ``job`` on every node that takes tasks; its service and config are gone afterwards.

    Nodes whose answer did not come whole within the bound are listed as missing with the reason; nodes that
    take no tasks are listed as skipped.

    Args:
        swarm: where it runs.
        job: what runs.
        stop: set by another thread, it ends the job early.
        ready: called once, as soon as every script has told a record of the kind ``ready``, or those that
            have not can no longer; never if none did. What it raises ends the job.

    Raises:
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer.
        Interrupted: ``stop`` was set; nothing is left then either.
    """
    clock = swarm.clock
    nodes, aside = expected(swarm.nodes())
    name = f"h-{swarm.run}-{swarm.journal.new_id(job.script)}"
    with swarm.config(name, pack(job.script)):
        began = clock.now()
        with swarm.deploy(job.spec(name)) as service:
            collector = Collector(swarm, service.id, nodes, stop or threading.Event(), ready)
            collector.collect(Deadline.after(job.start, clock), job.bound)
            collector.require_image(job.image)
            job_answers = dataclasses.replace(collector.answers(began, clock.now()), skipped=aside)
    swarm.journal.write(
        "job",
        name=name,
        script=job.script,
        seconds=round(clock.now() - began, 3),
        answered=round(job_answers.ended - began, 3),
        **collector.phases(began),
        told=[answer.node for answer in job_answers.whole],
        missing=list(job_answers.missing),
        skipped=list(aside),
    )
    return job_answers
