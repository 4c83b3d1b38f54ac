#!/usr/bin/env python3
"""Healthy programs raise no suspects: packaged services idle and at work, and targets that hold, churn and serve, each
watched for a minute, all of them at once.

    tests/live/healthy_test.py [NAME...]        HEALTHY_SECONDS=60

Exit status 77 where none of them is there."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402
import prometheus  # noqa: E402

SECONDS = int(os.environ.get("HEALTHY_SECONDS", "60"))
START_SECONDS = 30
# The oracle parks goroutines in every way there is: one in a finalizer, and some at locks that nobody gives back.
DELIBERATE = {"oracle": {"finalizers": "main.parkFinalizer", "goroutines_stuck": "main.park"}}
# A service is watched from the first answer on, as it may be in production: what it fills as it starts is not spared.
SCRAPED = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: itself
  static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""


class Service:
    """A packaged server on the loopback, with a folder of its own; asked so many times a second for its page."""

    def __init__(self, arguments, port, path="/metrics", environment=None, folder=None, requests=0):
        self.folder = folder or tempfile.TemporaryDirectory()
        self.url = f"http://127.0.0.1:{port}{path}"
        self.process = subprocess.Popen([str(a) for a in arguments], cwd=self.folder.name, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "HOME": self.folder.name, **(environment or {})})
        self.pid = self.process.pid
        self.wait_until_served(arguments)
        self.is_over = threading.Event()
        self.client = threading.Thread(target=self.ask, args=(1 / requests,)) if requests else None
        if self.client:
            self.client.start()

    def ask(self, pause):
        while not self.is_over.wait(pause):
            try:
                with urllib.request.urlopen(self.url, timeout=5) as response:
                    response.read()
            except OSError:
                pass

    def wait_until_served(self, arguments):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(self.url, timeout=5):
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.client = None
                    self.close()
                    raise RuntimeError(f"{arguments[0]} does not answer") from None
                time.sleep(0.1)     # Between two questions to a server that has no way to call back.

    def close(self):
        if self.client:
            self.is_over.set()
            self.client.join()
        self.process.terminate()
        oracle.wait_or_kill(self.process)
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def start_prometheus(path, is_scraped):
    port, folder = prometheus.free_port(), tempfile.TemporaryDirectory()
    config = Path(folder.name) / "prometheus.yml"
    config.write_text(SCRAPED.format(port=port) if is_scraped else "global: {scrape_interval: 15s}\n")
    return Service([path, f"--config.file={config}", f"--storage.tsdb.path={folder.name}/data", "--log.level=error",
                    f"--web.listen-address=127.0.0.1:{port}"], port, "/-/ready", folder=folder)


def start_node_exporter(path, requests=0):
    port = prometheus.free_port()
    return Service([path, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], port, requests=requests)


def start_caddy(path, requests=0):
    port, admin = prometheus.free_port(), prometheus.free_port()
    folder = tempfile.TemporaryDirectory()
    config = Path(folder.name) / "caddy.json"
    config.write_text(json.dumps({
        "admin": {"listen": f"127.0.0.1:{admin}"},
        "apps": {"http": {"servers": {"s": {"listen": [f"127.0.0.1:{port}"], "routes": [
            {"handle": [{"handler": "static_response", "body": "hello"}]}]}}}}}))
    return Service([path, "run", "--config", config], port, "/", folder=folder, requests=requests)


def start_etcd(path):
    client, peer, folder = prometheus.free_port(), prometheus.free_port(), tempfile.TemporaryDirectory()
    return Service([path, "--data-dir", f"{folder.name}/data", "--log-level", "error",
                    "--listen-client-urls", f"http://127.0.0.1:{client}",
                    "--advertise-client-urls", f"http://127.0.0.1:{client}",
                    "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                    "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                    "--initial-cluster", f"default=http://127.0.0.1:{peer}"], client, "/health", folder=folder)


def start_syncthing(path):
    port, folder = prometheus.free_port(), tempfile.TemporaryDirectory()
    return Service([path, "serve", "--no-browser", "--no-upgrade", f"--home={folder.name}", "--skip-port-probing",
                    "--no-restart", f"--gui-address=127.0.0.1:{port}"], port, "/rest/noauth/health",
                   environment={"STNODEFAULTFOLDER": "1"}, folder=folder)


def packaged(name):
    """The packaged programs of this name, each with the name that its test goes by."""
    for path in sorted(oracle.CACHE.glob(f"programs/{name}-*/usr/bin/{name}")):
        if os.access(path, os.X_OK):
            yield path.parts[-4], path


def gather():
    """(name, function that starts it)."""
    found = []
    for name, path in packaged("prometheus"):
        found.append((f"{name} idle", lambda path=path: start_prometheus(path, False)))
        found.append((f"{name} scraped", lambda path=path: start_prometheus(path, True)))
    for name, start, requests in (("prometheus-node-exporter", start_node_exporter, 4), ("caddy", start_caddy, 100)):
        found += [(f"{full} busy", lambda path=path, start=start, requests=requests: start(path, requests))
                  for full, path in packaged(name)]
    for name, start in (("prometheus-node-exporter", start_node_exporter), ("caddy", start_caddy),
                        ("syncthing", start_syncthing)):
        found += [(full, lambda path=path, start=start: start(path)) for full, path in packaged(name)]
    for full, path in ((p.parts[-4], p) for p in sorted(oracle.CACHE.glob("programs/etcd-server-*/usr/bin/etcd"))):
        found.append((full, lambda path=path: start_etcd(path)))
    # churn's own default, GOGC=10, is a GC that thrashes; and without a rest its four versions would take all the processors.
    for program, arguments in (("oracle", ()), ("churn", ("-gogc", "100", "-pause", "5ms", "-for", "10m")), ("noprof", ()),
                               ("metricsgen", ()), ("latency", ("serve", "-size", "32"))):
        for version, kind, path in oracle.targets(program):
            if kind == "default" and version in ("1.19", "1.22", "1.24", "1.27"):
                found.append((f"{program} {version}",
                              lambda path=path, arguments=arguments: oracle.Target(path, *arguments)))
    return found


def watch(name, start, faults):
    try:
        with start() as target:
            output = subprocess.run([oracle.HEAPTOP, "report", str(target.pid), "--for", f"{SECONDS}s", "--json"], check=True,
                                    stdout=subprocess.PIPE, timeout=SECONDS + 120).stdout
            document = json.loads(output)
    except Exception as error:  # noqa: BLE001 - told as a fault of this program
        faults.append(f"{name}: {error!r}")
        return
    suspects = document["suspects"]
    print(f"{name}: {document['go']['goroutines']} goroutines, {document['memory']['rss_bytes'] / 2**20:.0f} MB, "
          f"{document['verdict']['level']}: {document['verdict']['text']}", flush=True)
    deliberate = DELIBERATE.get(name.split()[0], {})
    if "finalizers" in deliberate and not (suspects and suspects[0]["kind"] == "finalizers"):
        faults.append(f"{name}: the finalizer that never ends is not the first suspect")
    for suspect in suspects:
        if suspect["kind"] in deliberate and suspect["subject"]["function"].startswith(deliberate[suspect["kind"]]):
            continue
        faults.append(f"{name}: {suspect['kind']} {suspect['confidence']}: {suspect['summary']} {suspect['evidence']}")


def main():
    wanted = sys.argv[1:]
    programs = [p for p in gather() if not wanted or any(w in p[0] for w in wanted)]
    if not programs:
        oracle.skip("neither packaged programs nor targets are there")
    faults = []
    threads = [threading.Thread(target=watch, args=(name, start, faults)) for name, start in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for fault in faults:
        print(f"FAIL {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
