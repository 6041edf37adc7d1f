"""How long from `kamaji create` until workers can join, against a bare API server, kubectl and kubeadm.

Measured from outside: `ready` is the first /readyz without error at the endpoint, `joinable` is when admin.conf may read
all that kubeadm needs there, `done` is the end of the command.
"""
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import cluster
from cluster import NAMESPACE, TESTS, Server
from measure import Aim, quiet, rounds, store

NAME = "bench-create"
ENDPOINT = "10.89.0.2:31940"
HOST = "bench-init"
TITLE = "From the command until workers can join"


class Bare:
    """An etcd and a kube-apiserver of their own, started directly."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kamaji-bench-", dir="/dev/shm"))
        self.kubernetes, self.etcd = cluster.part("kubernetes-1.37"), cluster.part("etcd")
        config = self.folder / "kubeadm.yaml"
        config.write_text(cluster.KUBEADM + f"certificatesDir: {self.folder}/pki\nencryptionAlgorithm: ECDSA-P256\n")
        quiet([self.kubernetes / "kubeadm", "init", "phase", "certs", "all", "--config", config])

    def close(self):
        shutil.rmtree(self.folder)

    def measure(self):
        data = self.folder / "etcd"
        shutil.rmtree(data, ignore_errors=True)
        client, peer, secure = free_port(), free_port(), free_port()
        etcd = self.start("etcd", [
            self.etcd / "etcd", f"--data-dir={data}", f"--listen-client-urls=http://127.0.0.1:{client}",
            f"--advertise-client-urls=http://127.0.0.1:{client}", f"--listen-peer-urls=http://127.0.0.1:{peer}",
        ])
        try:
            cluster.until(lambda: port_answers(client), etcd)
            begun = time.monotonic()
            server = self.start("kube-apiserver", self.command(client, secure))
            try:
                cluster.await_ready(f"127.0.0.1:{secure}", server)
                return {"ready": time.monotonic() - begun}
            finally:
                end(server)
        finally:
            end(etcd)

    def start(self, name, command):
        log = open(self.folder / f"{name}.log", "wb")
        return subprocess.Popen(command, stdout=log, stderr=log)

    def command(self, etcd, secure):
        """kubeadm's flags."""
        pki = self.folder / "pki"
        flags = {
            "advertise-address": "10.89.0.1",
            "bind-address": "127.0.0.1",
            "endpoint-reconciler-type": "none",
            "allow-privileged": "true",
            "authorization-mode": "Node,RBAC",
            "client-ca-file": pki / "ca.crt",
            "enable-admission-plugins": "NodeRestriction",
            "enable-bootstrap-token-auth": "true",
            "etcd-servers": f"http://127.0.0.1:{etcd}",
            "kubelet-client-certificate": pki / "apiserver-kubelet-client.crt",
            "kubelet-client-key": pki / "apiserver-kubelet-client.key",
            "proxy-client-cert-file": pki / "front-proxy-client.crt",
            "proxy-client-key-file": pki / "front-proxy-client.key",
            "requestheader-client-ca-file": pki / "front-proxy-ca.crt",
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-username-headers": "X-Remote-User",
            "secure-port": secure,
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-key-file": pki / "sa.pub",
            "service-account-signing-key-file": pki / "sa.key",
            "service-cluster-ip-range": "10.96.0.0/12",
            "tls-cert-file": pki / "apiserver.crt",
            "tls-private-key-file": pki / "apiserver.key",
        }
        return [self.kubernetes / "kube-apiserver", *(f"--{flag}={value}" for flag, value in flags.items())]


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def port_answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def end(process):
    process.kill()
    process.wait()


def create(options, folder):
    """kamaji. The control plane stays, for kubectl to make it a second time."""
    config = folder / "kubeadm.yaml"
    config.write_text(cluster.KUBEADM)
    management = cluster.management()
    command = [
        options.kamaji, "create", NAME, "-n", NAMESPACE, "--kubeadm-config", config, "--expose", "node-port",
        "--endpoint", ENDPOINT,
    ]
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    cluster.await_ready(ENDPOINT, process)
    ready = time.monotonic() - begun
    server = Server(cluster.until(lambda: cluster.admin_conf(management, NAME)), ENDPOINT)
    cluster.until(lambda: cluster.is_joinable(server), process)
    joinable = time.monotonic() - begun
    _, said = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"kamaji create: {said}")
    return {"joinable": joinable, "ready": ready, "done": time.monotonic() - begun}


