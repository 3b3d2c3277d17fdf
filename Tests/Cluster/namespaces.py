"""Machines on this machine: namespaces of the kernel, in which a program has a network, a name and mounts of its own.

The whole torture runs in one (`enter`): what it mounts and connects nobody else sees, and with its first process, however that ends, all of
its processes, networks and mounts are gone."""
import os, signal, subprocess, sys

UNSHARE = ["unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
MARK = "TORTURE_NAMESPACE"
# The address of the machine on which the daemon runs.
HEAD = "10.77.0.1"


def missing():
    """What is missing here, in words; None where machines can be made."""
    if os.geteuid() != 0:
        return "namespaces take root"
    for words in (UNSHARE + ["true"], ["ip", "-V"]):
        try:
            done = subprocess.run(words, capture_output=True, text=True)
        except FileNotFoundError:
            return f"{words[0]} is not installed"
        if done.returncode != 0:
            return f"this machine lets nobody make namespaces: {done.stderr.strip()}"
    return None


def enter():
    """Runs this program again in namespaces of its own."""
    if os.environ.get(MARK):
        prepare()
        return
    os.execvp("unshare", UNSHARE + ["env", f"{MARK}=1", sys.executable] + sys.argv)


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")


def prepare():
    # The first process of a namespace has no default for a signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run("hostname", "head")
    os.makedirs("/run/netns", exist_ok=True)
    run("mount", "-t", "tmpfs", "none", "/run/netns")
    # Nobody is asked for names of machines, which would take seconds: there is nobody.
    os.environ["RES_OPTIONS"] = "timeout:1 attempts:1"
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "cluster", "type", "bridge")
    run("ip", "address", "add", HEAD + "/24", "dev", "cluster")
    run("ip", "link", "set", "cluster", "up")


def named(name, mounts=()):
    """Returns the words before a command that is to run on a machine of that name.

    `mounts` has pairs of folders: each of the first ones is seen there in place of the second one."""
    script = 'hostname "$0" && ' + "".join(f"mount --bind '{source}' '{target}' && " for source, target in mounts) + 'exec "$@"'
    return ["unshare", "--uts", "--mount", "/bin/sh", "-c", script, name]


class Cable:
    """The connection of one machine to the others."""

    def __init__(self, number):
        self.name = f"m{number}"
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        run("ip", "link", "set", self.name, "master", "cluster", "up")
        run("ip", "-n", self.name, "address", "add", f"10.77.0.{number + 1}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            run("ip", "-n", self.name, "link", "set", device, "up")

    def launcher(self):
        """Returns the words before a command that is to have this connection and no other."""
        return ["ip", "netns", "exec", self.name]

    def cut(self):
        run("ip", "link", "set", self.name, "down")

    def mend(self):
        run("ip", "link", "set", self.name, "up")
