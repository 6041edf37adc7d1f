"""What clients notice of a change of version: `kamaji upgrade` against `kubectl set image` on the same Deployment with the
usual probes (every 10 s, and no pause before the end)."""
import pathlib
import tempfile

import cluster
from change import NAME, aims, polled, rolled_out
from cluster import NAMESPACE
from measure import quiet, rounds, store

OLD, NEW = "1.36.3", cluster.VERSION
TITLE = "A change of version, as clients see it"
KAMAJI, PAIR, KUBECTL = "kamaji upgrade", "kamaji upgrade, two replicas", "kubectl set image, usual probes"


def by_kamaji(options):
    quiet([options.kamaji, "upgrade", NAME, "-n", NAMESPACE, "--to", f"v{NEW}", "--yes"])


def by_kubectl():
    images = [f"{name}=registry.k8s.io/{name}:v{NEW}" for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]]
    quiet(["kubectl", "-n", NAMESPACE, "set", "image", f"deployment/{NAME}", *images])
    rolled_out()


def bench(options):
    cluster.up()
    with tempfile.TemporaryDirectory(prefix="kamaji-bench-") as text:
        folder = pathlib.Path(text)
        variants = {
            KAMAJI: lambda: polled(options, folder, lambda: by_kamaji(options), OLD),
            PAIR: lambda: polled(options, folder, lambda: by_kamaji(options), OLD, replicas=2),
            KUBECTL: lambda: polled(options, folder, by_kubectl, OLD, usual=True),
        }
        kept, discarded = rounds("upgrade", variants, options)
    store("upgrade", TITLE, kept, discarded, aims(kept, [KAMAJI, PAIR], KUBECTL), options, {"kubernetes": f"{OLD} to {NEW}"})
