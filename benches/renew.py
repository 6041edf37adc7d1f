"""Effects of a certificate renewal on clients: `kamaji certs renew` compared with `kubectl rollout restart`.

kubectl restarts the same Deployment with common probe settings, the usual way to make pods read new certificates. It renews
none."""
import pathlib
import tempfile

import cluster
from change import NAME, measure_change, rolled_out, targets
from cluster import NAMESPACE
from measure import quiet, rounds, store

TITLE = "A certificate renewal, as clients see it"
KAMAJI, KUBECTL = "kamaji certs renew", "kubectl rollout restart, common probe settings"


def by_kamaji(options):
    quiet([options.kamaji, "certs", "renew", NAME, "-n", NAMESPACE, "--yes"])


def by_kubectl():
    quiet(["kubectl", "-n", NAMESPACE, "rollout", "restart", f"deployment/{NAME}"])
    rolled_out()


def bench(options):
    cluster.up()
    with tempfile.TemporaryDirectory(prefix="kamaji-bench-") as text:
        folder = pathlib.Path(text)
        variants = {
            KAMAJI: lambda: measure_change(options, folder, lambda: by_kamaji(options)),
            KUBECTL: lambda: measure_change(options, folder, by_kubectl, common=True),
        }
        kept, discarded = rounds("renew", variants, options)
    store("renew", TITLE, kept, discarded, targets(kept, [KAMAJI], KUBECTL), options, {"kubernetes": cluster.VERSION})
