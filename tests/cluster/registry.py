#!/usr/bin/env python3
"""A registry that asks for a password: serves the images of the test cluster, for pulling only, by plain HTTP.

registry.py --address IP --images FOLDER     FOLDER holds docker-archive tars, as `images` makes them

Reads `USER:PASSWORD` as one line from stdin, prints the port it listens on, and serves until it is ended. The repository may
have any path before the image's own name: `IP:PORT/mirror/kube-apiserver:v1.37.2`.
"""
import argparse, base64, glob, hashlib, hmac, http.server, json, os, secrets, sys, tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CHUNK = 1 << 20


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Store:
    """Where every blob lies in the archives, and the manifests made for them."""

    def __init__(self, folder):
        self.blobs = {}  # digest: (archive, offset, size)
        self.label = secrets.token_hex(8)
        self.configs = {}  # digest: content
        self.manifests = {}  # "name:tag" and digest: content
        for archive in sorted(glob.glob(os.path.join(folder, "*.tar"))):
            self.read(archive)

    def read(self, archive):
        with tarfile.open(archive) as tar:
            members = {member.name: member for member in tar.getmembers()}
            listing = json.load(tar.extractfile(members["manifest.json"]))[0]
            config = tar.extractfile(members[listing["Config"]]).read()
        described, diff_ids = self.renamed(config)
        layers = [self.blob(archive, diff_id, members[name], "application/vnd.oci.image.layer.v1.tar")
                  for diff_id, name in zip(diff_ids, listing["Layers"])]
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": layers}).encode()
        self.manifests[digest(manifest)] = manifest
        for tag in listing["RepoTags"]:
            self.manifests[tag.rsplit("/", 1)[1]] = manifest

    def renamed(self, config):
        """The configuration with a label. It makes the image another one to kubelets, which otherwise would ask for this
        registry's password where pods use the same image under the name that it was preloaded with."""
        config = json.loads(config)
        config["config"]["Labels"] = {"kamaji.test/registry": self.label}
        content = json.dumps(config).encode()
        self.configs[digest(content)] = content
        kind = "application/vnd.oci.image.config.v1+json"
        return {"mediaType": kind, "digest": digest(content), "size": len(content)}, config["rootfs"]["diff_ids"]

    def blob(self, archive, blob_digest, member, kind):
        self.blobs[blob_digest] = (archive, member.offset_data, member.size)
        return {"mediaType": kind, "digest": blob_digest, "size": member.size}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = credentials = None

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = self.path.split("?")[0].strip("/").split("/")
        if not self.is_allowed():
            return self.send(401, b"", [("WWW-Authenticate", 'Basic realm="tests"')])
        if parts == ["v2"]:
            return self.send(200, b"{}", [("Content-Type", "application/json")])
        if len(parts) < 4 or parts[0] != "v2":
            return self.send(404, b"")
        name, kind, reference = parts[-3:]
        if kind == "manifests":
            manifest = self.store.manifests.get(reference) or self.store.manifests.get(f"{name}:{reference}")
            if manifest:
                return self.send(200, manifest, [("Content-Type", MANIFEST), ("Docker-Content-Digest", digest(manifest))])
        if kind == "blobs" and reference in self.store.configs:
            return self.send(200, self.store.configs[reference], [("Content-Type", "application/octet-stream")])
        if kind == "blobs" and reference in self.store.blobs:
            return self.send_blob(reference)
        return self.send(404, b"")

    def is_allowed(self):
        return hmac.compare_digest(self.headers.get("Authorization", ""), self.credentials)

    def send(self, code, content, headers=()):
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_blob(self, reference):
        archive, offset, size = self.store.blobs[reference]
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Docker-Content-Digest", reference)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command == "HEAD":
            return
        with open(archive, "rb") as content:
            content.seek(offset)
            while size > 0:
                chunk = content.read(min(size, CHUNK))
                self.wfile.write(chunk)
                size -= len(chunk)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--images", required=True)
    arguments = parser.parse_args()
    Handler.credentials = "Basic " + base64.b64encode(sys.stdin.readline().strip().encode()).decode()
    Handler.store = Store(arguments.images)
    server = http.server.ThreadingHTTPServer((arguments.address, 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
