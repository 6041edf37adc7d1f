"""Shared code of the benchmarks: interleaved rounds, other load on the machine, figures, the results file.

A round measures every variant once, one after the other. Before each measurement the machine's load is measured for a second;
rounds with too much other load are discarded, counted and repeated.
"""
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
RESULTS = pathlib.Path(__file__).resolve().parent / "results"


@dataclasses.dataclass
class Options:
    """Options of a benchmark run."""

    rounds: int
    limit: float
    warm_up: bool
    kamaji: pathlib.Path


@dataclasses.dataclass
class Target:
    """An upper limit for a ratio: `figure` of `ours` over that of `theirs`, as a median or in every round."""

    ours: str
    theirs: str
    figure: str
    limit: float | None
    label: str
    their_figure: str | None = None
    every_round: bool = False


def cpu_time():
    """Busy and total CPU time of the machine so far."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def other_load(seconds=1.0):
    """How many processors are busy while nothing is measured."""
    busy, total = cpu_time()
    time.sleep(seconds)
    busy_after, total_after = cpu_time()
    return (busy_after - busy) / max(total_after - total, 1) * os.cpu_count()


def run(command, **more):
    """Runs a command. Returns its wall time, the CPU time of it and its children, and its output."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - begun
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {err.decode()}")
    figures = {"wall": took, "cpu": usage.ru_utime + usage.ru_stime}
    return figures, out.decode()


def peak_memory(command):
    """Peak resident memory of a command in MiB. GNU time starts it, because a child of Python would inherit Python's peak."""
    with tempfile.NamedTemporaryFile("r") as report:
        quiet(["time", "-f", "%M", "-o", report.name, *command])
        return int(report.read()) / 1024


def quiet(command, **more):
    """Runs a command without measuring it, and returns its output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def rounds(name, variants, options):
    """Measures all variants in turn. Returns the rounds that count, and the load of the discarded ones."""
    if options.warm_up:
        print(f"{name}: warm-up round", file=sys.stderr)
        for measure in variants.values():
            measure()
    kept, discarded = [], []
    while len(kept) < options.rounds:
        load, figures = 0.0, {}
        for variant, measure in variants.items():
            load = max(load, other_load())
            figures[variant] = measure()
        verdict = "counts" if load <= options.limit else "discarded"
        print(f"{name}: round {len(kept) + 1}, other load {load:.2f}: {verdict} {shown(figures)}", file=sys.stderr)
        (kept if load <= options.limit else discarded).append({"load": round(load, 2), "figures": figures})
        if len(discarded) > 2 * options.rounds + 3:
            sys.exit(f"error: {name}: {len(discarded)} rounds were discarded because the machine is too busy (--any-load keeps all)")
    return kept, [entry["load"] for entry in discarded]


def with_units(kept, units):
    """Adds the variant "targets", with the limits of absolute targets, to every round."""
    for entry in kept:
        entry["figures"]["targets"] = units


def shown(figures):
    return ", ".join(f"{name} {next(iter(values.values())):.3f}" for name, values in figures.items())


def summary(kept):
    """Median, minimum and maximum of every figure of every variant."""
    found = {}
    for variant in kept[0]["figures"]:
        found[variant] = {}
        for figure in kept[0]["figures"][variant]:
            values = [entry["figures"][variant][figure] for entry in kept]
            found[variant][figure] = {
                "median": round(statistics.median(values), 4),
                "min": round(min(values), 4),
                "max": round(max(values), 4),
            }
    return found


def ratio(kept, target):
    """The median of the rounds' ratios, so that changes of the machine's speed do not matter."""
    their_figure = target.their_figure or target.figure
    ratios = [
        entry["figures"][target.ours][target.figure] / max(entry["figures"][target.theirs][their_figure], 1e-9) for entry in kept
    ]
    value = statistics.median(ratios)
    compared = max(ratios) if target.every_round else value
    return {
        "label": target.label,
        "ratio": round(value, 3),
        "min": round(min(ratios), 3),
        "max": round(max(ratios), 3),
        "target": target.limit,
        "every round": target.every_round,
        "met": None if target.limit is None else compared <= target.limit,
    }


def machine():
    model = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1])
    return {
        "processors": f"{os.cpu_count()} x {model[0] if model else platform.machine()}",
        "memory": f"{memory / 1024**2:.0f} GiB",
        "kernel": platform.release(),
        "load average": round(os.getloadavg()[0], 2),
    }


def source():
    """The commit, with a suffix if files other than benchmarks differ from it."""
    commit = quiet(["git", "describe", "--always"], cwd=SOURCE).strip()
    changed = quiet(["git", "status", "--porcelain", "--", ".", ":!benches"], cwd=SOURCE)
    return commit + ("-dirty" if changed else "")


def versions(options):
    return {
        "kamaji": quiet([options.kamaji, "--version"]).strip().removeprefix("kamaji "),
        "source": source(),
        "rustc": quiet(["rustc", "--version"]).split()[1],
    }


def store(name, title, kept, discarded, targets, options, more=None):
    """Writes results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    result = {
        "name": name,
        "title": title,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": versions(options) | (more or {}),
        "rounds": len(kept),
        "max other load": max(entry["load"] for entry in kept),
        "discarded": discarded,
        "summary": summary(kept),
        "ratios": [ratio(kept, target) for target in targets],
        "all": kept,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
