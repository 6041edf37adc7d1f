"""What clients notice of new certificates: `kamaji certs renew` against `kubectl rollout restart` of the same Deployment with
the usual probes, which is how pods come to read new ones otherwise. Those of kubectl are left as they are."""
import pathlib
import tempfile

import cluster
from change import NAME, aims, polled, rolled_out
from cluster import NAMESPACE
from measure import quiet, rounds, store

TITLE = "New certificates, as clients see it"
KAMAJI, KUBECTL = "kamaji certs renew", "kubectl rollout restart, usual probes"


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
            KAMAJI: lambda: polled(options, folder, lambda: by_kamaji(options)),
            KUBECTL: lambda: polled(options, folder, by_kubectl, usual=True),
        }
        kept, discarded = rounds("renew", variants, options)
    store("renew", TITLE, kept, discarded, aims(kept, [KAMAJI], KUBECTL), options, {"kubernetes": cluster.VERSION})
