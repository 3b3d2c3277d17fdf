"""Has everything executed by a worker that has joined, as from another machine, for the fault points of hand-outs."""
import os, subprocess

from stimuli import BEFORE


class Handing:
    def __init__(self, points):
        self.points, self.stimuli = points, points.stimuli
        self.root, self.load, self.daemon = points.root, points.load, points.daemon
        self.worker = None

    def run(self, names):
        settings = os.path.join(self.root, "millrace.yaml")
        with open(settings) as file:
            before = file.read()
        with open(settings, "a") as file:
            file.write('executor: { listen: "127.0.0.1:0" }\n')
        usual, self.daemon.arguments = self.daemon.arguments, ["--workers", "0"]
        try:
            for name in names:
                for count in [1] if name in BEFORE else [1, 3]:
                    if name in BEFORE:
                        # What is handed out alone and takes long a worker comes back with.
                        self.points.judged("before the hand-outs")
                        self.points.kill_at(BEFORE[name], 1, self.drop_large)
                        self.points.kill_at(name, count, self.stimuli.nothing)
                    else:
                        self.points.kill_at(name, count, self.drop)
            self.drop()
            self.points.judged("after the hand-outs")
            if self.worker.poll() is not None:
                self.points.fail(f"the worker has ended with {self.worker.returncode}")
        finally:
            self.daemon.arguments = usual
            with open(settings, "w") as file:
                file.write(before)
            self.end()

    def drop_large(self):
        """Drops a file that takes a while, and starts the worker where it does not run."""
        if not self.worker:
            self.start()
        self.load.drop_large("kept")

    def drop(self):
        """Drops a file that takes a while, labels and small files."""
        self.drop_large()
        self.load.drop_labels()
        self.stimuli.drop()

    def start(self):
        user = self.daemon.user
        words = [self.daemon.binary, "worker", "--join", os.path.join(self.root, ".millrace", "workers"), "--workers", "1"]
        words += ["--cache", os.path.join(self.root, "scratch", "cache")]
        # Nobody takes its processes for those of the daemon, which end with it.
        environment = dict(os.environ, HOME=os.path.join(self.root, "scratch"))
        with open(os.path.join(self.root, "worker.log"), "ab") as log:
            self.worker = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True,
                **({"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}))

    def end(self):
        if not self.worker:
            return
        self.worker.terminate()
        try:
            self.worker.wait(30)
        except subprocess.TimeoutExpired:
            self.worker.kill()
            self.worker.wait()
            self.points.fail("the worker did not end when it was told")
