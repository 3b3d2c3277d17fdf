"""Seeing outputs appear, without keeping a core busy."""

import ctypes
import os
import select
import struct
import time
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_MOVED_TO, _CREATE = 0x80, 0x100


class Arrivals:
    """The names that appear in one folder, as inotify tells them. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.descriptor = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.descriptor < 0 or _libc.inotify_add_watch(self.descriptor, os.fsencode(folder), _MOVED_TO | _CREATE) < 0:
            raise OSError(ctypes.get_errno(), f"cannot watch {folder}")

    def __enter__(self) -> "Arrivals":
        return self

    def __exit__(self, *_) -> None:
        os.close(self.descriptor)

    def wait(self, prefix: str, timeout: float) -> float | None:
        """The monotonic time at which a name that begins with `prefix` was seen; None after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.descriptor], [], [], left)[0]:
                seen = time.monotonic()
                if any(name.startswith(prefix) for name in self._names(os.read(self.descriptor, 65_536))):
                    return seen
        return None

    @staticmethod
    def _names(events: bytes) -> set[str]:
        names, at = set(), 0
        while at < len(events):
            length = struct.unpack_from("iIII", events, at)[3]
            names.add(os.fsdecode(events[at + 16 : at + 16 + length].rstrip(b"\0")))
            at += 16 + length
        return names


def landed(out: Path) -> list[str]:
    """The outputs in a folder: what is not hidden and does not begin with an underscore."""
    try:
        return [name for name in os.listdir(out) if name[0] not in "._"]
    except FileNotFoundError:
        return []


def last_landed(out: Path) -> float:
    """When the last of them got its name, in seconds since 1970: a rename sets the time of status change, to the clock tick (4 ms)."""
    return max(os.stat(out / name).st_ctime for name in landed(out))
