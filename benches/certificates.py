"""The keys, certificates and kubeconfigs of one control plane, against kubeadm's: processor time of the whole process.

For kamaji it is `render --show-secrets`, which makes them all and prints every object too.
"""
import pathlib
import shutil
import tempfile

import cluster
from measure import Aim, rounds, run, store

TITLE = "Certificates of one control plane"
KAMAJI_RSA, KAMAJI = "kamaji render, RSA-2048", "kamaji render, ECDSA-P256 (its default)"
KUBEADM, KUBEADM_ECDSA = "kubeadm, RSA-2048 (its default)", "kubeadm, ECDSA-P256"


def kamaji(options, folder, algorithm):
    config = folder / f"kamaji-{algorithm}.yaml"
    config.write_text(cluster.KUBEADM + f"encryptionAlgorithm: {algorithm}\n")
    words = ["render", "bench", "--kubeadm-config", config, "--expose", "node-port", "--endpoint", "192.0.2.1:31940"]
    figures, shown = run([options.kamaji, *words, "--show-secrets"])
    assert shown.count("PRIVATE KEY") or shown.count("LS0tLS1CRUdJTiB"), "no keys were made"
    return {"cpu": figures["cpu"], "wall": figures["wall"]}


def kubeadm(folder, algorithm):
    """Two runs, as its phases are."""
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
    aims = [
        Aim(KAMAJI, KUBEADM, "cpu", 0.02, "processor time as each does it by default"),
        Aim(KAMAJI, KUBEADM_ECDSA, "cpu", None, "processor time, ECDSA-P256 both"),
        Aim(KAMAJI_RSA, KUBEADM, "cpu", None, "processor time, RSA-2048 both"),
    ]
    store("certificates", TITLE, kept, discarded, aims, options, {"kubernetes": cluster.VERSION})
