"""A second `kamaji create` that has nothing to do, against `kubectl apply --server-side` of the same objects.

Both look at everything in the management cluster and inside the control plane's own; for kubectl that is two runs.
Writes are counted in the management API server's audit log, and by the resource versions of the objects there.
"""
import json
import pathlib
import shutil
import tempfile

import cluster
from cluster import NAMESPACE
from measure import Aim, quiet, rounds, run, store, with_units

NAME = "bench-rerun"
ENDPOINT = "10.89.0.2:31946"
TITLE = "A run that has nothing to do"
KAMAJI, KUBECTL = "kamaji create, unchanged", "kubectl apply --server-side"
WRITES = {"create", "update", "patch", "delete", "deletecollection"}
# What one may do is asked with a POST, and nothing is stored.
QUESTIONS = "/apis/authorization.k8s.io/"
INSIDE = [
    ("kube-system", "configmaps/kubeadm-config,configmaps/kubelet-config,configmaps/coredns,configmaps/kube-proxy"),
    ("kube-public", "configmaps/cluster-info"),
    ("kube-system", "deployments,daemonsets,services,serviceaccounts/coredns,serviceaccounts/kube-proxy"),
    ("kube-system", "roles,rolebindings"),
    ("kube-public", "roles,rolebindings"),
    (None, "clusterroles,clusterrolebindings"),
    ("default", "endpoints/kubernetes,endpointslices/kubernetes"),
]


def writes_since(position, agent):
    """How many requests of that program could have changed something; dry runs and questions could not."""
    with open(cluster.STATE / "audit.log", "rb") as log:
        log.seek(position)
        entries = [json.loads(line) for line in log if line.endswith(b"\n")]
    requests = [entry for entry in entries if entry.get("userAgent", "").startswith(agent)]
    assert requests, f"no request of {agent} is in the audit log"
    return sum(entry["verb"] in WRITES and is_no_question(entry["requestURI"]) for entry in requests)


def is_no_question(address):
    return "dryRun=All" not in address and not address.startswith(QUESTIONS)


def resource_versions():
    found = quiet(["kubectl", "-n", NAMESPACE, "get", cluster.KINDS, "-o", "json", "-l", f"kamaji.clastix.io/name={NAME}"])
    return [(item["kind"], item["metadata"]["name"], item["metadata"]["resourceVersion"]) for item in json.loads(found)["items"]]


class Plane:
    """A control plane that is there, and its objects as files."""

    def __init__(self, options, folder):
        self.options = options
        config = folder / "kubeadm.yaml"
        config.write_text(cluster.KUBEADM)
        self.command = [
            options.kamaji, "create", NAME, "-n", NAMESPACE, "--kubeadm-config", config, "--expose", "node-port",
            "--endpoint", ENDPOINT,
        ]  # fmt: skip
        quiet(self.command)
        self.admin = folder / "admin.conf"
        self.admin.write_text(cluster.until(lambda: cluster.admin_conf(cluster.management(), NAME)))
        self.management, self.inside = folder / "management.json", folder / "inside.json"
        self.management.write_text(cluster.objects(NAME))
        self.inside.write_text(self.objects_inside())
        # Its own fields first, so that the measured runs find nothing to take over.
        for command in self.apply():
            quiet(command)

    def objects_inside(self):
        """What kamaji manages there: it is told by the fields' manager."""
        items = []
        for namespace, kinds in INSIDE:
            place = ["-n", namespace] if namespace else []
            names = kinds.split(",") if "/" in kinds else [kinds]
            for name in [kinds] if "/" not in kinds else names:
                words = ["kubectl", "--kubeconfig", self.admin, *place, "get", name, "-o", "json", "--show-managed-fields"]
                found = json.loads(quiet(words))
                items += found["items"] if found["kind"] == "List" else [found]
        ours = [item for item in items if any(
            entry["manager"] == "kamaji" for entry in item["metadata"].get("managedFields", [])
        )]  # fmt: skip
        assert len(ours) > 15, f"only {len(ours)} objects in the cluster are kamaji's"
        for item in ours:
            item.pop("status", None)
            for field in ["resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"]:
                item["metadata"].pop(field, None)
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": ours})

    def apply(self):
        flags = ["apply", "--server-side", "--force-conflicts", "-f"]
        return [
            ["kubectl", *flags, self.management],
            ["kubectl", "--kubeconfig", self.admin, *flags, self.inside],
        ]

    def measure_kamaji(self):
        before, log = resource_versions(), (cluster.STATE / "audit.log").stat().st_size
        figures, said = run(self.command)
        assert "unchanged" in said, said
        changed = before != resource_versions()
        return {"wall": figures["wall"], "cpu": figures["cpu"], "write requests": writes_since(log, "kamaji") + changed}

    def measure_kubectl(self):
        log = (cluster.STATE / "audit.log").stat().st_size
        runs = [run(command)[0] for command in self.apply()]
        figures = {figure: sum(one[figure] for one in runs) for figure in ["wall", "cpu"]}
        return figures | {"write requests": writes_since(log, "kubectl")}


def bench(options):
    cluster.up()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kamaji-bench-"))
    try:
        plane = Plane(options, folder)
        kept, discarded = rounds("rerun", {KAMAJI: plane.measure_kamaji, KUBECTL: plane.measure_kubectl}, options)
        with_units(kept, {"write requests": 1.0})
    finally:
        cluster.delete(options, NAME)
        shutil.rmtree(folder)
    aims = [
        Aim(KAMAJI, KUBECTL, "wall", 0.7, "wall time, over kubectl apply --server-side"),
        Aim(KAMAJI, "aims", "write requests", 0.0, "write requests", every_round=True),
    ]
    store("rerun", TITLE, kept, discarded, aims, options, {"kubernetes": cluster.VERSION})
