"""Layers and manifests, written where Debian's docker-registry looks for them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

Files = dict[str, tuple[tarfile.TarInfo, bytes]]  # path without leading slash -> entry, content

_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_EPOCH = "2025-01-01T00:00:00Z"  # one moment for all: same sources, same digests


@dataclass(frozen=True)
class Blob:
    """A layer as a registry knows it.

    Args:
        digest: sha256 of the compressed bytes, with its prefix.
        diff: sha256 of the tar file itself, with its prefix.
        size: bytes, compressed.
        unpacked: bytes, as a tar file.
    """

    digest: str
    diff: str
    size: int
    unpacked: int


def entry(
    path: str, *, mode: int = 0o644, link: str = "", folder: bool = False, owner: int = 0
) -> tarfile.TarInfo:
    """A tar entry of our own making: a file, a symbolic link or a folder, owned by ``owner``."""
    info = tarfile.TarInfo(path)
    info.type = tarfile.DIRTYPE if folder else tarfile.SYMTYPE if link else tarfile.REGTYPE
    info.mode = 0o777 if link else mode
    info.linkname = link
    info.uid = info.gid = owner
    return info


def tar(files: Mapping[str, tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """The files as one tar archive, hard links last; the same input gives the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(files, key=lambda each: (files[each][0].islnk(), each)):
            info, content = files[path]
            info.uname = info.gname = ""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return out.getvalue()


class Registry:
    """The file system storage of a docker-registry."""

    def __init__(self, into: Path) -> None:
        self._root = into / "docker/registry/v2"

    def layer(self, files: Mapping[str, tuple[tarfile.TarInfo, bytes]]) -> Blob:
        """Store ``files`` as a layer."""
        raw = tar(files)
        packer = zlib.compressobj(level=1, wbits=31)  # 31: gzip; nodes unpack on one slow processor
        packed = packer.compress(raw) + packer.flush()
        diff = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        return Blob(self._store(packed), diff, len(packed), len(raw))

    def image(
        self,
        names: Iterable[str],
        tags: Iterable[str],
        layers: Iterable[Blob],
        config: Mapping[str, object],
    ) -> str:
        """Store an image of ``layers`` under every name and tag; return its digest."""
        stack = tuple(layers)
        document = {
            "architecture": "amd64",
            "os": "linux",
            "created": _EPOCH,
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": [blob.diff for blob in stack]},
            "history": [{"created": _EPOCH, "created_by": "swarm-harness stand-in"} for _ in stack],
        }
        raw = json.dumps(document, sort_keys=True).encode()
        described = self._store(raw)
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": {"mediaType": _CONFIG, "size": len(raw), "digest": described},
                "layers": [{"mediaType": _LAYER, "size": blob.size, "digest": blob.digest} for blob in stack],
            },
            indent=3,
        ).encode()
        digest = self._store(manifest)
        for name in names:
            repository = self._root / "repositories" / name
            for blob in (described, *(blob.digest for blob in stack)):
                _link(repository / "_layers", blob)
            _link(repository / "_manifests/revisions", digest)
            for tag in tags:
                _link(repository / "_manifests/tags" / tag / "index", digest)
                current = repository / "_manifests/tags" / tag / "current/link"
                current.parent.mkdir(parents=True, exist_ok=True)
                current.write_text(digest)
        return digest

    def _store(self, content: bytes) -> str:
        value = hashlib.sha256(content).hexdigest()
        folder = self._root / "blobs/sha256" / value[:2] / value
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "data").write_bytes(content)
        return f"sha256:{value}"


def _link(folder: Path, digest: str) -> None:
    algorithm, value = digest.split(":")
    path = folder / algorithm / value / "link"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(digest)
