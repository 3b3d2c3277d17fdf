"""The workers: machines on which somebody has started `millrace worker`, and whatever else runs of the program."""
import os, signal, subprocess

from daemon import Daemon
from namespaces import Cable, named


def programs():
    """(process, parent, program, state) of every process of this namespace that is ours."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                own, rest = file.read().rsplit(")", 1)
        except OSError:
            continue
        program, (state, parent) = own.split("(", 1)[1], rest.split()[:2]
        if program in ("millrace", "millrace-worker") and state not in "ZX":
            found.append((int(name), int(parent), program, state))
    return found


def words(process):
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return file.read().decode(errors="replace").split("\0")
    except OSError:
        return []


def workers():
    """Every process of `millrace worker`, whoever started it."""
    return [process for process, _, program, _ in programs() if program == "millrace" and words(process)[1:2] == ["worker"]]


def inner():
    """Every process in which something is computed."""
    return [process for process, _, program, _ in programs() if program == "millrace-worker"]


def works_away(process):
    """Whether a process has a file open that it writes for a daemon elsewhere, or another has that computes for it."""
    for one in [process] + [child for child, parent, *_ in programs() if parent == process]:
        try:
            for name in os.listdir(f"/proc/{one}/fd"):
                if "/away-" in os.readlink(f"/proc/{one}/fd/{name}"):
                    return True
        except OSError:
            continue
    return False


def tell(process, number):
    """Whether the signal was sent."""
    try:
        os.kill(process, number)
        return True
    except ProcessLookupError:
        return False


class ClusterDaemon(Daemon):
    """A daemon whose workers elsewhere outlive it."""

    def __init__(self, binary, root, say):
        super().__init__(binary, root, say)
        # Who mounts is root, and so is all that it starts.
        self.user = None

    def workers(self):
        # What is stopped ends when it may go on.
        return [(process, parent) for process, parent, program, state in programs() if program == "millrace-worker" and state != "T"]

    def parents(self):
        return {process for process, _, program, _ in programs() if program == "millrace"}


class Machine:
    """A machine with one worker, which is started again when it has ended. Then it has another name, as one that somebody has repaired:
    nobody gives work to a machine on which too much has failed."""

    def __init__(self, number, root, binary, mounts):
        self.number, self.root, self.binary, self.mounts = number, root, binary, mounts
        self.cable, self.process, self.starts = Cable(number), None, 0
        self.log = os.path.join(root, f"worker-{number}.log")

    def start(self, places):
        self.starts += 1
        worker = [
            self.binary, "worker", "--join", os.path.join(self.root, "work", "workers"), "--workers", str(places), "--patience", "5m",
            "--cache", os.path.join(self.root, f"cache-{self.number}"),
        ]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.cable.launcher() + named(f"w{self.number}-{self.starts}", self.mounts) + worker, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True)

    def is_there(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, within=60):
        """Asks the worker to end; returns whether it did."""
        if not self.is_there():
            return True
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(within)
            return True
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
