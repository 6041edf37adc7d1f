"""Measures failed requests and gaps while the pods of a control plane are replaced, optionally with common probe settings.

Creates a control plane, polls it during the change, and deletes it. A run needs at least 2,000 requests.
"""
import json
import pathlib
import time

import cluster
from cluster import NAMESPACE, Server
from measure import Target, quiet, with_units
from poller import OBJECT, Poller

NAME = "bench-change"
ENDPOINT = "10.89.0.2:31948"
ENOUGH = 2000


def measure_change(options, folder, change, version=cluster.VERSION, replicas=1, common=False):
    """Creates a control plane, returns the figures of a change, and deletes it."""
    server = make(options, folder, version, replicas)
    try:
        if common:
            set_common_probes()
        return poll_during(server, change)
    finally:
        cluster.delete(options, NAME)


def make(options, folder, version, replicas):
    config = folder / "kubeadm.yaml"
    config.write_text(cluster.KUBEADM.replace(cluster.VERSION, version))
    quiet([
        options.kamaji, "create", NAME, "-n", NAMESPACE, "--kubeadm-config", config, "--expose", "node-port",
        "--endpoint", ENDPOINT, "--replicas", str(replicas),
    ])  # fmt: skip
    admin = folder / "admin.conf"
    admin.write_text(cluster.until(lambda: cluster.admin_conf(cluster.management(), NAME)))
    quiet(["kubectl", "--kubeconfig", admin, "create", "configmap", pathlib.Path(OBJECT).name, "--from-literal=count=0"])
    return Server(admin.read_text(), ENDPOINT)


def poll_during(server, change):
    """Polls from before the change until there are enough requests and the old pods are gone."""
    poller = Poller(server)
    time.sleep(2)
    begun = time.monotonic()
    change()
    took = time.monotonic() - begun
    while poller.answered < ENOUGH or terminating_pods():
        time.sleep(0.2)
    time.sleep(2)
    figures = poller.stop()
    for failure in poller.failures[:5]:
        print(f"  {failure}", flush=True)
    return {"failed": figures.pop("failed")} | figures | {"command": took}


def terminating_pods():
    found = quiet(["kubectl", "-n", NAMESPACE, "get", "pods", "-l", f"kamaji.clastix.io/name={NAME}", "-o", "json"])
    return [pod for pod in json.loads(found)["items"] if "deletionTimestamp" in pod["metadata"]]


def rolled_out():
    quiet(["kubectl", "-n", NAMESPACE, "rollout", "status", f"deployment/{NAME}", "--timeout=5m"])


def set_common_probes():
    """Gives the Deployment common settings: Kubernetes' defaults, and probes every 10 s."""
    deployment = json.loads(quiet(["kubectl", "-n", NAMESPACE, "get", "deployment", NAME, "-o", "json"]))
    template = deployment["spec"]["template"]["spec"]
    template.pop("terminationGracePeriodSeconds", None)
    for container in template["containers"]:
        container.pop("lifecycle", None)
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
            if probe in container:
                container[probe] |= {"periodSeconds": 10, "failureThreshold": 3 if probe != "startupProbe" else 24}
        container["command"] = [
            word for word in container.get("command", []) if "shutdown-watch-termination" not in word and "goaway" not in word
        ]
    deployment["spec"].pop("strategy")
    deployment["metadata"].pop("managedFields", None)
    deployment.pop("status", None)
    quiet(["kubectl", "-n", NAMESPACE, "replace", "-f", "-"], input=json.dumps(deployment))
    rolled_out()
    while terminating_pods():
        time.sleep(0.3)


def targets(kept, ours, theirs):
    """No failed request and no gap above 250 ms in any round, and a comparison of the gaps."""
    with_units(kept, {"failed": 1.0, "longest gap": 0.25})
    return [target for variant in ours for target in (
        Target(variant, "targets", "failed", 0.0, f"failed requests, {variant}", every_round=True),
        Target(variant, "targets", "longest gap", 1.0, f"longest time without a response over 250 ms, {variant}", every_round=True),
        Target(variant, theirs, "longest gap", None, f"longest time without a response, {variant} over {theirs}"),
    )]  # fmt: skip
