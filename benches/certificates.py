"""CPU time for all keys, certificates and kubeconfigs of one control plane, compared with kubeadm.

kamaji runs `render --show-secrets`, which creates all of them and prints every object too.
"""
import pathlib
import shutil
import tempfile

import cluster
from measure import Target, rounds, run, store

TITLE = "Certificates of one control plane"
KAMAJI_RSA, KAMAJI = "kamaji render, RSA-2048", "kamaji render, ECDSA-P256 (its default)"
KUBEADM, KUBEADM_ECDSA = "kubeadm, RSA-2048 (its default)", "kubeadm, ECDSA-P256"


def kamaji(options, folder, algorithm):
    config = folder / f"kamaji-{algorithm}.yaml"
    config.write_text(cluster.KUBEADM + f"encryptionAlgorithm: {algorithm}\n")
    words = ["render", "bench", "--kubeadm-config", config, "--expose", "node-port", "--endpoint", "192.0.2.1:31940"]
    figures, shown = run([options.kamaji, *words, "--show-secrets"])
    assert shown.count("PRIVATE KEY") or shown.count("LS0tLS1CRUdJTiB"), "no keys were created"
    return {"cpu": figures["cpu"], "wall": figures["wall"]}


def kubeadm(folder, algorithm):
    """kubeadm needs one run per phase."""
    place = pathlib.Path(tempfile.mkdtemp(dir=folder))
    config = place / "kubeadm.yaml"
    config.write_text(
        cluster.KUBEADM + f"encryptionAlgorithm: {algorithm}\ncertificatesDir: {place}/pki\n---\n"
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 192.0.2.1}\n"
    )
    program = cluster.part("kubernetes-1.37") / "kubeadm"
    certificates, _ = run([program, "init", "phase", "certs", "all", "--config", config])
    kubeconfigs, _ = run([program, "init", "phase", "kubeconfig", "all", "--config", config, "--kubeconfig-dir", place])
    return {figure: certificates[figure] + kubeconfigs[figure] for figure in ["cpu", "wall"]}


def bench(options):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kamaji-bench-"))
    variants = {
        KAMAJI: lambda: kamaji(options, folder, "ECDSA-P256"),
        KUBEADM: lambda: kubeadm(folder, "RSA-2048"),
        KAMAJI_RSA: lambda: kamaji(options, folder, "RSA-2048"),
        KUBEADM_ECDSA: lambda: kubeadm(folder, "ECDSA-P256"),
    }
    try:
        kept, discarded = rounds("certificates", variants, options)
    finally:
        shutil.rmtree(folder)
    targets = [
        Target(KAMAJI, KUBEADM, "cpu", 0.02, "CPU time, default algorithms"),
        Target(KAMAJI, KUBEADM_ECDSA, "cpu", None, "CPU time, both ECDSA-P256"),
        Target(KAMAJI_RSA, KUBEADM, "cpu", None, "CPU time, both RSA-2048"),
    ]
    store("certificates", TITLE, kept, discarded, targets, options, {"kubernetes": cluster.VERSION})
