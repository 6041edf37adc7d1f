"""What every benchmark shares: interleaved rounds, load from elsewhere, figures, the results file.

A round measures every variant once, one after the other. Before each measurement the machine is watched for a second; a
round that began while somebody else computed is discarded, counted and done again.
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
    """How much is measured, and with what."""

    rounds: int
    limit: float
    warm_up: bool
    kamaji: pathlib.Path


@dataclasses.dataclass
class Aim:
    """A ratio that is wanted: `figure` of `ours` over that of `theirs`, not above `most`; in the median, or in every round."""

    ours: str
    theirs: str
    figure: str
    most: float | None
    what: str
    their_figure: str | None = None
    every_round: bool = False


def processor_time():
    """Busy and all processor time of the machine so far."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def foreign_load(seconds=1.0):
    """How many processors are busy while nothing is measured."""
    busy, total = processor_time()
    time.sleep(seconds)
    busy_after, total_after = processor_time()
    return (busy_after - busy) / max(total_after - total, 1) * os.cpu_count()


def run(command, **more):
    """Runs a command to its end. Wall and processor seconds of it and what it waited for."""
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
    """MiB that a command had resident at most. GNU time starts it: a child of this program would begin with our own."""
    with tempfile.NamedTemporaryFile("r") as report:
        quiet(["time", "-f", "%M", "-o", report.name, *command])
        return int(report.read()) / 1024


def quiet(command, **more):
    """Runs a command that is not measured, and gives its output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def rounds(name, variants, options):
    """Measures all variants in turn. Gives the rounds that count, and how many were discarded."""
    if options.warm_up:
        print(f"{name}: a round to warm up", file=sys.stderr)
        for measure in variants.values():
            measure()
    kept, discarded = [], []
    while len(kept) < options.rounds:
        load, figures = 0.0, {}
        for variant, measure in variants.items():
            load = max(load, foreign_load())
            figures[variant] = measure()
        verdict = "counts" if load <= options.limit else "discarded"
        print(f"{name}: round {len(kept) + 1}, foreign load {load:.2f}: {verdict} {shown(figures)}", file=sys.stderr)
        (kept if load <= options.limit else discarded).append({"load": round(load, 2), "figures": figures})
        if len(discarded) > 2 * options.rounds + 3:
            sys.exit(f"error: {name}: {len(discarded)} rounds were discarded; the machine is too busy (--any-load keeps all)")
    return kept, [entry["load"] for entry in discarded]


def with_units(kept, units):
    """Gives every round what aims that are no ratios are measured in: `figure` of "aims"."""
    for entry in kept:
        entry["figures"]["aims"] = units


def shown(figures):
    return ", ".join(f"{name} {next(iter(values.values())):.3f}" for name, values in figures.items())


def summary(kept):
    """Median and least of every figure of every variant."""
    found = {}
    for variant in kept[0]["figures"]:
        found[variant] = {}
        for figure in kept[0]["figures"][variant]:
            values = [entry["figures"][variant][figure] for entry in kept]
            found[variant][figure] = {
                "median": round(statistics.median(values), 4),
                "least": round(min(values), 4),
                "most": round(max(values), 4),
            }
    return found


def ratio(kept, aim):
    """The median of the ratios within each round, so that a machine that changes its speed does not matter."""
    their_figure = aim.their_figure or aim.figure
    ratios = [
        entry["figures"][aim.ours][aim.figure] / max(entry["figures"][aim.theirs][their_figure], 1e-9) for entry in kept
    ]
    value = statistics.median(ratios)
    judged = max(ratios) if aim.every_round else value
    return {
        "what": aim.what,
        "ratio": round(value, 3),
        "least": round(min(ratios), 3),
        "most": round(max(ratios), 3),
        "aim": aim.most,
        "every round": aim.every_round,
        "reached": None if aim.most is None else judged <= aim.most,
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
    """The commit, and whether anything but the results is different from it."""
    commit = quiet(["git", "describe", "--always"], cwd=SOURCE).strip()
    changed = quiet(["git", "status", "--porcelain", "--", ".", ":!benches"], cwd=SOURCE)
    return commit + ("-dirty" if changed else "")


def versions(options):
    return {
        "kamaji": quiet([options.kamaji, "--version"]).strip().removeprefix("kamaji "),
        "source": source(),
        "rustc": quiet(["rustc", "--version"]).split()[1],
    }


def store(name, title, kept, discarded, aims, options, more=None):
    """Writes results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    result = {
        "name": name,
        "title": title,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": versions(options) | (more or {}),
        "rounds": len(kept),
        "foreign load at most": max(entry["load"] for entry in kept),
        "discarded": discarded,
        "summary": summary(kept),
        "ratios": [ratio(kept, aim) for aim in aims],
        "all": kept,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
