"""The embedded lab keeps its promises: commands out of band, power, cables, and nothing left behind."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import lab
from harness.errors import RequestError, Unmeasurable
from harness.lab import enter
from harness.lab.uml import state
from harness.lab.uml.lab import UmlLab

KEY = "lab-tests"  # a lab of its own: these tests pull its plugs
WORKER = "swarm-worker1"


def harness_command(*words: str, bound: float = 240.0) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    argv = [sys.executable, "-m", "harness", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=bound, check=False)


@pytest.fixture(scope="module")
def running() -> Iterator[UmlLab]:
    """A lab of one manager and one worker, for this module alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_LAB", KEY)
        lab.down()
        try:
            yield lab.up(1, 1)
        finally:
            lab.down()


def eventually(holds: Callable[[], bool], bound: float) -> bool:
    """Whether ``holds`` becomes true within ``bound`` seconds."""
    until = time.monotonic() + bound
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_a_command_keeps_its_exit_code_and_both_outputs(running: UmlLab) -> None:
    """Exit code, output and error output of a command on a node come back apart."""
    done = running.exec(WORKER, ["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (done.code, done.out, done.err) == (7, "out\n", "err\n")


def test_a_command_runs_as_root_on_the_node_it_names(running: UmlLab) -> None:
    """The command sees the node's own kernel, host name and user 0."""
    done = running.exec(WORKER, ["sh", "-c", "hostname; id -u; uname -r"])
    name, user, kernel = done.out.split()
    assert (name, user) == (WORKER, "0")
    assert kernel.startswith("6.12.")


def test_bytes_pass_unchanged_both_ways(running: UmlLab) -> None:
    """All 256 byte values survive as input and as output, far beyond any buffer on the way."""
    data = bytes(range(256)) * 800
    done, out, _ = running.exec_bytes(WORKER, ["cat"], stdin=data)
    assert done.ok
    assert hashlib.sha256(out).hexdigest() == hashlib.sha256(data).hexdigest()


def test_words_of_a_command_are_not_split_or_quoted(running: UmlLab) -> None:
    """Empty words, spaces, line ends and a long script arrive as they were given."""
    words = ["", "two words", "a\nb", "$HOME", "x" * 20_000]
    done = running.exec(WORKER, ["sh", "-c", 'printf "%s|" "$@"', "sh", *words])
    assert done.out == "".join(f"{word}|" for word in words)


def test_a_missing_program_is_the_commands_failure(running: UmlLab) -> None:
    """A program that is not there gives 127, as a shell would."""
    done = running.exec(WORKER, ["no-such-program"])
    assert done.code == 127
    assert "no-such-program" in done.err


def test_a_command_is_killed_on_the_node_at_its_bound(running: UmlLab) -> None:
    """After the bound nothing of the command runs on, and the line serves the next one."""
    with pytest.raises(Unmeasurable, match="did not finish within 1 s"):
        running.exec(WORKER, ["sleep", "333"], bound=1.0)
    assert "sleep 333" not in running.exec(WORKER, ["ps", "ax", "-o", "args"]).out


def test_commands_run_side_by_side(running: UmlLab) -> None:
    """More commands than channels all get their own answer."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = list(
            pool.map(lambda n: running.exec(WORKER, ["sh", "-c", f"sleep 0.2; exit {n}"]).code, range(8))
        )
    assert codes == list(range(8))


def test_much_output_of_several_commands_arrives_whole(running: UmlLab) -> None:
    """More than a channel holds, from all of them at once, while the node's disk and network are busy."""
    much = ["sh", "-c", "head -c 400000 /dev/zero | tr '\\0' x"]
    busy = [
        "sh",
        "-c",
        "for _ in $(seq 20); do dd if=/dev/zero of=/root/x bs=64k count=20 conv=fsync; done; rm /root/x",
    ]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        disk = pool.submit(running.exec, WORKER, busy)
        told = list(pool.map(lambda _: len(running.exec(WORKER, much).out), range(24)))
        assert disk.result().ok
    assert told == [400_000] * 24


def test_a_killed_client_leaves_the_channel_usable(running: UmlLab) -> None:
    """A client that dies in the middle of much output does not spoil the answers that follow."""
    argv = [sys.executable, "-m", "harness", "lab", "exec", WORKER, "--", "cat", "/dev/zero"]
    victims = [subprocess.Popen(argv, stdout=subprocess.PIPE) for _ in range(4)]
    for victim in victims:
        assert victim.stdout is not None
        victim.stdout.read(1)
        victim.kill()
        victim.stdout.close()
        victim.wait()
    assert [running.exec(WORKER, ["echo", str(n)]).out for n in range(5)] == [f"{n}\n" for n in range(5)]


def test_a_node_answers_with_its_cable_out(running: UmlLab) -> None:
    """Unplugged, a node runs commands while nobody on the network reaches it; plugged in, they do again."""
    address = running.node(WORKER).address
    ping = ["ping", "-c", "1", "-W", "1", address]
    reach = ["sh", "-c", f"exec 3<>/dev/tcp/{address}/2376"]
    probe = ["bash", *reach[1:]]
    assert running.exec("swarm-manager", probe, bound=10.0).ok, ping
    running.unplug(WORKER)
    try:
        assert running.exec(WORKER, ["hostname"]).out == f"{WORKER}\n"
        assert not running.exec("swarm-manager", ["timeout", "2", *probe], bound=10.0).ok
        assert [one.plugged for one in running.status()] == [True, False]
    finally:
        running.plug(WORKER)
    assert eventually(lambda: running.exec("swarm-manager", ["timeout", "2", *probe], bound=10.0).ok, 15.0)


def test_a_node_answers_with_its_engine_dead(running: UmlLab) -> None:
    """With the engine killed the node still runs commands, and status sees that no engine answers."""
    try:
        assert running.exec(WORKER, ["/run/lab/engine", "kill"]).ok
        assert running.exec(WORKER, ["hostname"]).ok
        worker = running.status()[1]
        assert (worker.powered, worker.engine) == (True, "")
    finally:
        running.exec(WORKER, ["/run/lab/engine", "start"])
    assert eventually(lambda: running.status()[1].engine != "", 60.0)


def test_a_kernel_is_asked_past_its_programs(running: UmlLab) -> None:
    """Load, memory, interrupts, blocked tasks: no program on the node takes part in the answer."""
    told = running.kernel_says(WORKER)

    assert all(word in told for word in ("MemTotal", "SIGIO", "Show Blocked State", "Mem-Info")), told[:2000]
    assert "physical memory" in running.console(WORKER)
    with pytest.raises(RequestError, match="no node"):
        running.kernel_says("nobody")


def test_power_failure_and_return(running: UmlLab) -> None:
    """Power off kills the kernel at once; power on boots the same disk, and the node rejoins by itself."""
    running.exec(WORKER, ["sh", "-c", "echo kept > /root/kept && sync"])
    running.power_off(WORKER)
    assert not running.status()[1].powered
    with pytest.raises(Unmeasurable, match="powered off"):
        running.exec(WORKER, ["true"])
    running.power_off(WORKER)
    running.power_on(WORKER)
    running.power_on(WORKER)
    assert running.exec(WORKER, ["cat", "/root/kept"]).out == "kept\n"
    assert eventually(
        lambda: running.status()[1].swarm == "active" and running.status()[1].seen == "ready", 90.0
    )


def test_up_puts_a_running_lab_in_order(running: UmlLab) -> None:
    """``up`` on a lab with a node off and a cable out brings both back and changes nothing else."""
    swarm = running.exec("swarm-manager", ["docker", "info", "-f", "{{.Swarm.Cluster.ID}}"]).out
    running.unplug("swarm-manager")
    running.power_off(WORKER)
    again = lab.up(1, 1)
    assert all(one.powered and one.plugged and one.engine for one in again.status())
    assert again.exec("swarm-manager", ["docker", "info", "-f", "{{.Swarm.Cluster.ID}}"]).out == swarm


def test_up_of_another_shape_is_refused(running: UmlLab) -> None:
    """A lab of other numbers is neither changed nor silently accepted."""
    with pytest.raises(RequestError, match="1 managers and 1 workers is running"):
        lab.up(1, 2)


def test_an_unknown_node_is_refused_with_the_names_there_are(running: UmlLab) -> None:
    """A typing error in a node's name is answered with the names."""
    with pytest.raises(RequestError, match="swarm-manager, swarm-worker1"):
        running.power_off("swarm-worker9")


def test_the_command_line_reports_what_processes_say(running: UmlLab) -> None:
    """``harness lab status --json`` lists every node with power, cable, engine and swarm state."""
    done = harness_command("lab", "status", "--json")
    assert done.returncode == 0, done.stderr
    nodes = json.loads(done.stdout)["nodes"]
    assert [node["hostname"] for node in nodes] == ["swarm-manager", WORKER]
    assert all(node["powered"] and node["plugged"] and node["engine"].startswith("26.1") for node in nodes)


def test_the_command_line_passes_exit_codes_through(running: UmlLab) -> None:
    """``harness lab exec`` ends as its command did, on a node and in the lab's network."""
    assert harness_command("lab", "exec", WORKER, "--", "sh", "-c", "exit 9").returncode == 9
    done = harness_command("lab", "exec", "--", "ip", "-brief", "address", "show", "lab")
    assert (done.returncode, "192.168.200.1/24" in done.stdout) == (0, True)


def test_a_shell_on_a_node_has_our_terminal(running: UmlLab) -> None:
    """Its size, its keys (Ctrl-C stops what runs there, not us), and the shell's own exit code."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (33, 101))
    words = [sys.executable, "-m", "harness", "lab", "shell", WORKER]
    typed = (
        (b"# ", b"stty size; cat\n"),
        (b"33 101", b"here\n"),
        (b"here\r\nhere", b"\x03"),  # the terminal's echo, and cat's: it runs
        (b"# ", b"exit 3\n"),
        (b"logout", b""),
    )
    shell = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        for expected, keys in typed:
            seen = b""
            while expected not in seen:
                assert select.select([ours], [], [], 20)[0], seen
                seen += os.read(ours, 4096)
            os.write(ours, keys)
        assert shell.wait(20) == 3
    finally:
        shell.kill()
        shell.wait()
    os.close(ours)


def test_the_lab_works_the_same_from_within_its_network(running: UmlLab) -> None:
    """A process that entered the lab's network finds the lab, its engines, and its nodes' power."""
    code = (
        "from harness import lab\n"
        "found = lab.find()\n"
        "print(all(one.engine for one in found.status()))\n"
        f"print(found.exec('{WORKER}', ['hostname']).out.strip())\n"
        f"found.unplug('{WORKER}'); print(found.status()[1].plugged); found.plug('{WORKER}')\n"
    )
    done = subprocess.run(
        enter.command([sys.executable, "-c", code]), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["True", WORKER, "False"], done.stderr


def test_a_service_is_served_by_images_from_the_lab(running: UmlLab) -> None:
    """A name from Docker Hub runs without the internet, and every node answers on the published port."""
    create = ["docker", "service", "create", "--quiet", "--name", "who", "-p", "8099:80", "traefik/whoami"]
    assert running.exec("swarm-manager", create, bound=60.0).ok
    try:
        for node in running.nodes:  # where the task runs, others learn by gossip
            ask = ["curl", "-s", "-m", "30", "--retry", "100", "--retry-delay", "1", "--retry-connrefused"]
            done = running.exec("swarm-manager", [*ask, f"http://{node.address}:8099/"])
            assert done.out.startswith("Hostname: "), done
    finally:
        running.exec("swarm-manager", ["docker", "service", "rm", "who"])


def test_names_are_answered_at_once(running: UmlLab) -> None:
    """The nodes' resolver knows the nodes and denies the rest without delay."""
    began = time.monotonic()
    found = running.exec(WORKER, ["getent", "ahostsv4", "swarm-manager"])
    missing = running.exec(WORKER, ["getent", "ahostsv4", "registry-1.docker.io"])
    assert "192.168.200.10" in found.out
    assert not missing.ok
    assert time.monotonic() - began < 5.0


def lab_processes() -> list[str]:
    """Every process of this machine that names a file of our test lab on its command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"/labs/{KEY}/" in words:
                found.append(words)
    return found


def network_namespaces() -> set[str]:
    """The network namespaces that any process is in."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.add(str((entry / "ns/net").readlink()))
            except OSError:
                continue
    return found


def test_down_leaves_nothing(running: UmlLab) -> None:
    """After ``down``: no process, no namespace, no mount, no file of the lab, and a second one is quiet."""
    assert lab_processes()
    pid = state.holder_pid(running.where)
    assert pid is not None
    network = str(Path(f"/proc/{pid}/ns/net").readlink())
    done = harness_command("lab", "down")
    assert done.returncode == 0, done.stderr
    assert lab_processes() == []
    assert network not in network_namespaces()
    assert not running.where.root.exists()
    assert KEY not in Path("/proc/self/mountinfo").read_text()
    assert harness_command("lab", "down").stdout == "no lab was running\n"
    refused = harness_command("lab", "status")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "harness lab up" in refused.stderr


@pytest.mark.parametrize("after", [0.2, 0.5, 0.8, 1.5, 3.0, 5.0], ids=lambda after: f"{after}s")
def test_a_killed_up_leaves_nothing_running(after: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL at any moment of ``up``: all that it started dies by itself, and ``down`` removes its files."""
    monkeypatch.setenv("HARNESS_LAB", KEY)
    lab.down()
    argv = [sys.executable, "-m", "harness", "lab", "up", "--workers", "0"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as victim:
        time.sleep(after)
        victim.kill()
    where = state.places()
    assert eventually(lambda: state.holder_pid(where) is None and not lab_processes(), 20.0)
    lab.down()
    assert not where.root.exists()


def test_two_labs_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labs of two checkouts have the same addresses and know nothing of each other."""
    labs = []
    try:
        for key in ("lab-tests-a", "lab-tests-b"):
            monkeypatch.setenv("HARNESS_LAB", key)
            labs.append(lab.up(1, 0))
        ids = {
            one.exec("swarm-manager", ["docker", "info", "-f", "{{.Swarm.Cluster.ID}}"]).out for one in labs
        }
        assert len(ids) == 2
        monkeypatch.setenv("HARNESS_LAB", "lab-tests-a")
        lab.down()
        assert labs[1].status()[0].seen == "ready"
    finally:
        for key in ("lab-tests-a", "lab-tests-b"):
            monkeypatch.setenv("HARNESS_LAB", key)
            lab.down()
