"""A health check for images that hold nothing but their own server, such as traefik/whoami.

whoami's image has no shell, no curl, and its binary cannot ask itself (traefik/whoami#33, #93, #151). So the
check is a program of its own, 334 bytes that travel as an executable config into the unchanged image: it
asks ``GET /health`` of 127.0.0.1:80 and exits 0 only if the answer is 200. x86-64 Linux.
"""

from __future__ import annotations

import struct

from harness.engine.spec import HealthCheck

PATH = "/healthcheck"  # where a task finds it
MODE = 0o555
CONSTRAINT = "node.platform.arch == x86_64"
PORT = 80

_BASE = 0x400000  # where the program is loaded
_HEADERS = 64 + 2 * 56  # bytes of the ELF header and of two program headers
_REQUEST = b"GET /health HTTP/1.0\r\nHost: h\r\n\r\n"
_ADDRESS = struct.pack("<H", 2) + struct.pack(">H", PORT) + bytes((127, 0, 0, 1)) + bytes(8)  # sockaddr_in

_CODE = bytes.fromhex(
    "6a29 58 6a02 5f 6a01 5e 31d2 0f05"  # socket(AF_INET, SOCK_STREAM, 0)
    "89c3"  # ebx = the socket
    "6a2a 58 89df 488d35 52000000 6a10 5a 0f05"  # connect(ebx, address, 16)
    "85c0 7541"  # fail unless 0
    "6a01 58 89df 488d35 4d000000 6a21 5a 0f05"  # write(ebx, request, 33)
    "4883ec10"  # room for 16 bytes on the stack
    "6a2d 58 89df 4889e6 6a0c 5a"  # recvfrom(ebx, stack, 12, ...
    "41ba00010000 4531c0 4531c9 0f05"  # ... MSG_WAITALL, 0, 0)
    "31ff"  # edi = 0
    "83f80c 750c"  # fail unless 12 bytes came
    "817c2408 20323030 7502"  # fail unless bytes 8 to 11 are " 200"
    "eb03"  # over the next line
    "6a01 5f"  # fail: edi = 1
    "6a3c 58 0f05"  # exit(edi)
)


def program() -> bytes:
    """The check as an executable file: a static ELF program for x86-64 Linux."""
    content = _CODE + _ADDRESS + _REQUEST
    size = _HEADERS + len(content)
    machine, executable, version = 0x3E, 2, 1
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        executable,
        machine,
        version,
        _BASE + _HEADERS,  # entry
        64,  # program headers follow
        0,  # no sections
        0,
        64,
        56,
        2,
        0,
        0,
        0,
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)  # PT_LOAD, read and execute
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)  # PT_GNU_STACK, read and write
    return header + load + stack + content


def check(*, interval: float = 5.0) -> HealthCheck:
    """The health check: every half second until a task is healthy, then every ``interval`` seconds.

    A task is *starting*, and gets no traffic, until the first check succeeds. Before API 1.44 the engine
    knows no other pace at the start, and the first check comes after ``interval``.
    """
    return HealthCheck(
        ("CMD", PATH), interval=interval, timeout=2.0, retries=3, start_period=15.0, start_interval=0.5
    )
