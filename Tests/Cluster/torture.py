#!/usr/bin/env python3
"""Kills whatever takes part in a cluster at random, and cuts machines off that live on, under a mixed load; then judges every file.

    torture.py --millrace BINARY [--kills 500] [--partitions 30] [--seed N] [--quick] [--no-slurm] [--fuse] [--keep DIR] [--table FILE]
    torture.py --missing

A daemon that executes nothing itself, or little, has workers on three machines, each of them namespaces of the kernel, and as many as it
asks for on the two nodes of a Slurm. Killed are workers, the processes in which they compute, slurmd, slurmctld and the daemon; machines
are cut off, and processes stopped, for less than a lease or for more: they go on meanwhile, and come back. With `--fuse` outputs and the
work folder are on a file system that is mounted twice, once for the daemon and once for all others. The same seed makes the same strikes,
though not at the same moment. Needs root; nothing of it is left, however it ends. Ends with 0 where nothing was lost, doubled, seen in part or wrong, and
each output is, byte by byte, what one machine makes of the same files."""
import argparse, os, shutil, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(HERE))
sys.path[1:1] = [os.path.join(PROJECT, "Tests", "Torture")]
# Nothing is written beside the scripts.
sys.dont_write_bytecode = True

import namespaces, shared_folder, slurm


def with_packages():
    """Runs again under the tests' own Python where this one has no pyarrow."""
    try:
        import pyarrow
    except ImportError:
        python = os.path.join(PROJECT, ".deps", "oracle", "bin", "python")
        if sys.executable == python or not os.path.exists(python):
            sys.exit("torture.py needs pyarrow: run Scripts/test-tools")
        os.execv(python, [python] + sys.argv)


def missing(options):
    """What is missing here for that, in words; None where nothing is."""
    if options.slurm and slurm.missing():
        return f"not installed: {', '.join(slurm.missing())} (Scripts/cluster-tools)"
    return namespaces.missing() or (shared_folder.missing() if options.fuse else None)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--partitions", type=int, default=30, help="machines that are cut off, and as many processes that are stopped")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000)
    parser.add_argument("--pace", type=float, default=2.5, help="seconds between two strikes, on average")
    parser.add_argument("--large", type=int, default=600_000, metavar="ROWS", help="of files that are scored in ranges")
    parser.add_argument("--pause", type=float, default=0.3, help="seconds between two files, on average")
    parser.add_argument("--patience", type=float, default=600, help="seconds for everything to be done at the end")
    parser.add_argument("--quick", action="store_true", help="machines are cut off for less than a lease, for every run of the tests")
    parser.add_argument("--slurm", action=argparse.BooleanOptionalAction, default=True, help="two nodes of a Slurm have workers too")
    parser.add_argument("--fuse", action=argparse.BooleanOptionalAction, default=False, help="outputs and work on a folder mounted twice")
    parser.add_argument("--missing", action="store_true", help="only says what is missing here; nothing where it can be done")
    parser.add_argument("--keep", help="a folder that does not exist, to work in and to leave behind")
    parser.add_argument("--table", help="a file for the table")
    return parser.parse_args()


def main():
    options = arguments()
    if options.missing:
        return print(missing(options) or "", end="")
    if why := None if os.environ.get(namespaces.MARK) else missing(options):
        sys.exit(f"cannot be done here: {why}")
    with_packages()
    namespaces.enter()
    root = options.keep or tempfile.mkdtemp(prefix="millrace-cluster-torture-")
    os.makedirs(root, exist_ok=True)
    os.chmod(root, 0o755)
    from cluster_torture import ClusterTorture

    torture = ClusterTorture(options, os.path.abspath(root))
    try:
        return torture.run()
    finally:
        torture.close()
        if not options.keep:
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
