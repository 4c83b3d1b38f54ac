"""Packaged Prometheus servers, scraping a target whose label values keep growing, all on the loopback."""

import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import oracle

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: metricsgen
  static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""


def packaged():
    """The programs that are there, by name."""
    return sorted(p for p in oracle.CACHE.glob("programs/prometheus-*/usr/bin/prometheus") if os.access(p, os.X_OK))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """One server and what it scrapes; both end with it."""

    def __init__(self, path, metricsgen, *arguments, environment=None):
        self.folder = tempfile.TemporaryDirectory()
        self.port = free_port()
        self.generator = oracle.Target(metricsgen, *arguments)
        config = Path(self.folder.name) / "prometheus.yml"
        config.write_text(CONFIG.format(port=self.generator.state["port"]))
        self.process = subprocess.Popen(
            [path, f"--config.file={config}", f"--storage.tsdb.path={self.folder.name}/data", "--log.level=error",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder.name,
            env={**os.environ, **(environment or {})})
        self.pid = self.process.pid

    def fetch(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as response:
            return response.read()

    def series(self):
        """How many series its head holds; None while it does not answer."""
        try:
            for line in self.fetch("/metrics").decode().splitlines():
                if line.startswith("prometheus_tsdb_head_series "):
                    return float(line.split()[1])
        except OSError:
            pass
        return None

    def wait_for_series(self, count, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"prometheus ended with status {self.process.returncode}")
            if (self.series() or 0) >= count:
                return
            time.sleep(0.2)     # Between two questions to the server, which has no way to call back.
        raise TimeoutError(f"prometheus has not {count} series after {seconds} s")

    def close(self):
        self.process.terminate()
        oracle.wait_or_kill(self.process)
        self.generator.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
