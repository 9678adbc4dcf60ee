"""Which packages and files make the stand-ins."""

from __future__ import annotations

import io
import lzma
import tarfile
from pathlib import Path

import pytest

from harness.errors import Unmeasurable
from harness.lab.images import debs, programs
from harness.lab.images.layers import Files, entry
from harness.lab.images.recipes import IMAGES, LAYERS


def _deb(path: Path, files: dict[str, bytes]) -> Path:
    """A Debian package of ``files``, as dpkg-deb writes it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
    out = b"!<arch>\n"
    for name, content in (
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", b"odd"),
        ("data.tar.xz", lzma.compress(raw.getvalue())),
    ):
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        out += content + b"\n" * (len(content) % 2)
    path.write_bytes(out)
    return path


def test_every_layer_stands_on_an_earlier_one_and_every_image_on_a_layer() -> None:
    """Layers are built in the order of the list."""
    seen = {""}
    for layer in LAYERS:
        assert layer.below in seen
        seen.add(layer.name)
    assert {image.layer for image in IMAGES} <= seen


def test_every_name_that_users_deploy_is_there_with_its_latest_tag() -> None:
    """The names of the issue, official images under ``library/``."""
    names = {name for image in IMAGES for name in image.names if "latest" in image.tags}
    assert names == {
        "traefik/whoami", "containous/whoami", "library/redis", "xiaopeng163/flask-redis",
        "nicolaka/netshoot", "xiaopeng163/net-box",
    }  # fmt: skip


def test_unpacking_leaves_out_manuals_and_the_tools_that_the_original_lacks(tmp_path: Path) -> None:
    """nicolaka/netshoot has iptables' nft variant only; a legacy reader there would hide what users meet."""
    kept = "usr/sbin/xtables-nft-multi"
    unwanted = (
        "usr/sbin/xtables-legacy-multi",
        "usr/sbin/iptables-legacy-save",
        "usr/share/doc/iptables/NEWS",
    )
    found = debs.unpack(_deb(tmp_path / "iptables_1_amd64.deb", dict.fromkeys((kept, *unwanted), b"x")), {})
    assert set(found) == {kept}
    assert found[kept][1] == b"x"


def test_of_some_packages_only_the_named_files_are_taken(tmp_path: Path) -> None:
    """util-linux comes for nsenter and unshare."""
    deb = _deb(tmp_path / "util-linux_2_amd64.deb", {"usr/bin/nsenter": b"n", "usr/bin/chfn": b"c"})
    assert set(debs.unpack(deb, {"util-linux": ("bin/nsenter",)})) == {"usr/bin/nsenter"}


def test_a_broken_package_is_named(tmp_path: Path) -> None:
    """An interrupted download must say which file it was."""
    path = tmp_path / "bash_5_amd64.deb"
    path.write_bytes(b"!<arch>\n")
    with pytest.raises(Unmeasurable, match="bash_5_amd64"):
        debs.unpack(path, {})


def test_a_real_tool_takes_the_place_of_busybox_applet() -> None:
    """Busybox' usr/sbin/ip would come before iproute2's usr/bin/ip in PATH."""
    files: Files = {"usr/bin/ip": (entry("usr/bin/ip"), b"x")}
    made = programs.links("netshoot", files, ["usr/sbin/ip", "usr/bin/ls"])
    assert made["usr/sbin/ip"][0].linkname == "/usr/bin/ip"
    assert made["usr/sbin/iptables-save"][0].linkname == "xtables-nft-multi"
    assert "usr/bin/ls" not in made


def test_files_lie_on_disk_with_the_times_that_byte_code_refers_to(tmp_path: Path) -> None:
    """A wrong time would make every Python start compile anew."""
    info = entry("lib/a.py")
    info.mtime = 1_700_000_000
    programs.materialise({"lib/a.py": (info, b"pass"), "b": (entry("b", link="lib/a.py"), b"")}, tmp_path)
    assert (tmp_path / "lib/a.py").stat().st_mtime == 1_700_000_000
    assert (tmp_path / "b").read_text() == "pass"
