"""Startup time, memory and size of the program, compared with kubectl."""
import cluster
from measure import Target, peak_memory, rounds, run, store, with_units

TITLE = "Startup, memory and size"
OURS, HELP, KUBECTL = "kamaji --version", "kamaji create --help", "kubectl version --client"
# A single start is too short for the resolution of CPU time.
TIMES = 10


def measure(command):
    runs = [run(command)[0] for _ in range(TIMES)]
    return {
        "wall": sum(one["wall"] for one in runs) / TIMES,
        "cpu": sum(one["cpu"] for one in runs) / TIMES,
        "memory": peak_memory(command),
    }


def bench(options):
    kubectl = cluster.part("kubernetes-1.37") / "kubectl"
    size = {options.kamaji: 0.0, kubectl: 0.0}
    for file in size:
        size[file] = file.stat().st_size / 1e6
    variants = {
        OURS: lambda: measure([options.kamaji, "--version"]) | {"size": size[options.kamaji]},
        HELP: lambda: measure([options.kamaji, "create", "--help"]),
        KUBECTL: lambda: measure([kubectl, "version", "--client"]) | {"size": size[kubectl]},
    }
    kept, discarded = rounds("program", variants, options)
    with_units(kept, {"memory": 15.0, "size": 20.0})
    targets = [
        Target(OURS, KUBECTL, "wall", 0.1, "wall time of --version, over kubectl"),
        Target(HELP, KUBECTL, "wall", 0.1, "wall time of --help, over kubectl"),
        Target(OURS, "targets", "memory", 1.0, "peak memory, over 15 MiB"),
        Target(OURS, "targets", "size", 1.0, "size of the program, over 20 MB"),
    ]
    store("program", TITLE, kept, discarded, targets, options, {"kubernetes": cluster.VERSION})
