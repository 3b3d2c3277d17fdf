"""The daemon under test, as a supervisor runs it: started again whenever it ends."""
import os, pwd, resource, signal, subprocess, threading, time

# What a daemon may end with by itself while a fault is in force; a supervisor starts it again.
HONEST = {1, 3, 4}


def as_user(user, body):
    """Does it in another process, as that user; false where it failed."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    status = 1
    try:
        if user:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        body()
        status = 0
    finally:
        os._exit(status)


class Daemon:
    def __init__(self, binary, root, say):
        self.binary, self.root, self.say = binary, root, say
        self.process, self.lock = None, threading.RLock()
        self.expected = False
        self.is_over = threading.Event()
        # (exit status, faults in force) of every end that nobody asked for.
        self.ends = []
        self.in_force = set()
        # How long a worker may outlive its daemon, how long one has, and those that took longer.
        self.longest, self.longest_orphan, self.outlived = 10, 0.0, []
        self.last_fault = 0.0
        # What its standard error is from the next start on, and what must stay open for that.
        self.error_stream, self.streams = "a file", []
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        # What it gets beside the environment of this process. Nothing of it may depend on whose home this is, and workers are known by it.
        self.environment = {"HOME": os.path.join(root, "home")}
        self.arguments = ["--jobs", "2"]
        self.log_path = os.path.join(root, "daemon.log")
        self.watching = threading.Thread(target=self.supervise, daemon=True)

    def start(self):
        with self.lock:
            self.expected = False
            words = [self.binary, "run", os.path.join(self.root, "pipelines"), "--root", self.root, "--grace", "2s", *self.arguments]
            user = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
            environment = dict(os.environ, **self.environment)
            for stream in self.streams:
                os.close(stream)
            self.streams = []
            if self.error_stream == "closed":
                words = ["sh", "-c", 'exec "$@" 2>&-', "sh"] + words
            self.log_start = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
            self.log_is_read = self.error_stream == "a file"
            log = self.open_log()
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env=environment, start_new_session=True, **user)
            os.close(log)
            if self.error_stream == "without a reader":
                os.close(self.streams.pop())
            if not self.watching.is_alive():
                self.watching.start()

    def open_log(self):
        if self.error_stream == "full":
            return os.open("/dev/full", os.O_WRONLY)
        if self.error_stream in ("not read", "without a reader"):
            reader, writer = os.pipe()
            self.streams.append(reader)
            return writer
        return os.open(self.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def supervise(self):
        while not self.is_over.wait(0.05):
            with self.lock:
                if self.process is None or self.expected or self.process.poll() is None:
                    continue
                status = self.process.returncode
                faults = set(self.in_force)
                if time.monotonic() - self.last_fault < 5:
                    faults.add("a fault of a moment ago")
                self.ends.append((status, faults))
                self.say(f"the daemon ended by itself with {status} under {sorted(faults) or 'no fault'}")
                self.expected = True
                ended = self.process
            time.sleep(0.3)
            with self.lock:
                # Unless a step has started another one meanwhile.
                if not self.is_over.is_set() and self.process is ended:
                    self.start()

    def signal(self, number):
        with self.lock:
            if self.process and self.process.poll() is None:
                self.process.send_signal(number)

    def kill(self):
        with self.lock:
            self.expected = True
            self.signal(signal.SIGKILL)
            if self.process:
                self.process.wait()

    def kill_all(self):
        """As the kernel or an operator would: the daemon, its workers and what they have started, in one go and in any order."""
        with self.lock:
            self.expected = True
            processes = [pid for pid, _ in self.workers()] + ([self.process.pid] if self.process and self.process.poll() is None else [])
            for pid in processes:
                self.end(pid)
            if self.process:
                self.process.wait()

    def end(self, process):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def workers(self):
        """(process, parent) of every worker process of this daemon and of those before it that still runs."""
        found = []
        home = ("HOME=" + self.environment["HOME"]).encode()
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/stat") as file:
                    own, rest = file.read().rsplit(")", 1)
                state, parent = rest.split()[:2]
                if own.split("(", 1)[1] != "millrace-worker" or state in "ZX":
                    continue
                with open(f"/proc/{name}/environ", "rb") as file:
                    if home in file.read().split(b"\0"):
                        found.append((int(name), int(parent)))
            except OSError:
                continue
        return found

    def parents(self):
        """The processes that may have worker processes."""
        process = self.process
        return {process.pid} if process else set()

    def own_workers(self):
        """The worker processes of the daemon that runs."""
        process = self.process
        return [pid for pid, parent in self.workers() if process and parent == process.pid]

    def watch_orphans(self):
        """Notes every worker that outlives its daemon by more than `longest` seconds, until this is over."""
        since = {}
        while not self.is_over.wait(0.3):
            before, now, found = self.parents(), time.monotonic(), self.workers()
            # Those of a daemon that was started meanwhile are its own.
            own = before | self.parents()
            since = {pid: since.get(pid, now) for pid, parent in found if parent not in own}
            for pid, first in since.items():
                self.longest_orphan = max(self.longest_orphan, now - first)
                if now - first > self.longest and pid not in self.outlived:
                    self.outlived.append(pid)

    def orphans(self, within=10):
        """The worker processes that outlive their daemon by more than so many seconds. Called while no daemon runs."""
        deadline = time.monotonic() + within
        while (left := self.workers()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return [pid for pid, _ in left]

    def stop(self, within=90):
        """SIGTERM; its exit status, or None where it had to be killed."""
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                return 0
            self.expected = True
            takes_it = self.takes_stops()
            self.process.terminate()
            try:
                status = self.process.wait(within)
                # While the program is being loaded the kernel ends it.
                return 0 if status == -signal.SIGTERM and not takes_it else status
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return None

    def takes_stops(self):
        """Whether it handles SIGTERM by now."""
        try:
            with open(f"/proc/{self.process.pid}/status") as file:
                masks = dict(line.split(":", 1) for line in file)
            return bool(int(masks["SigCgt"], 16) >> signal.SIGTERM - 1 & 1)
        except OSError:
            return False

    def wait_until_it_runs(self, within=5):
        """Until it says that it works, or for so long."""
        end = time.monotonic() + within
        while time.monotonic() < end and self.log_is_read:
            with open(self.log_path, "rb") as log:
                log.seek(self.log_start)
                if b" notice running " in log.read():
                    return
            time.sleep(0.05)

    def has_begun(self):
        """Whether libdispatch has its epoll descriptor, without which it traps and nobody can do anything about it."""
        try:
            folder = f"/proc/{self.process.pid}/fd"
            return any("eventpoll" in os.readlink(os.path.join(folder, name)) for name in os.listdir(folder))
        except (OSError, AttributeError):
            return False

    def descriptors(self, spare):
        """Lets it have no more than `spare` descriptors beyond those it has now; None gives them back."""
        end = time.monotonic() + 5
        while spare is not None and not self.has_begun() and time.monotonic() < end:
            time.sleep(0.05)
        with self.lock:
            if spare is not None and not self.has_begun():
                return False
            if self.process is None or self.process.poll() is not None:
                return False
            process = self.process.pid
            used = len(os.listdir(f"/proc/{process}/fd"))

            def limit():
                _, hard = resource.prlimit(process, resource.RLIMIT_NOFILE)
                resource.prlimit(process, resource.RLIMIT_NOFILE, (hard if spare is None else min(hard, used + spare), hard))

            return as_user(self.user, limit)

    def close(self):
        self.is_over.set()
        self.kill()

    def wrong_ends(self):
        return [f"worker {pid} outlived its daemon by more than {self.longest} s" for pid in self.outlived] + [
            f"the daemon ended with {status} under {', '.join(sorted(faults)) or 'no fault'}"
            for status, faults in self.ends if status not in HONEST or not faults
        ]

    def command(self, *words):
        return subprocess.run([self.binary, *words, "--root", self.root], stdin=subprocess.DEVNULL, capture_output=True, text=True)
