"""How layers and manifests are written for docker-registry."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

from harness.lab.images.layers import Files, Registry, entry, tar


def _files() -> Files:
    hard = tarfile.TarInfo("bin/again")
    hard.type, hard.linkname = tarfile.LNKTYPE, "bin/tool"
    return {
        "bin/again": (hard, b""),
        "bin/tool": (entry("bin/tool", mode=0o755), b"\x7fELF"),
        "bin/short": (entry("bin/short", link="tool"), b""),
        "data": (entry("data", mode=0o755, folder=True, owner=999), b""),
    }


def _blob(root: Path, digest: str) -> bytes:
    value = digest.removeprefix("sha256:")
    content = (root / "docker/registry/v2/blobs/sha256" / value[:2] / value / "data").read_bytes()
    assert hashlib.sha256(content).hexdigest() == value
    return content


def test_a_tar_keeps_mode_owner_and_kind_and_puts_hard_links_last() -> None:
    """An engine unpacks in order: a hard link before its file would fail."""
    with tarfile.open(fileobj=io.BytesIO(tar(_files()))) as archive:
        members = {member.name: member for member in archive}
    assert list(members)[-1] == "bin/again"
    assert members["bin/tool"].mode == 0o755
    assert members["bin/short"].linkname == "tool"
    assert (members["data"].isdir(), members["data"].uid) == (True, 999)


def test_the_same_files_give_the_same_digest_whatever_their_order(tmp_path: Path) -> None:
    """Digests may depend on content only: nodes keep what they have."""
    files = _files()
    one = Registry(tmp_path / "one").layer(files)
    two = Registry(tmp_path / "two").layer(dict(reversed(files.items())))
    assert one == two


def test_an_image_is_reachable_from_every_name_and_tag_down_to_its_layers(tmp_path: Path) -> None:
    """Tag, manifest, configuration and layers lead to one another by digests that hold."""
    registry = Registry(tmp_path)
    blob = registry.layer(_files())
    digest = registry.image(("library/redis", "other/name"), ("latest", "8"), (blob,), {"Cmd": ["x"]})
    for name in ("library/redis", "other/name"):
        repository = tmp_path / "docker/registry/v2/repositories" / name
        for tag in ("latest", "8"):
            assert (repository / "_manifests/tags" / tag / "current/link").read_text() == digest
        manifest = json.loads(_blob(tmp_path, digest))
        config = json.loads(_blob(tmp_path, manifest["config"]["digest"]))
        packed = _blob(tmp_path, manifest["layers"][0]["digest"])
        assert len(packed) == manifest["layers"][0]["size"]
        assert (
            f"sha256:{hashlib.sha256(gzip.decompress(packed)).hexdigest()}" == config["rootfs"]["diff_ids"][0]
        )
        assert config["config"] == {"Cmd": ["x"]}
        for each in (manifest["config"]["digest"], blob.digest):
            assert (repository / "_layers/sha256" / each.removeprefix("sha256:") / "link").read_text() == each
