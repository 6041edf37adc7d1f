"""Five control planes at once, by five runs of kamaji, against five in a row."""
import pathlib
import shutil
import subprocess
import tempfile
import time

import cluster
from cluster import NAMESPACE
from measure import Aim, rounds, store

COUNT = 5
CONFIG = "kubeadm.yaml"
TITLE = "Five control planes at once"


def command(options, folder, number):
    return [
        options.kamaji, "create", f"bench-{number}", "-n", NAMESPACE, "--kubeadm-config", folder / CONFIG,
        "--expose", "node-port", "--endpoint", f"10.89.0.2:{31941 + number}",
    ]  # fmt: skip


def start(options, folder, number):
    process = command(options, folder, number)
    return subprocess.Popen(process, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def await_all(processes):
    for process in processes:
        _, said = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"kamaji create: {said}")


def clean_up(options):
    for number in range(COUNT):
        cluster.delete(options, f"bench-{number}")


def in_a_row(options, folder):
    """One, and all of them: each is created while the earlier ones run."""
    begun = time.monotonic()
    took = []
    for number in range(COUNT):
        await_all([start(options, folder, number)])
        took.append(time.monotonic() - begun)
    clean_up(options)
    return {"all": took[-1], "first": took[0]}


def at_once(options, folder):
    begun = time.monotonic()
    await_all([start(options, folder, number) for number in range(COUNT)])
    took = time.monotonic() - begun
    clean_up(options)
    return {"all": took}


def bench(options):
    cluster.up()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kamaji-bench-"))
    (folder / CONFIG).write_text(cluster.KUBEADM)
    row, once = f"{COUNT} in a row", f"{COUNT} at once"
    variants = {once: lambda: at_once(options, folder), row: lambda: in_a_row(options, folder)}
    try:
        kept, discarded = rounds("five", variants, options)
    finally:
        shutil.rmtree(folder)
    aims = [
        Aim(once, row, "all", 3.5, f"{COUNT} at once, over one", "first"),
        Aim(once, row, "all", 1.0, f"{COUNT} at once, over {COUNT} in a row"),
    ]
    store("five", TITLE, kept, discarded, aims, options, {"kubernetes": cluster.VERSION})
