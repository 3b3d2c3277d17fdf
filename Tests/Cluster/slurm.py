"""A Slurm of two nodes on this machine, without systemd: a munged, a slurmctld and two slurmd of its own in one folder.

    with Cluster(folder) as cluster: subprocess.run(["sbatch", ...], env=cluster.environment)

As a program: `slurm.py FOLDER` starts one, prints the path of its configuration, obeys lines of its standard input (`kill`: slurmctld by
SIGKILL; `stop`: slurmctld answers nobody; `start`: it goes on, or is started again), answers each with `done`, and ends with it. Then it
removes the folder.
"""
import ctypes, getpass, os, secrets, shutil, signal, socket, subprocess, sys, time

PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel"]


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def missing():
    return [name for name in PROGRAMS if not program(name)]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def adopt_orphans():
    """Makes this process the parent of what its children leave behind, so that it knows which jobs are its own."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def orphans(configuration):
    """The children of this process that have this configuration in their environment: what slurmd has started, and what that started."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        children = [int(word) for word in file.read().split()]

    def is_ours(process):
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                return f"SLURM_CONF={configuration}".encode() in file.read().split(b"\0")
        except OSError:  # It has ended, and its parent, slurmctld, was killed.
            with open(f"/proc/{process}/comm") as file:
                return file.read().startswith("slurm")
    return [process for process in children if is_ours(process)]


class Cluster:
    """Two nodes, `n1` and `n2`, of so many processors each."""

    def __init__(self, folder, cpus=2, nodes=2, launcher=lambda node: []):
        """`launcher` gives, for the number of a node, the words before the command of its slurmd: a program that executes the rest as that
        machine."""
        self.folder, self.cpus, self.nodes, self.launcher = os.path.abspath(folder), cpus, nodes, launcher
        self.configuration = os.path.join(self.folder, "slurm.conf")
        self.environment = dict(os.environ, SLURM_CONF=self.configuration)
        for name in [name for name in self.environment if name.startswith(("SLURM_", "SBATCH_")) and name != "SLURM_CONF"]:
            del self.environment[name]
        self.processes = {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        if missing():
            raise SystemExit(f"not installed: {', '.join(missing())} (Scripts/cluster-tools)")
        adopt_orphans()
        # Other users' munged would refuse a folder that all may write.
        os.makedirs(self.folder, mode=0o755, exist_ok=True)
        try:
            self.start_munge()
            self.configure()
            self.start_controller()
            for number in range(1, self.nodes + 1):
                os.makedirs(self.path(f"spool.n{number}"), exist_ok=True)
                self.start_node(number)
            self.wait(f"{self.nodes} idle nodes", self.has_idle_nodes)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        """Ends what was started here, the nodes' jobs first, and nothing else."""
        if "slurmctld" in self.processes and self.processes["slurmctld"].poll() is None:
            self.processes["slurmctld"].send_signal(signal.SIGCONT)
            self.client(["scancel", "--user", getpass.getuser()])
            try:
                self.wait("the end of all jobs", lambda: not self.client(["squeue", "--noheader"]).stdout.strip(), 10)
            except TimeoutError:
                pass
        for process in reversed(list(self.processes.values())):
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        while left := orphans(self.configuration):
            for process in left:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)

    # Parts

    def start(self, name, words, launcher=()):
        log = open(self.path(name.replace(" ", "-") + ".out"), "ab")
        with log:
            self.processes[name] = subprocess.Popen(
                [*launcher, program(words[0])] + words[1:], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
                start_new_session=True)

    def start_munge(self):
        key, self.socket = self.path("munge.key"), self.path("munge.socket")
        with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(1024))
        self.start("munged", [
            "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={self.socket}", f"--pid-file={self.path('munge.pid')}",
            f"--log-file={self.path('munge.log')}", f"--seed-file={self.path('munge.seed')}"])
        self.wait("munged", lambda: os.path.exists(self.socket))

    def configure(self):
        host, user = socket.gethostname().split(".")[0], getpass.getuser()
        controller, *nodes = free_ports(1 + self.nodes)
        os.makedirs(self.path("state"), exist_ok=True)
        lines = {
            "ClusterName": "millrace-test", "SlurmctldHost": f"{host}(127.0.0.1)", "SlurmctldPort": controller, "SlurmUser": user,
            "SlurmdUser": user, "AuthInfo": f"socket={self.socket}", "ProctrackType": "proctrack/linuxproc", "TaskPlugin": "task/none",
            "MpiDefault": "none", "JobAcctGatherType": "jobacct_gather/none", "AccountingStorageType": "accounting_storage/none",
            "SelectType": "select/cons_tres", "SelectTypeParameters": "CR_Core", "StateSaveLocation": self.path("state"),
            "SlurmctldPidFile": self.path("slurmctld.pid"), "SlurmctldLogFile": self.path("slurmctld.log"),
            "SlurmdPidFile": self.path("slurmd.%n.pid"), "SlurmdLogFile": self.path("slurmd.%n.log"), "SlurmdSpoolDir": self.path("spool.%n"),
            "ReturnToService": 2, "SlurmdTimeout": 10, "MinJobAge": 5, "MessageTimeout": 10,
        }
        host_nodes = "".join(
            f"NodeName=n{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={self.cpus} RealMemory=1000 State=UNKNOWN\n"
            for number, port in enumerate(nodes, 1))
        with open(self.configuration, "w") as file:
            file.writelines(f"{key}={value}\n" for key, value in lines.items())
            file.write(host_nodes)
            file.write(f"PartitionName=all Nodes=n[1-{self.nodes}] Default=YES MaxTime=INFINITE State=UP\n")
            file.write(f"PartitionName=closed Nodes=n[1-{self.nodes}] MaxTime=INFINITE State=DOWN\n")

    def start_node(self, number):
        words = ["slurmd", "-D", "-f", self.configuration, "-N", f"n{number}"]
        self.start(f"slurmd n{number}", words, self.launcher(number))

    def start_controller(self):
        self.start("slurmctld", ["slurmctld", "-D", "-f", self.configuration])
        self.wait("slurmctld", lambda: self.client(["squeue", "--noheader"]).returncode == 0)

    def has_idle_nodes(self):
        return self.client(["sinfo", "--noheader", "--Node", "--partition=all", "--format=%T"]).stdout.split() == ["idle"] * self.nodes

    def client(self, words):
        return subprocess.run(words, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def wait(self, what, condition, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}: see {self.folder}")
            if condition():
                return
            time.sleep(0.1)
        raise TimeoutError(f"{what} did not come in {seconds} s: see {self.folder}")

    # Faults

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def kill_controller(self):
        self.kill("slurmctld")

    def kill_node(self, number):
        """Kills a slurmd, of which the jobs go on. They are its children no more."""
        self.kill(f"slurmd n{number}")

    def stop_controller(self):
        self.processes["slurmctld"].send_signal(signal.SIGSTOP)

    def resume_controller(self):
        if "slurmctld" in self.processes:
            self.processes["slurmctld"].send_signal(signal.SIGCONT)
        else:
            self.start_controller()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with Cluster(sys.argv[1]) as cluster:
        print(cluster.configuration, flush=True)
        acts = {"kill": cluster.kill_controller, "stop": cluster.stop_controller, "start": cluster.resume_controller}
        for line in sys.stdin:
            acts[line.strip()]()
            print("done", flush=True)
    shutil.rmtree(cluster.folder)
