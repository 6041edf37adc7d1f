"""Writes the tables of README.md from results/*.json."""
import json

from measure import RESULTS

README = RESULTS.parent / "README.md"
MARK = "<!-- Below this line: written by `benches/run`. -->\n"
ORDER = ["create", "five", "certificates", "rerun", "program", "upgrade", "renew"]
COUNTS = ["write requests", "requests", "failed", "asked again", "cut", "watched"]
UNITS = {"memory": ("MiB", 1), "size": ("MB", 1)} | {figure: ("", 0) for figure in COUNTS}


def amount(figure, value):
    unit, digits = UNITS.get(figure, ("s", 3))
    return f"{value:.{digits}f} {unit}".strip()


def section(result):
    machine, versions = result["machine"], result["versions"]
    discarded = ", ".join(f"{load:.2f}" for load in result["discarded"])
    lines = [
        f"## {result['title']}",
        "",
        f"`benches/run {result['name']}` on {result['date']}: {machine['processors']}, {machine['memory']}, Linux {machine['kernel']}; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f". {result['rounds']} rounds, at most {result['foreign load at most']} processors busy with something else; "
        + (f"{len(result['discarded'])} rounds discarded ({discarded} busy)." if discarded else "none discarded."),
        "",
        "| ratio | median | least | most | aim | |",
        "|---|---|---|---|---|---|",
    ]
    for ratio in result["ratios"]:
        aim = "-" if ratio["aim"] is None else f"<= {ratio['aim']}" + (" in every round" if ratio["every round"] else "")
        word = {None: "", True: "reached", False: "**not reached**"}[ratio["reached"]]
        lines.append(f"| {ratio['what']} | {ratio['ratio']} | {ratio['least']} | {ratio['most']} | {aim} | {word} |")
    lines += ["", "| | figure | median | least | most |", "|---|---|---|---|---|"]
    for variant, figures in result["summary"].items():
        for figure, values in figures.items() if variant != "aims" else []:
            cells = [amount(figure, values[which]) for which in ["median", "least", "most"]]
            lines.append(f"| {variant} | {figure} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write():
    head = README.read_text().split(MARK)[0]
    results = [json.loads((RESULTS / f"{name}.json").read_text()) for name in ORDER if (RESULTS / f"{name}.json").exists()]
    README.write_text(head + MARK + "\n" + "\n".join(section(result) for result in results))
