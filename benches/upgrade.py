"""What clients notice of a change of version: `kamaji upgrade` against `kubectl set image` on the same Deployment with the
usual probes (every 10 s, and no pause before the end). A run with fewer than 2,000 requests does not count."""
import json
import pathlib
import shutil
import tempfile
import time

import cluster
from cluster import NAMESPACE, Server
from measure import Aim, quiet, rounds, store
from poller import OBJECT, Poller

NAME = "bench-upgrade"
ENDPOINT = "10.89.0.2:31948"
OLD, NEW = "1.36.3", cluster.VERSION
ENOUGH = 2000
TITLE = "A change of version, as clients see it"
KAMAJI, PAIR, KUBECTL = "kamaji upgrade", "kamaji upgrade, two replicas", "kubectl set image, usual probes"


def make(options, folder, replicas):
    config = folder / "kubeadm.yaml"
    config.write_text(cluster.KUBEADM.replace(NEW, OLD))
    quiet([
        options.kamaji, "create", NAME, "-n", NAMESPACE, "--kubeadm-config", config, "--expose", "node-port",
        "--endpoint", ENDPOINT, "--replicas", str(replicas),
    ])  # fmt: skip
    admin = folder / "admin.conf"
    admin.write_text(cluster.until(lambda: cluster.admin_conf(cluster.management(), NAME)))
    quiet(["kubectl", "--kubeconfig", admin, "create", "configmap", pathlib.Path(OBJECT).name, "--from-literal=count=0"])
    return Server(admin.read_text(), ENDPOINT)


def polled(server, change):
    """Figures of a change under the poller, from before it until enough was asked and the old pods are gone."""
    poller = Poller(server)
    time.sleep(2)
    begun = time.monotonic()
    change()
    took = time.monotonic() - begun
    while poller.answered < ENOUGH or pods_that_end():
        time.sleep(0.2)
    time.sleep(2)
    figures = poller.stop()
    for failure in poller.failures[:5]:
        print(f"  {failure}", flush=True)
    return {"failed": figures.pop("failed")} | figures | {"command": took}


def pods_that_end():
    found = quiet(["kubectl", "-n", NAMESPACE, "get", "pods", "-l", f"kamaji.clastix.io/name={NAME}", "-o", "json"])
    return [pod for pod in json.loads(found)["items"] if "deletionTimestamp" in pod["metadata"]]


def by_kamaji(options, folder, replicas):
    server = make(options, folder, replicas)
    try:
        return polled(server, lambda: quiet([options.kamaji, "upgrade", NAME, "-n", NAMESPACE, "--to", f"v{NEW}", "--yes"]))
    finally:
        cluster.delete(options, NAME)


def by_kubectl(options, folder):
    server = make(options, folder, 1)
    try:
        usual_probes()
        images = [f"{name}=registry.k8s.io/{name}:v{NEW}" for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]]

        def change():
            quiet(["kubectl", "-n", NAMESPACE, "set", "image", f"deployment/{NAME}", *images])
            quiet(["kubectl", "-n", NAMESPACE, "rollout", "status", f"deployment/{NAME}", "--timeout=5m"])

        return polled(server, change)
    finally:
        cluster.delete(options, NAME)


def usual_probes():
    """Makes the Deployment what most would write: Kubernetes' defaults, and probes every 10 s."""
    deployment = json.loads(quiet(["kubectl", "-n", NAMESPACE, "get", "deployment", NAME, "-o", "json"]))
    template = deployment["spec"]["template"]["spec"]
    template.pop("terminationGracePeriodSeconds", None)
    for container in template["containers"]:
        container.pop("lifecycle", None)
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
            if probe in container:
                container[probe] |= {"periodSeconds": 10, "failureThreshold": 3 if probe != "startupProbe" else 24}
        container["command"] = [
            word for word in container.get("command", []) if "shutdown-watch-termination" not in word
        ]
    deployment["spec"].pop("strategy")
    deployment["metadata"].pop("managedFields", None)
    deployment.pop("status", None)
    quiet(["kubectl", "-n", NAMESPACE, "replace", "-f", "-"], input=json.dumps(deployment))
    quiet(["kubectl", "-n", NAMESPACE, "rollout", "status", f"deployment/{NAME}", "--timeout=5m"])
    while pods_that_end():
        time.sleep(0.3)


def bench(options):
    cluster.up()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kamaji-bench-"))
    variants = {
        KAMAJI: lambda: by_kamaji(options, folder, 1),
        PAIR: lambda: by_kamaji(options, folder, 2),
        KUBECTL: lambda: by_kubectl(options, folder),
    }
    try:
        kept, discarded = rounds("upgrade", variants, options)
    finally:
        shutil.rmtree(folder)
    aims = [
        Aim(ours, KUBECTL, "longest gap", None, f"longest time without an answer, {ours} over {KUBECTL}") for ours in [KAMAJI, PAIR]
    ]
    store("upgrade", TITLE, kept, discarded, aims, options, {"kubernetes": f"{OLD} to {NEW}"})
