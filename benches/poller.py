"""Polls an API server continuously: with new connections, with a kept-alive connection, and with one long watch.

Like Kubernetes clients in Go, Java and Python, it retries a 429 or 503 with `Retry-After`, and a GET on a kept-alive connection
that closes before the first byte of the response (RFC 9112, 9.3.1). Both are counted.
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


class Closed(Exception):
    """A kept-alive connection closed before the first byte of the response to a GET."""


class Poller:
    """Polls from construction until `stop`."""

    def __init__(self, server):
        self.server = server
        self.end, self.begun = threading.Event(), time.monotonic()
        self.answered, self.failures, self.retried, self.closed, self.gap, self.changes = 0, [], 0, 0, 0.0, 0
        self.lock = threading.Lock()
        pollers = [self.fresh, self.kept, self.watch]
        self.threads = [threading.Thread(target=poller, daemon=True) for poller in pollers]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """The numbers of successful and failed requests, and the longest gap.

        `retried` counts responses with `Retry-After`, `closed` retries after a closed connection.
        """
        self.end.set()
        for thread in self.threads:
            thread.join()
        return {
            "requests": self.answered, "failed": len(self.failures), "retried": self.retried, "closed": self.closed,
            "longest gap": self.gap, "watched": self.changes,
        }  # fmt: skip

    def failure(self, what, since, message):
        """Describes a failure with the time of the first unanswered request and the current time, in seconds since the start."""
        return f"{since - self.begun:.1f} s to {time.monotonic() - self.begun:.1f} s, {what}: {message}"

    def connection(self):
        return http.client.HTTPSConnection(self.server.address, context=self.server.context, timeout=LIMIT)

    def poll(self, what, request):
        """Sends `RATE` requests per second. A gap is the time from a request to the next response."""
        # Run with priority: a client that waits for a CPU would measure its own gaps.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -15)
        turn, waits_since, again = time.monotonic(), None, False
        while not self.end.is_set():
            if not again:
                turn = max(turn + 1 / RATE, time.monotonic())
                time.sleep(max(turn - time.monotonic(), 0))
            waits_since = waits_since or time.monotonic()
            again, closed, failure = False, False, None
            try:
                status, headers, text = request()
                again = status in (429, 503) and "Retry-After" in headers
                failure = f"{status} {text[:200]}" if status >= 300 and not again else None
            except Closed:
                again = closed = True
            except (OSError, http.client.HTTPException) as error:
                failure = repr(error)
            with self.lock:
                if closed:
                    self.closed += 1
                elif again:
                    self.retried += 1
                elif failure:
                    self.failures.append(self.failure(what, waits_since, failure))
                else:
                    self.answered += 1
                    self.gap = max(self.gap, time.monotonic() - waits_since)
                    waits_since = None

    def fresh(self):
        def request():
            connection = self.connection()
            try:
                connection.request("GET", "/readyz")
                answer = connection.getresponse()
                return answer.status, answer.headers, answer.read()
            finally:
                connection.close()

        self.poll("new connection", request)

    def kept(self):
        kept = self.connection()
        count = 0

        def request():
            nonlocal kept, count
            # Like clients with a connection pool, do not reuse a connection that the server has closed.
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
                    raise Closed if reused and method == "GET" else error
                text = answer.read()
                if answer.status >= 300:
                    kept.close()
                return answer.status, answer.headers, text
            except (Closed, OSError, http.client.HTTPException):
                kept.close()
                raise

        self.poll("kept connection", request)
        kept.close()

    def watch(self):
        """One watch, resumed from the last version when the server ends it gracefully."""
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
