"""The torture of one daemon: SIGKILLs and faults of the machine in an order that the seed decides."""
import os, time

from faults import Faults
from trial import Trial


class Torture(Trial):
    def __init__(self, options, root):
        super().__init__(options, root)
        self.faults = Faults(root, self.load, self.daemon, self.random, options.quick)
        self.kills = {"the daemon": 0, "one worker": 0, "all of it": 0}
        self.soak = None
        if options.soak:
            from soak import Soak

            self.soak = Soak(self)

    def prepare(self):
        self.faults.prepare()
        super().prepare()
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
        if self.soak:
            yield from self.soak.steps()
            return
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

    def end(self):
        if self.soak:
            self.soak.ended()

    def points(self, names):
        from points import Points

        return Points(self).run(names)

    def self_test(self):
        from selftest import SelfTest

        return SelfTest(self).run()

    def made(self):
        return [
            *((f"SIGKILL of {what}", count) for what, count in self.kills.items()), ("all SIGKILLs", sum(self.kills.values())),
            *sorted(self.faults.made.items()), ("all faults", sum(self.faults.made.values())),
        ]

    def report(self, found):
        status = super().report(found)
        holds_too_much = self.soak.report() if self.soak else False
        return 1 if status or holds_too_much else 0