def empty_the_datastore(prefix):
    """Removes what the API server wrote, with etcdctl as root."""
    secret = ["kubectl", "-n", "kamaji-system", "get", "secret", "etcd-default-root-client-certificate", "-o"]
    address = quiet(["kubectl", "-n", "kamaji-system", "get", "pod", "etcd-default-0", "-o", "jsonpath={.status.podIP}"])
    with tempfile.TemporaryDirectory() as folder:
        for key in ["tls.crt", "tls.key"]:
            decode = f"""go-template={{{{index .data "{key}" | base64decode}}}}"""
            (pathlib.Path(folder) / key).write_text(quiet([*secret, decode]))
        certificate = ["--cert", f"{folder}/tls.crt", "--key", f"{folder}/tls.key", "--insecure-skip-tls-verify"]
        etcdctl = [TESTS / "run", "mgmt", "etcdctl", f"--endpoints=https://{address}:2379", *certificate]
        quiet([*etcdctl, "del", "--prefix", prefix + "/"])


def apply(options, folder):
    """kubectl, with the objects that kamaji has just made, on an etcd that is empty again."""
    file = folder / "objects.json"
    written = cluster.objects(NAME)
    file.write_text(written)
    quiet(["kubectl", "-n", NAMESPACE, "delete", "deployment", NAME, "--wait"])
    cluster.await_gone(NAME)
    empty_the_datastore(written.split("--etcd-prefix=")[1].split('"')[0])
    quiet(["kubectl", "delete", "-f", file, "--wait", "--ignore-not-found"])
    begun = time.monotonic()
    process = subprocess.Popen(
        ["kubectl", "apply", "-f", file], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    cluster.await_ready(ENDPOINT, process)
    ready = time.monotonic() - begun
    process.communicate()
    cluster.delete(options, NAME)
    return {"ready": ready}


def init(folder):
    """kubeadm, on a host that was added for it."""
    quiet([TESTS / "host", "add", HOST])
    try:
        config = folder / "init.yaml"
        config.write_text(cluster.KUBEADM)
        admin = cluster.STATE / "hosts" / HOST / "etc" / "kubernetes" / "admin.conf"
        address = next(
            line.split()[1] for line in quiet([TESTS / "host", "list"]).splitlines() if line.split()[0] == HOST
        )
        begun = time.monotonic()
        process = subprocess.Popen(
            [TESTS / "run", HOST, "kubeadm", "init", "--config", config],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        cluster.await_ready(f"{address}:6443", process)
        ready = time.monotonic() - begun
        server = Server(admin.read_text(), f"{address}:6443")
        cluster.until(lambda: cluster.is_joinable(server), process)
        joinable = time.monotonic() - begun
        _, said = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"kubeadm init: {said}")
        return {"joinable": joinable, "ready": ready, "done": time.monotonic() - begun}
    finally:
        quiet([TESTS / "host", "remove", HOST])


def bench(options):
    cluster.up()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kamaji-bench-"))
    bare = Bare()
    variants = {
        "kamaji create": lambda: create(options, folder),
        "kubectl apply of the same objects": lambda: apply(options, folder),
        "bare kube-apiserver": bare.measure,
        "kubeadm init": lambda: init(folder),
    }
    try:
        kept, discarded = rounds("create", variants, options)
    finally:
        bare.close()
        shutil.rmtree(folder)
    ours = "kamaji create"
    aims = [
        Aim(ours, "bare kube-apiserver", "joinable", 2.0, "joinable, over the start of a bare kube-apiserver", "ready"),
        Aim(ours, "kubectl apply of the same objects", "ready", 1.05, "/readyz, over kubectl apply of the same objects"),
        Aim(ours, "kubeadm init", "joinable", 1.0, "joinable, over kubeadm init"),
    ]
    store("create", TITLE, kept, discarded, aims, options, {"kubernetes": cluster.VERSION})
