"""Effects of an upgrade on clients: `kamaji upgrade` compared with `kubectl set image` on the same Deployment with common probe
settings (every 10 s, and no delay before shutdown)."""
import pathlib
import tempfile

import cluster
from change import NAME, measure_change, rolled_out, targets
from cluster import NAMESPACE
from measure import quiet, rounds, store

OLD, NEW = "1.36.3", cluster.VERSION
TITLE = "An upgrade, as clients see it"
KAMAJI, PAIR, KUBECTL = "kamaji upgrade", "kamaji upgrade, two replicas", "kubectl set image, common probe settings"


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
            KAMAJI: lambda: measure_change(options, folder, lambda: by_kamaji(options), OLD),
            PAIR: lambda: measure_change(options, folder, lambda: by_kamaji(options), OLD, replicas=2),
            KUBECTL: lambda: measure_change(options, folder, by_kubectl, OLD, common=True),
        }
        kept, discarded = rounds("upgrade", variants, options)
    store("upgrade", TITLE, kept, discarded, targets(kept, [KAMAJI, PAIR], KUBECTL), options, {"kubernetes": f"{OLD} to {NEW}"})
