"""What is done to a cluster: kills, machines that are stopped or cut off for a while, and what makes each good again."""
import heapq, signal, time

import machines


class Strikes:
    """Each kind of a kill returns whether there was something to kill."""

    def __init__(self, torture):
        self.torture, self.random, self.daemon = torture, torture.random, torture.daemon
        self.made = {"worker": 0, "inner process": 0, "daemon": 0, "slurmd": 0, "slurmctld": 0, "cut off": 0, "stopped": 0}
        # (when, number, what is done then), the next one first.
        self.later, self.number = [], 0
        # The machines on which a worker is about to be started.
        self.starting = set()
        # The processes that are stopped or cut off, or have just come back: zombies, which nobody kills.
        self.zombies = set()

    @property
    def kills(self):
        return sum(count for kind, count in self.made.items() if kind not in ("cut off", "stopped"))

    # What comes later.

    def after(self, seconds, act):
        self.number += 1
        heapq.heappush(self.later, (time.monotonic() + seconds, self.number, act))

    def wait(self, seconds):
        """Waits, and does meanwhile what is due."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.do_what_is_due()
            time.sleep(0.05)

    def do_what_is_due(self):
        while self.later and self.later[0][0] <= time.monotonic():
            heapq.heappop(self.later)[2]()
        for machine in self.torture.machines:
            if not machine.is_there() and machine not in self.starting:
                self.starting.add(machine)
                self.after(self.random.uniform(0, 4), lambda machine=machine: self.start(machine))

    def start(self, machine):
        machine.start(self.random.choice([1, 2]))
        self.starting.discard(machine)

    def heal(self):
        """Makes all good again at once."""
        while self.later:
            heapq.heappop(self.later)[2]()

    # Strikes.

    def strike(self, kind):
        """Returns what was done, in words."""
        act = {
            "worker": self.kill_worker, "inner process": self.kill_inner, "daemon": self.kill_daemon, "slurmd": self.kill_node,
            "slurmctld": self.kill_controller, "cut off": self.cut_off, "stopped": self.stop,
        }
        said = act[kind]()
        while kind in ("cut off", "stopped") and not said:
            # All are just now.
            self.wait(1)
            said = act[kind]()
        if not said:
            # There is none just now: the daemon there always is.
            kind = "daemon"
            said = act[kind]()
        self.made[kind] += 1
        return said

    def one_of(self, processes):
        """One that is no zombie; mostly one that is at work, where there is such a one."""
        able = [process for process in sorted(processes) if process not in self.zombies]
        at_work = [process for process in able if machines.works_away(process)]
        if at_work and self.random.random() < 0.8:
            able = at_work
        return self.random.choice(able) if able else None

    def kill_worker(self):
        process = self.one_of(machines.workers())
        return process and machines.tell(process, signal.SIGKILL) and f"worker {process} is killed"

    def kill_inner(self):
        process = self.one_of(machines.inner())
        return process and machines.tell(process, signal.SIGKILL) and f"inner process {process} is killed"

    def kill_daemon(self):
        self.daemon.kill()
        self.torture.start_daemon()
        return "the daemon is killed"

    def kill_node(self):
        cluster = self.torture.cluster
        numbers = [number for number in (1, 2) if cluster and f"slurmd n{number}" in cluster.processes]
        if not numbers:
            return None
        number, seconds = self.random.choice(numbers), self.random.uniform(0.5, 14)
        cluster.kill_node(number)
        self.after(seconds, lambda: cluster.start_node(number))
        return f"slurmd n{number} is killed for {seconds:.0f} s"

    def kill_controller(self):
        cluster = self.torture.cluster
        if not cluster or "slurmctld" not in cluster.processes:
            return None
        seconds = self.random.uniform(0.5, 10)
        cluster.kill_controller()
        self.after(seconds, lambda: cluster.start("slurmctld", ["slurmctld", "-D", "-f", cluster.configuration]))
        return f"slurmctld is killed for {seconds:.0f} s"

    # Zombies: what lives on and is taken for dead.

    def seconds_away(self):
        """Less than the lease, or more."""
        if self.torture.options.quick:
            return self.random.uniform(1, 3)
        return self.random.uniform(1, 14) if self.random.random() < 0.4 else self.random.uniform(15, 40)

    def leave_alive(self, process, seconds, mend):
        """Lets it come back after so many seconds, and join again before anybody may kill it."""
        self.zombies.add(process)
        self.after(seconds, mend)
        self.after(seconds + 5, lambda: self.zombies.discard(process))

    def cut_off(self):
        able = {machine.process.pid: machine for machine in self.torture.machines if machine.is_there()}
        process = self.one_of(able)
        if not process:
            return None
        machine, seconds = able[process], self.seconds_away()
        machine.cable.cut()
        self.leave_alive(process, seconds, machine.cable.mend)
        return f"machine {machine.number} is cut off for {seconds:.0f} s"

    def stop(self):
        """Stops a worker, or one of those in which something is computed, which goes on later."""
        process = self.one_of(self.random.choice([machines.workers, machines.inner])())
        if not process or not machines.tell(process, signal.SIGSTOP):
            return None
        seconds = self.seconds_away()
        self.leave_alive(process, seconds, lambda: machines.tell(process, signal.SIGCONT))
        return f"process {process} is stopped for {seconds:.0f} s"
