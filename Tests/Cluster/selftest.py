"""Whether the test cluster is what the tests take it for: a Slurm that starts jobs on two nodes, and one folder that is mounted twice."""
import os, subprocess, tempfile, time

import shared_folder, slurm


def check_slurm(folder):
    begin = time.monotonic()
    with slurm.Cluster(folder) as cluster:
        print(f"Slurm started in {time.monotonic() - begin:.1f} s")
        out = os.path.join(folder, "%a.out")
        job = cluster.client([
            "sbatch", "--parsable", "--array=1-4", f"--output={out}", "--wrap", "echo $SLURMD_NODENAME; sleep 1"])
        assert job.returncode == 0, job.stderr
        cluster.wait("the jobs' end", lambda: not cluster.client(["squeue", "--noheader"]).stdout.strip())
        nodes = [open(out.replace("%a", str(number))).read().strip() for number in range(1, 5)]
        assert sorted(nodes) == ["n1", "n1", "n2", "n2"], nodes
        # A job that outlives a controller that is killed does not outlive the cluster.
        mark = f"sleep {10_000 + os.getpid()}"
        cluster.client(["sbatch", "--wrap", mark])
        cluster.wait("the job", lambda: running(mark))
        cluster.kill_controller()
        cluster.resume_controller()
    assert not running(mark), "a job has outlived its cluster"
    assert not slurm.orphans(cluster.configuration)


def running(words):
    def line(process):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as file:
                return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    return [process for process in os.listdir("/proc") if process.isdigit() and line(process) == words]


def check_shared_folder(folder):
    begin = time.monotonic()
    with shared_folder.SharedFolder(folder) as shared:
        print(f"SeaweedFS mounted twice in {time.monotonic() - begin:.1f} s")
        one, other = shared.mounts
        times = []
        for number in range(20):
            with open(f"{one}/{number}", "w") as file:
                file.write(str(number))
            begin = time.monotonic()
            while not os.path.exists(f"{other}/{number}"):
                assert time.monotonic() - begin < 10, "the other mount does not see it"
            times.append(time.monotonic() - begin)
            assert open(f"{other}/{number}").read() == str(number)
        print(f"a new name is seen by the other mount after {sorted(times)[10] * 1000:.1f} ms, at most {max(times) * 1000:.1f} ms")
    assert not any(os.path.ismount(mount) for mount in shared.mounts)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="millrace-cluster-") as folder:
        os.chmod(folder, 0o755)
        check_slurm(os.path.join(folder, "slurm"))
        if why := shared_folder.missing():
            print(f"no shared folder: {why}")
        else:
            check_shared_folder(os.path.join(folder, "shared"))
    assert subprocess.run(["mount"], capture_output=True, text=True).stdout.find(folder) < 0
    print("the test cluster is as it should be")
