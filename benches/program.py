"""The program itself: how fast it starts, how much memory and disk it takes, beside kubectl."""
import cluster
from measure import Aim, peak_memory, rounds, run, store, with_units

TITLE = "Start, memory and size"
OURS, HELP, KUBECTL = "kamaji --version", "kamaji create --help", "kubectl version --client"
# One start is too short for the clock of processor time.
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
    aims = [
        Aim(OURS, KUBECTL, "wall", 0.1, "wall time of a start, over kubectl"),
        Aim(HELP, KUBECTL, "wall", 0.1, "wall time of a help page, over kubectl"),
        Aim(OURS, "aims", "memory", 1.0, "peak memory, over 15 MiB"),
        Aim(OURS, "aims", "size", 1.0, "size of the program, over 20 MB"),
    ]
    store("program", TITLE, kept, discarded, aims, options, {"kubernetes": cluster.VERSION})
