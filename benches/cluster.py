"""The test cluster as the benchmarks see it, and an API server as its clients see it: over HTTPS, from outside."""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import ssl
import tempfile
import time

from measure import SOURCE, quiet

TESTS = SOURCE / "tests" / "cluster"
STATE = pathlib.Path(os.environ.get("KAMAJI_TEST_STATE") or "/var/lib/kamaji-test-cluster")
NAMESPACE = "bench"
VERSION = "1.37.2"
KUBEADM = f"""apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v{VERSION}
networking:
  podSubnet: 10.244.0.0/16
"""
POLL = 0.02
# What `kubeadm join` of a worker reads with a bootstrap token, or is allowed by.
JOINABLE = [
    "/api/v1/namespaces/kube-system/configmaps/kubeadm-config",
    "/api/v1/namespaces/kube-system/configmaps/kubelet-config",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings/kubeadm:nodes-kubeadm-config",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings/kubeadm:kubelet-config",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-public/rolebindings/kubeadm:bootstrap-signer-clusterinfo",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kubeadm:get-nodes",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kubeadm:kubelet-bootstrap",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kubeadm:node-autoapprove-bootstrap",
]
DISCOVERY = "/api/v1/namespaces/kube-public/configmaps/cluster-info"


def part(name):
    """The folder of programs that tests/cluster/build made."""
    script = f'source "{TESTS}/lib.sh"; part_folder {name}'
    return pathlib.Path(quiet(["bash", "-c", script]).strip())


def up():
    """Brings the test cluster up when it is not, and lets every command find it."""
    os.environ["KUBECONFIG"] = quiet([TESTS / "up"]).strip()
    os.environ["PATH"] = f"{part('kubernetes-1.37')}:{os.environ['PATH']}"
    quiet(["bash", "-c", f"kubectl create namespace {NAMESPACE} --dry-run=client -o yaml | kubectl apply -f -"])


class Server:
    """An API server, with the credentials of a kubeconfig."""

    def __init__(self, kubeconfig, address=None):
        text = lambda key: re.search(rf'"?{key}"?: "?([^",\s]+)', kubeconfig)[1]
        self.address = address or re.sub(r"^https://", "", text("server"))
        self.context = ssl.create_default_context(cadata=base64.b64decode(text("certificate-authority-data")).decode())
        self.context.check_hostname = False
        with tempfile.TemporaryDirectory() as folder:
            pair = [pathlib.Path(folder) / "crt", pathlib.Path(folder) / "key"]
            for file, key in zip(pair, ["client-certificate-data", "client-key-data"]):
                file.write_bytes(base64.b64decode(text(key)))
            self.context.load_cert_chain(*pair)
        self.connection = None

    def get(self, path):
        """The answer's text; nothing when there is none, or not 200."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPSConnection(self.address, context=self.context, timeout=5)
            self.connection.request("GET", path)
            answer = self.connection.getresponse()
            body = answer.read()
            return body.decode() if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            self.connection = None
            return None


def anonymous(address, path):
    """The same without credentials."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPSConnection(address, context=context, timeout=5)
        connection.request("GET", path)
        if connection.getresponse().status == 200:
            return True
    return False


def until(condition, process=None, seconds=240):
    """Asks again and again; gives what the condition gave. Ends with the process when that failed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        if process is not None and process.poll() not in (None, 0):
            raise RuntimeError(f"the command ended with {process.returncode}: {process.stderr.read()}")
        time.sleep(POLL)
    raise RuntimeError(f"waited {seconds} s in vain")


def await_ready(address, process=None):
    until(lambda: anonymous(address, "/readyz"), process)


def is_joinable(server):
    """Whether admin.conf may read all that kubeadm joins with, and anybody discovers the cluster."""
    return all(server.get(path) for path in JOINABLE) and anonymous(server.address, DISCOVERY)


def management():
    return Server(pathlib.Path(os.environ["KUBECONFIG"]).read_text())


def admin_conf(server, name):
    """admin.conf of a control plane, as soon as it is there."""
    found = server.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}-admin-kubeconfig")
    data = json.loads(found)["data"] if found else {}
    return base64.b64decode(data["admin.conf"]).decode() if "admin.conf" in data else None


KINDS = "serviceaccounts,services,secrets,configmaps,deployments,poddisruptionbudgets,networkpolicies"


def objects(name):
    """The objects of a control plane as one could have written them."""
    found = quiet(["kubectl", "-n", NAMESPACE, "get", KINDS, "-l", f"kamaji.clastix.io/name={name}", "-o", "json"])
    written = json.loads(found)
    for item in written["items"]:
        item.pop("status", None)
        for field in ["resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "ownerReferences"]:
            item["metadata"].pop(field, None)
        item["metadata"].get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": written["items"]})


def await_gone(name):
    """Until no pod of it is left: they would take processor time from what is measured next."""
    pods = ["kubectl", "-n", NAMESPACE, "get", "pods", "-l", f"kamaji.clastix.io/name={name}", "-o", "name"]
    while quiet(pods).strip():
        time.sleep(0.3)


def delete(options, name):
    quiet([options.kamaji, "delete", name, "-n", NAMESPACE, "--yes"])
    await_gone(name)
