"""A client that asks an API server all the time: on a new connection each time, on one that is kept, and by one long watch.

It does what Kubernetes' clients in Go, Java and Python do: what is answered 429 or 503 with `Retry-After` is asked again,
and so is a GET over a kept connection that ended before a byte of the answer (RFC 9112, 9.3.1). Both are counted.
"""
import http.client
import json
import os
import select
import ssl
import threading
import time

RATE = 20
LIMIT = 5
OBJECT = "/api/v1/namespaces/default/configmaps/polled"


class Cut(Exception):
    """A kept connection ended before a byte of the answer to a GET."""


class Poller:
    """Polls from its making until `stop`."""

    def __init__(self, server):
        self.server = server
        self.end, self.begun = threading.Event(), time.monotonic()
        self.answered, self.failures, self.repeated, self.cut, self.gap, self.changes = 0, [], 0, 0, 0.0, 0
        self.lock = threading.Lock()
        ways = [self.fresh, self.kept, self.watch]
        self.threads = [threading.Thread(target=way, daemon=True) for way in ways]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """How many requests were answered and failed; the longest time that one waited for its answer.

        `asked again` are those answered with `Retry-After`; `cut` those asked again because their connection ended.
        """
        self.end.set()
        for thread in self.threads:
            thread.join()
        return {
            "requests": self.answered, "failed": len(self.failures), "asked again": self.repeated, "cut": self.cut,
            "longest gap": self.gap, "watched": self.changes,
        }  # fmt: skip

    def failure(self, what, since, words):
        """What failed, and when: seconds from the beginning to the first request without an answer, and to now."""
        return f"{since - self.begun:.1f} s to {time.monotonic() - self.begun:.1f} s, {what}: {words}"

    def connection(self):
        return http.client.HTTPSConnection(self.server.address, context=self.server.context, timeout=LIMIT)

    def turns(self, what, ask):
        """Asks `RATE` times a second. A gap is the time from a request to an answer, of it or of the next that has one."""
        # A client that waits for a processor itself would find gaps that are its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -15)
        turn, waits_since, again = time.monotonic(), None, False
        while not self.end.is_set():
            if not again:
                turn = max(turn + 1 / RATE, time.monotonic())
                time.sleep(max(turn - time.monotonic(), 0))
            waits_since = waits_since or time.monotonic()
            again, cut, failure = False, False, None
            try:
                status, headers, text = ask()
                again = status in (429, 503) and "Retry-After" in headers
                failure = f"{status} {text[:200]}" if status >= 300 and not again else None
            except Cut:
                again = cut = True
            except (OSError, http.client.HTTPException) as error:
                failure = repr(error)
            with self.lock:
                if cut:
                    self.cut += 1
                elif again:
                    self.repeated += 1
                elif failure:
                    self.failures.append(self.failure(what, waits_since, failure))
                else:
                    self.answered += 1
                    self.gap = max(self.gap, time.monotonic() - waits_since)
                    waits_since = None

    def fresh(self):
        def ask():
            connection = self.connection()
            try:
                connection.request("GET", "/readyz")
                answer = connection.getresponse()
                return answer.status, answer.headers, answer.read()
            finally:
                connection.close()

        self.turns("new connection", ask)

    def kept(self):
        kept = self.connection()
        count = 0

        def ask():
            nonlocal kept, count
            # As clients with a pool do: a connection that the server has closed meanwhile is not used again.
            if kept.sock is not None and select.select([kept.sock], [], [], 0)[0] and kept.sock.pending() == 0:
                kept.close()
            reused = kept.sock is not None
            count += 1
            body = json.dumps({"data": {"count": str(count)}}) if count % 10 == 0 else None
            try:
                method = "PATCH" if body else "GET"
                try:
                    kept.request(method, OBJECT, body, {"Content-Type": "application/merge-patch+json"} if body else {})
                    answer = kept.getresponse()
                except (ConnectionError, ssl.SSLEOFError) as error:
                    raise Cut if reused and method == "GET" else error
                text = answer.read()
                if answer.status >= 300:
                    kept.close()
                return answer.status, answer.headers, text
            except (Cut, OSError, http.client.HTTPException):
                kept.close()
                raise

        self.turns("kept connection", ask)
        kept.close()

    def watch(self):
        """One watch; where the server ends it in good order, it goes on from the last version."""
        version = json.loads(self.server.get("/api/v1/namespaces/default/configmaps"))["metadata"]["resourceVersion"]
        path = "/api/v1/namespaces/default/configmaps?watch=1&fieldSelector=metadata.name%3Dpolled"
        while not self.end.is_set():
            connection = self.connection()
            try:
                connection.request("GET", f"{path}&timeoutSeconds=3600&resourceVersion={version}")
                answer = connection.getresponse()
                if answer.status != 200:
                    raise http.client.HTTPException(f"{answer.status} {answer.read()[:200]}")
                while not self.end.is_set():
                    if not select.select([connection.sock], [], [], 0.2)[0] and connection.sock.pending() == 0:
                        continue
                    line = answer.readline()
                    if not line:
                        break
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise http.client.HTTPException(f"the watch ended with {event['object']}")
                    version = event["object"]["metadata"]["resourceVersion"]
                    self.changes += 1
            except (OSError, http.client.HTTPException, ValueError) as error:
                with self.lock:
                    self.failures.append(self.failure("watch", time.monotonic(), repr(error)))
                time.sleep(0.2)
            finally:
                connection.close()
