#!/usr/bin/env python3
"""Writes one container image of one layer as a docker-archive tar, the form that `ctr images import` reads.

image-archive.py --output FILE --tag NAME... [--user U] [--entrypoint PATH] [--binds-low-ports PATH]
                 [--file SOURCE:PATH]... [--link TARGET:PATH]...
"""
import argparse, hashlib, io, json, os, tarfile

# `setcap cap_net_bind_service=ep`, as the kernel keeps it in security.capability: revision 2 with the effective bit,
# permitted = bit 10, little endian.
NET_BIND_SERVICE = bytes.fromhex("0100000200040000000000000000000000000000")
PASSWD = "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n" \
         "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
GROUP = "root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n"


def read_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", required=True)
    parser.add_argument("--tag", action="append", required=True)
    parser.add_argument("--user", default="")
    parser.add_argument("--entrypoint")
    parser.add_argument("--binds-low-ports", default="")
    parser.add_argument("--file", action="append", default=[])
    parser.add_argument("--link", action="append", default=[])
    return parser.parse_args()


def entry(path, mode, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(path.lstrip("/"))
    info.mode, info.type, info.mtime = mode, kind, 0
    return info


class Layer:
    """A layer's tar, with every parent folder written once before what lies in it."""

    def __init__(self, path):
        self.tar = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)
        self.folders = {"/"}

    def folder(self, path, mode=0o755):
        if path in self.folders:
            return
        self.folder(os.path.dirname(path))
        self.folders.add(path)
        self.tar.addfile(entry(path, mode, tarfile.DIRTYPE))

    def file(self, path, source, capability=None):
        self.folder(os.path.dirname(path))
        info = entry(path, 0o755)
        info.size = os.path.getsize(source)
        if capability:
            # PAX values are text; surrogateescape carries the bytes through unchanged.
            info.pax_headers = {"SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape")}
        with open(source, "rb") as content:
            self.tar.addfile(info, content)

    def text(self, path, content):
        self.folder(os.path.dirname(path))
        info = entry(path, 0o644)
        info.size = len(content)
        self.tar.addfile(info, io.BytesIO(content.encode()))

    def link(self, path, target):
        self.folder(os.path.dirname(path))
        info = entry(path, 0o777, tarfile.SYMTYPE)
        info.linkname = target
        self.tar.addfile(info)


def write_layer(arguments, path):
    layer = Layer(path)
    layer.folder("/tmp", 0o1777)
    layer.text("/etc/passwd", PASSWD)
    layer.text("/etc/group", GROUP)
    for pair in arguments.file:
        source, target = pair.split(":", 1)
        layer.file(target, source, NET_BIND_SERVICE if target == arguments.binds_low_ports else None)
    for pair in arguments.link:
        target, name = pair.split(":", 1)
        layer.link(name, target)
    layer.tar.close()


def digest(path):
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def image_config(arguments, layer_digest):
    # Go collects garbage less often: test machines have more memory than processor time. Where a control plane has a memory
    # limit, kamaji sets GOMEMLIMIT.
    environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "GOGC=400"]
    config = {"Env": environment, "WorkingDir": "/", "User": arguments.user}
    if arguments.entrypoint:
        config["Entrypoint"] = [arguments.entrypoint]
    return json.dumps({"architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z", "config": config,
                       "rootfs": {"type": "layers", "diff_ids": ["sha256:" + layer_digest]}}).encode()


def main():
    arguments = read_arguments()
    layer_path = arguments.output + ".layer"
    write_layer(arguments, layer_path)
    layer_digest = digest(layer_path)
    config = image_config(arguments, layer_digest)
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": arguments.tag, "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(arguments.output, "w") as archive:
        for name, content in ((config_name, config), ("manifest.json", manifest)):
            info = entry(name, 0o644)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        archive.add(layer_path, "layer.tar")
    os.remove(layer_path)


main()
