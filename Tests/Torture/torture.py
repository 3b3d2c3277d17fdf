#!/usr/bin/env python3
"""Kills the daemon and breaks its machine at random under a mixed load; then judges what became of every file.

    torture.py --millrace BINARY [--kills 2000] [--faults 200] [--seed N] [--quick] [--keep DIR] [--table FILE]
    torture.py --millrace BINARY --points [NAME ...] [--sample] [--seed N] [--keep DIR]
    torture.py --millrace BINARY --soak SECONDS [--seed N] [--keep DIR] [--table FILE]

Every kill and fault is printed as it is made; the same seed makes the same ones, of the same files, though not at the same microsecond.
Ctrl-C ends the kills early. Ends with 0 where nothing was lost, doubled, seen in part or wrong. As root it runs in a mount namespace of
its own and the daemon as nobody, so that disks fill and permissions count; otherwise without the faults that need this."""
import argparse, collections, os, platform, random, shutil, signal, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
# Nothing is written beside the scripts.
sys.dont_write_bytecode = True


def with_packages():
    """Runs again under the tests' own Python where this one has no pyarrow."""
    try:
        import pyarrow
    except ImportError:
        python = os.path.join(PROJECT, ".deps", "oracle", "bin", "python")
        if sys.executable == python or not os.path.exists(python):
            sys.exit("torture.py needs pyarrow: run Scripts/test-tools")
        os.execv(python, [python] + sys.argv)


