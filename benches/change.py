"""What clients notice while a control plane's pods are replaced: made, asked all the time, changed, deleted. The Deployment
can be made what most would write. A run with fewer than 2,000 requests does not count."""
import json
import pathlib
import time

import cluster
from cluster import NAMESPACE, Server
from measure import Aim, quiet, with_units
from poller import OBJECT, Poller

NAME = "bench-change"
ENDPOINT = "10.89.0.2:31948"
ENOUGH = 2000


def polled(options, folder, change, version=cluster.VERSION, replicas=1, usual=False):
    """The figures of a change of a new control plane, which is deleted afterwards."""
    server = make(options, folder, version, replicas)
    try:
        if usual:
            usual_probes()
        return watched(server, change)
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


def watched(server, change):
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


def rolled_out():
    quiet(["kubectl", "-n", NAMESPACE, "rollout", "status", f"deployment/{NAME}", "--timeout=5m"])


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
            word for word in container.get("command", []) if "shutdown-watch-termination" not in word and "goaway" not in word
        ]
    deployment["spec"].pop("strategy")
    deployment["metadata"].pop("managedFields", None)
    deployment.pop("status", None)
    quiet(["kubectl", "-n", NAMESPACE, "replace", "-f", "-"], input=json.dumps(deployment))
    rolled_out()
    while pods_that_end():
        time.sleep(0.3)


def aims(kept, ours, theirs):
    """No failed request and no gap above 250 ms, in any round; and how the gaps compare."""
    with_units(kept, {"failed": 1.0, "longest gap": 0.25})
    return [aim for way in ours for aim in (
        Aim(way, "aims", "failed", 0.0, f"failed requests, {way}", every_round=True),
        Aim(way, "aims", "longest gap", 1.0, f"longest time without an answer over 250 ms, {way}", every_round=True),
        Aim(way, theirs, "longest gap", None, f"longest time without an answer, {way} over {theirs}"),
    )]  # fmt: skip
