"""The tutorial's images: built apart from what every lab needs, and served by a registry of their own."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RequestError, Unmeasurable
from harness.lab import images
from harness.lab.images.recipes import UNWANTED
from harness.lab.images.tutorial import TUTORIAL
from harness.lab.uml import cache, control, registry, state
from harness.progress import Silent


def test_layers_stand_on_those_that_every_lab_has() -> None:
    """The same packages below make the same layers, which a node has already."""
    seen = {""}
    base = {layer.name: layer for layer in images.BASE.layers}
    for layer in TUTORIAL.layers:
        assert layer.below in seen
        assert base.get(layer.name, layer) == layer
        seen.add(layer.name)
    assert {image.layer for image in TUTORIAL.images} <= seen


def test_every_image_has_files_of_its_own_and_a_user_to_run_as(tmp_path: Path) -> None:
    """Start scripts can be run; who is named in the configuration is in /etc/passwd."""
    for image in TUTORIAL.images:
        own = TUTORIAL.own(image.names[0], tmp_path)
        users = own["etc/passwd"][1].decode()
        assert f"{image.config.get('User', 'root')}:x:" in users
        scripts = [info for path, (info, _) in own.items() if path.endswith("docker-entrypoint.sh")]
        assert all(info.mode == 0o755 for info in scripts)
        assert bool(scripts) == ("Entrypoint" in image.config)
        assert not [path for path in own if "__pycache__" in path]


def test_what_a_layer_names_is_not_left_out_without_need() -> None:
    """These two every image goes without, but for the database."""
    named = {package for layer in TUTORIAL.layers for package in layer.packages}

    assert named & (UNWANTED | TUTORIAL.unwanted) == {"libpam0g", "tzdata"}


def test_names_are_docker_hubs() -> None:
    """And other than those that every lab has."""
    names = {name for image in TUTORIAL.images for name in image.names}

    assert names == {
        "library/haproxy", "library/nginx", "library/postgres", "library/mysql",
        "dockersamples/examplevotingapp_vote", "dockersamples/examplevotingapp_worker",
        "dockersamples/examplevotingapp_result",
    }  # fmt: skip
    assert not names & {name for image in images.BASE.images for name in image.names}


def test_they_are_an_entry_of_their_own_that_no_lab_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First use is as quick as without them."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    parts = cache.parts()
    for path in (parts.tools, parts.node, parts.images, parts.disk):
        path.mkdir(parents=True)

    assert parts.complete
    assert not parts.tutorial.exists()
    assert parts.tutorial.name.startswith("tutorial-")


def test_why_they_could_not_be_built_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What apt said, and what to do; nothing half made is left."""

    def failing(*words: str) -> Generator[dict[str, Any]]:
        assert words == ("tutorial",)
        yield {
            "failed": "chroot /x apt-get install exited 100: E: Unable to locate",
            "remedy": "see the mirror",
        }

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_set_up", failing)
    parts = cache.parts()
    for path in (parts.tools, parts.node, parts.images, parts.disk):
        path.mkdir(parents=True)

    with pytest.raises(Unmeasurable) as told:
        cache.ensure_tutorial(Silent())

    assert told.value.message == "the tutorial's images could not be built: E: Unable to locate"
    assert told.value.remedy == "see the mirror"
    assert not parts.tutorial.exists()


@pytest.mark.parametrize(
    ("running", "done"),
    [
        ({}, ["list", "spawn registry-tutorial-2"]),
        ({"registry-tutorial-2": None, "registry": None}, ["list"]),
        ({"registry-tutorial-2": 1}, ["list", "spawn registry-tutorial-2"]),
        ({"registry-tutorial-1": None}, ["list", "kill registry-tutorial-1", "spawn registry-tutorial-2"]),
    ],
)
def test_the_second_registry_is_started_once_and_serves_what_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, running: dict[str, int | None], done: list[str]
) -> None:
    """One of another version of this checkout goes."""
    asked: list[str] = []

    def ask(where: state.Places, op: str, **words: Any) -> dict[str, Any]:
        asked.append(f"{op} {words.get('name', '')}".strip())
        return {"exits": running}

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    monkeypatch.setattr(control, "ask", ask)
    where = state.places("lab")
    where.root.mkdir(parents=True)

    registry.start_second(where, tmp_path / "tutorial-2")

    assert asked == done


def test_nobody_serves_without_a_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, before anything is built."""
    from harness import lab  # noqa: PLC0415

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    with pytest.raises(RequestError, match="no lab is running"):
        lab.serve_tutorial()
    assert not list(tmp_path.glob("tutorial-*"))