def in_a_namespace():
    """As root: mounts that this makes are seen by nobody else, and go with it."""
    if os.geteuid() != 0 or os.environ.get("TORTURE_NAMESPACE"):
        return
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0:
        os.environ["TORTURE_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable] + sys.argv)
    sys.exit("torture.py may not mount here: run it as an ordinary user")


def processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


class Torture:
    def __init__(self, options, root):
        from daemon import Daemon
        from faults import Faults
        from judge import Judge
        from load import Load

        self.options, self.root, self.started = options, root, time.monotonic()
        self.random = random.Random(f"faults {options.seed}")
        self.load = Load(root, options.seed)
        self.load.large_rows = options.large
        self.daemon = Daemon(os.path.abspath(options.millrace), root, self.say)
        self.faults = Faults(root, self.load, self.daemon, self.random, options.quick)
        self.judge = Judge(root, self.load, self.daemon)
        self.is_enough = False
        self.kills, self.reading = {"the daemon": 0, "one worker": 0, "all of it": 0}, None
        self.found = {kind: [] for kind in ("lost", "doubled", "partial", "wrong")}
        self.soak = None
        if options.soak:
            from soak import Soak

            self.soak = Soak(self)

    def say(self, text):
        print(f"{time.monotonic() - self.started:8.1f} s  {text}", flush=True)

    def prepare(self):
        self.faults.prepare()
        self.load.prepare()
        os.makedirs(os.path.join(self.root, "home"))
        if self.daemon.user:
            for folder, folders, names in os.walk(self.root):
                for path in [folder] + [os.path.join(folder, name) for name in names]:
                    os.chown(path, self.daemon.user.pw_uid, self.daemon.user.pw_gid)
            os.chmod(self.root, 0o755)
            # What is dropped belongs to the daemon's user as well, so that it may archive and delete.
            os.umask(0)

    def plan(self):
        """Kills and faults in the order in which they are made."""
        steps = self.random.choices(["kill the daemon", "kill one worker", "kill all of it"], [5, 4, 1], k=self.options.kills)
        kinds = sorted(self.faults.kinds)
        for number in range(self.options.faults):
            steps.append(kinds[number % len(kinds)])
        self.random.shuffle(steps)
        return steps

    def kill(self, what):
        """What is killed: the daemon, which its workers do not outlive; one worker, which the daemon replaces; or all of it in one go."""
        end, workers = time.monotonic() + 2, []
        while what == "one worker" and not workers and time.monotonic() < end:
            time.sleep(0.05)
            workers = self.daemon.own_workers()
        if workers:
            self.daemon.end(self.random.choice(sorted(workers)))
        elif what == "all of it":
            self.daemon.kill_all()
            self.daemon.start()
        else:
            what = "the daemon"
            self.daemon.kill()
            self.daemon.start()
        self.kills[what] += 1
        return what

    def wait_for_a_moment(self):
        # Some kills hit a daemon that starts, others one at work.
        if self.random.random() < 0.5:
            self.daemon.wait_until_it_runs()
        time.sleep(self.random.uniform(0, 0.6 if self.options.quick else 1.2))
        if self.random.random() < 0.04:
            # So that what takes seconds ends now and then.
            time.sleep(self.random.uniform(1, 4))

    def steps(self):
        for number, step in enumerate(self.plan(), 1):
            self.wait_for_a_moment()
            yield number, step

    def step(self, number, step):
        if step.startswith("kill "):
            what = self.kill(step.removeprefix("kill "))
            self.say(f"{number}: kill {sum(self.kills.values())}, {what}")
            return
        self.say(f"{number}: {step}")
        if not self.faults.run(step):
            # Such as a remount while files are open: another one takes its place.
            self.say(f"{number}: {step} could not be made; stopped for a while instead")
            self.faults.run("stopped for a while")

    def run(self):
        self.prepare()
        self.say(f"seed {self.options.seed}, root {self.root}")
        self.daemon.start()
        self.load.first_models()
        threading.Thread(target=self.daemon.watch_orphans, daemon=True).start()
        writer = threading.Thread(target=self.load.run, args=[self.options.pause, self.judge.backlog], daemon=True)
        self.reading = reader = self.reader()
        writer.start()
        # Who has seen enough gets the verdict of what was done.
        signal.signal(signal.SIGINT, lambda *_: setattr(self, "is_enough", True))
        for number, step in self.soak.steps() if self.soak else self.steps():
            if self.is_enough:
                break
            self.step(number, step)
            if not writer.is_alive():
                self.say("the writer of the load ended; see above")
                return 2
        self.load.is_stopped.set()
        writer.join()
        self.settle()
        if self.soak:
            self.soak.ended()
        status = self.daemon.stop()
        if status != 0:
            self.daemon.ends.append((status, set()))
        self.daemon.is_over.set()
        found = self.judge.judge()
        with open(os.path.join(self.root, "stop"), "w"):
            pass
        said, _ = reader.communicate()
        found["partial"] += [line for line in said.splitlines() if line.startswith("WRONG")]
        return self.report(found)

    def points(self, names):
        from points import Points

        return Points(self).run(names)

    def self_test(self):
        from selftest import SelfTest

        return SelfTest(self).run()

    def reader(self):
        """Someone who reads the outputs all the while."""
        words = [
            os.path.join(PROJECT, "Scripts", "oracle-landing"), "watch", "--stop", os.path.join(self.root, "stop"), "--pause", "0.1",
            "--away", os.path.join(self.root, "away"), "--keeps-versions",
        ]
        for pipeline in self.load.data:
            for folder in ("outputs", "models"):
                path = os.path.join(self.root, "out", pipeline, folder)
                os.makedirs(path, exist_ok=True)
                if self.daemon.user:
                    os.chown(path, self.daemon.user.pw_uid, self.daemon.user.pw_gid)
                words += ["--" + folder, path]
        return subprocess.Popen([sys.executable] + words, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def settle(self):
        """Until everything is done, or for so long."""
        end, pending, told = time.monotonic() + self.options.patience, [], time.monotonic()
        while time.monotonic() < end:
            pending = list(self.judge.pending()) or list(self.judge.waiting())
            if not pending:
                break
            if time.monotonic() - told > 15:
                told = time.monotonic()
                self.say(f"{len(pending)} left: {pending[0]}")
            time.sleep(0.5)
        self.say(f"quiet, {len(pending)} left")

    def report(self, found):
        from load import PIPELINES

        for kind, lines in found.items():
            for line in lines[:40]:
                print(f"{kind.upper()}: {line}")
        outputs = sum(len(self.judge.manifest(pipeline)) for pipeline in PIPELINES)
        versions = collections.Counter()
        for pipeline in PIPELINES:
            versions["learning" if pipeline == "learning" else "others"] += len(self.judge.versions(pipeline))
        counts = self.load.counts
        rows = [
            *((f"SIGKILL of {what}", count) for what, count in self.kills.items()),
            ("all SIGKILLs", sum(self.kills.values())), *sorted(self.faults.made.items()),
            ("all faults", sum(self.faults.made.values())), *counts.items(),
            ("outputs published", outputs), ("versions of models", versions["others"]),
            ("versions with what was learnt", versions["learning"]),
            ("the longest that a worker outlived its daemon, in s", round(self.daemon.longest_orphan, 1)),
            ("reasons left of files that are done", len(self.judge.stale)),
            ("ended by itself, honestly", sum(1 for status, _ in self.daemon.ends if status)),
            ("seconds", round(time.monotonic() - self.started)),
            *((f"**{kind}**", f"**{len(lines)}**") for kind, lines in found.items()),
        ]
        table = "".join(f"| {name} | {value} |\n" for name, value in rows)
        text = f"Seed {self.options.seed}, {processor()}:\n\n| | |\n|---|---|\n{table}"
        print(text)
        if self.options.table:
            with open(self.options.table, "w") as file:
                file.write(text)
        holds_too_much = self.soak.report() if self.soak else False
        return 1 if any(found.values()) or holds_too_much else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace", required=True)
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000)
    parser.add_argument("--large", type=int, default=200_000, metavar="ROWS", help="of files that take seconds")
    parser.add_argument("--pause", type=float, default=0.15, help="seconds between two files, on average")
    parser.add_argument("--patience", type=float, default=240, help="seconds for everything to be done at the end")
    parser.add_argument("--quick", action="store_true", help="short faults, for every run of the tests")
    parser.add_argument(
        "--self-test", action="store_true", help="damages the outputs of a quiet run in every way, and wants each to be seen")
    parser.add_argument(
        "--points", nargs="*", metavar="NAME", help="kills a process in each of these fault points of Sources/README.md, or in all")
    parser.add_argument("--sample", action="store_true", help="with --points: in some of them")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="kills and faults now and then for so long, and what is held meanwhile")
    parser.add_argument("--keep", help="a folder that does not exist, to work in and to leave behind")
    parser.add_argument("--table", help="a file for the table")
    options = parser.parse_args()
    with_packages()
    in_a_namespace()
    root = options.keep or tempfile.mkdtemp(prefix="millrace-torture-")
    os.makedirs(root, exist_ok=True)
    torture = Torture(options, os.path.abspath(root))
    try:
        if options.points is not None:
            from points import SAMPLE

            return torture.points(SAMPLE if options.sample else options.points)
        return torture.self_test() if options.self_test else torture.run()
    finally:
        torture.daemon.close()
        if torture.reading and torture.reading.poll() is None:
            torture.reading.kill()
        if options.keep:
            # Its disks go with the namespace.
            for name in ("out", ".millrace"):
                if os.path.ismount(os.path.join(root, name)):
                    shutil.copytree(os.path.join(root, name), os.path.join(root, "kept-" + name.lstrip(".")), symlinks=True)
        else:
            for path in torture.faults.MOUNTS:
                subprocess.run(["umount", "-l", os.path.join(root, path)], capture_output=True)
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
