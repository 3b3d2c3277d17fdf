"""The torture of a cluster: a daemon, machines with workers, a Slurm, and strikes in an order that the seed decides."""
import os, subprocess, time

import machines, namespaces
from load import PIPELINES, Content
from machines import ClusterDaemon, Machine
from reference import Reference
from shared_folder import SharedFolder
from slurm import Cluster
from strikes import Strikes
from trial import Trial

EXECUTOR = """work: work
executor:
  listen: "{head}:0"
  idle: 10s
{slurm}"""
MACHINES = 3
# The strikes in half of which the daemon is spared.
BLOCK = 30


class ClusterTorture(Trial):
    daemon_kind = ClusterDaemon

    def __init__(self, options, root):
        super().__init__(options, root)
        Content.keeps = True
        # So that a file has several ranges, with fewer rows.
        self.load.large_digits = 40
        self.load.most_large = 2 if options.quick else 24
        # More of what takes a while, and training that does.
        self.load.shares = (0.01, 0.008, 0.02)
        PIPELINES["learning"] = PIPELINES["learning"].replace("epochs: 2,", "epochs: 60,")
        self.load.settings = EXECUTOR.format(head=namespaces.HEAD, slurm="  slurm: { workers: 0..2 }\n" if options.slurm else "")
        self.judge.hears = True
        self.machines, self.cluster, self.shared = [], None, None
        self.strikes = Strikes(self)

    # What there is.

    def prepare(self):
        super().prepare()
        mounts = self.share() if self.options.fuse else []
        if self.options.slurm:
            folder = os.path.join(self.root, "slurm")
            self.cluster = Cluster(folder, launcher=lambda node: namespaces.named(f"n{node}", mounts)).__enter__()
            self.daemon.environment["SLURM_CONF"] = self.cluster.configuration
        binary = os.path.abspath(self.options.millrace)
        self.machines = [Machine(number + 1, self.root, binary, mounts) for number in range(MACHINES + 1)]
        self.spare = self.machines.pop()
        self.choose_places()

    def share(self):
        """Puts outputs and the work folder on a file system that is mounted twice, and returns what others mount in their place."""
        self.shared = SharedFolder(os.path.join(self.root, "seaweed")).__enter__()
        own, others = self.shared.mounts
        for name in ("out", "work"):
            os.makedirs(os.path.join(own, name))
            os.makedirs(os.path.join(self.root, name), exist_ok=True)
            namespaces.run("mount", "--bind", os.path.join(own, name), os.path.join(self.root, name))
        for name in self.load.data:
            os.makedirs(os.path.join(self.root, "out", name), exist_ok=True)
        return [(os.path.join(others, name), os.path.join(self.root, name)) for name in ("out", "work")]

    def choose_places(self):
        """Mostly nothing is executed by the daemon itself, and now and then something."""
        self.daemon.arguments = ["--workers", self.random.choice(["0", "0", "0", "1"])]

    def start_daemon(self):
        self.choose_places()
        self.daemon.start()

    # What is done to it.

    def begin(self):
        for machine in self.machines:
            machine.start(2)

    def plan(self):
        kinds = self.random.choices(
            ["worker", "inner process", "daemon", "slurmd", "slurmctld"], [30, 30, 26, 7, 7] if self.options.slurm else [30, 30, 26, 0, 0],
            k=self.options.kills)
        for kind in ("cut off", "stopped"):
            kinds += [kind] * self.options.partitions
        self.random.shuffle(kinds)
        # A daemon that lives for a while takes a machine for dead that is cut off for longer than a lease: it is spared in one half of
        # each block.
        steps = []
        for begin in range(0, len(kinds), BLOCK):
            block = kinds[begin:begin + BLOCK]
            quiet = [kind for kind in block if kind != "daemon"][:len(block) // 2]
            for kind in quiet:
                block.remove(kind)
            steps += quiet + block
        return steps

    def steps(self):
        self.strikes.wait(3)
        for number, kind in enumerate(self.plan(), 1):
            self.strikes.wait(self.random.uniform(0, 2 * self.options.pace))
            yield number, kind

    def step(self, number, step):
        self.say(f"{number}: {self.strikes.strike(step)}")

    def settle(self):
        self.strikes.heal()
        for machine in self.machines:
            if not machine.is_there():
                machine.start(2)
        # On which nothing has ever failed.
        self.spare.start(2)
        super().settle()

    # The end of it.

    def end(self):
        if self.cluster and not self.waited(lambda: not self.jobs()):
            self.judge_says(f"Slurm still has jobs: {self.jobs()}")

    def jobs(self):
        return self.cluster.client(["squeue", "--noheader"]).stdout.strip()

    def waited(self, condition, within=90):
        end = time.monotonic() + within
        while not condition() and time.monotonic() < end:
            time.sleep(0.2)
        return condition()

    def ended(self):
        for machine in self.machines + [self.spare]:
            if not machine.stop():
                self.judge_says(f"the worker of machine {machine.number} does not end when it is told")
        if not self.waited(lambda: not machines.programs(), 20):
            left = [(process, machines.words(process)[:2]) for process, *_ in machines.programs()]
            self.judge_says(f"processes are left: {left}")

    wrong = ()

    def judge_says(self, line):
        self.wrong = (*self.wrong, line)

    def report(self, found):
        found["wrong"] += self.wrong
        found["wrong"] += Reference(self.root, os.path.abspath(self.options.millrace), self.load, self.judge, self.say).problems()
        return super().report(found)

    def made(self):
        made = self.strikes.made
        rows = [(f"SIGKILL of a {kind}" if kind != "daemon" else "SIGKILL of the daemon", made[kind]) for kind in made if kind not in (
            "cut off", "stopped")]
        with open(self.daemon.log_path) as file:
            log = file.read()
        seen = [
            ("workers that the daemon took for dead", "gave no sign of life"), ("attempts that were taken over", "goes on with run"),
            ("times that workers joined", "has joined from"),
        ]
        return [
            *rows, ("all SIGKILLs", self.strikes.kills), ("machines cut off", made["cut off"]), ("processes stopped", made["stopped"]),
            *((name, log.count(words)) for name, words in seen),
        ]

    def close(self):
        super().close()
        for machine in self.machines:
            machine.stop(5)
        if self.cluster:
            self.cluster.__exit__()
        if self.shared:
            for name in ("out", "work"):
                subprocess.run(["umount", "-l", os.path.join(self.root, name)], check=False)
            self.shared.__exit__()
