"""A real Consul server on the lab's client host, which can be killed, frozen and wiped."""

import json
import secrets
import shutil
import signal
import time
import uuid
from collections.abc import Callable

import consul
import requests

from tests.cluster.harness import forward, host, paths, processes

PORT = 8500


class Consul:
    """The Consul of a lab. `start` first; with a data directory, its content survives `kill`."""

    def __init__(self, client_host: host.ClientHost) -> None:
        self._host = client_host
        self._directory = client_host.directory / "consul"
        self._forwarder: forward.Forwarder | None = None

    @property
    def address(self) -> str:
        """Its IPv4 address in the lab, for nodes, containers and the client host."""
        return self._host.address

    @property
    def url_in_lab(self) -> str:
        """Its URL for programs that run in the lab: on the client host, or in containers."""
        return f"http://{self.address}:{PORT}"

    @property
    def url(self) -> str:
        """Its URL for this process, through a forwarded port on the loopback."""
        if self._forwarder is None:
            connect = forward.connector(self._host.namespace, self.address, PORT)
            self._forwarder = forward.Forwarder(connect)
        address, port = self._forwarder.address
        return f"http://{address}:{port}"

    @property
    def token(self) -> str | None:
        """The bootstrap token (all rights); None without ACLs."""
        path = self._directory / "token"
        return path.read_text(encoding="utf-8") if path.exists() else None

    @property
    def was_started(self) -> bool:
        """Whether `start` was ever called, so that `restart` can be."""
        return (self._directory / "mode").exists()

    @property
    def is_running(self) -> bool:
        return self._process() is not None

    def start(self, *, acl: bool = False, dev: bool = False, within: float = 30) -> None:
        """Start it and wait until it takes writes.

        `acl` turns on ACLs with default policy "deny"; `dev` keeps everything in memory. Both hold
        for later `restart`s. Raises TimeoutError with the end of its log after `within` seconds.
        """
        self._directory.mkdir(exist_ok=True)
        if acl:
            (self._directory / "token").write_text(str(uuid.uuid4()), encoding="utf-8")
        configuration = self._directory / "config.json"
        configuration.write_text(json.dumps(self._configuration()), encoding="utf-8")
        (self._directory / "mode").write_text("dev" if dev else "server", encoding="utf-8")
        self._launch(within)

    def restart(self, *, within: float = 30) -> None:
        """Start it again as it was started before, after `stop` or `kill` (which it does first)."""
        self.stop()
        self._launch(within)

    def stop(self, *, within: float = 15) -> None:
        """End it as an administrator does (SIGTERM; SIGKILL after `within` seconds)."""
        deadline = time.monotonic() + within
        self.thaw()
        self._signal(signal.SIGTERM)
        while self.is_running and time.monotonic() < deadline:
            time.sleep(0.02)
        self.kill()

    def kill(self) -> None:
        """End it without a chance to say or save anything."""
        if (pid := self._process()) is not None:
            processes.end_and_wait(pid, self._is_it)

    def freeze(self) -> None:
        """Stop it in place: it accepts connections and never answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Delete every key; Consul itself stays as it is."""
        self.delete_keys("")

    def delete_keys(self, prefix: str) -> None:
        """Delete all keys that begin with `prefix`. Raises requests.HTTPError."""
        answer = requests.delete(
            f"{self.url}/v1/kv/{prefix}?recurse", headers=self._headers(), timeout=10
        )
        answer.raise_for_status()

    def lose_data(self) -> None:
        """Kill it and delete its data directory, as a lost disk does; `restart` begins anew."""
        self.kill()
        shutil.rmtree(self._directory / "data", ignore_errors=True)

    def client(self, token: str | None = None) -> consul.Consul:
        """Return a py-consul client for this process, with the bootstrap token by default."""
        _, address, port = self.url.replace("//", "").split(":")
        made = consul.Consul(host=address, port=int(port), token=token or self.token)
        made.http.session.trust_env = False
        return made

    def close(self) -> None:
        """Close the forwarded port."""
        if self._forwarder is not None:
            self._forwarder.close()
            self._forwarder = None

    def _configuration(self) -> dict[str, object]:
        token = self.token
        acl = {"enabled": True, "default_policy": "deny", "tokens": {"master": token}}
        return {
            "bind_addr": self.address,
            "client_addr": "0.0.0.0",
            "log_level": "warn",
            "disable_update_check": True,
            # Without this a single server takes some 10 s to find out that it is the leader.
            "performance": {"raft_multiplier": 1},
            "leave_on_terminate": False,
            **({"acl": acl} if token else {}),
        }

    def _launch(self, within: float) -> None:
        server = ["-server", "-bootstrap-expect=1", f"-data-dir={self._directory / 'data'}"]
        mode = (self._directory / "mode").read_text(encoding="utf-8")
        kind = ["-dev"] if mode == "dev" else server
        configuration = f"-config-file={self._directory / 'config.json'}"
        log = self._directory / "consul.log"
        self._host.start([paths.tool("consul"), "agent", *kind, configuration], log)
        self._wait(self._takes_writes, within)

    def _wait(self, ready: Callable[[], bool], within: float) -> None:
        deadline = time.monotonic() + within
        while not ready():
            if time.monotonic() > deadline:
                log = self._directory / "consul.log"
                tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise TimeoutError(f"Consul is not ready after {within} s; its log:\n{tail}")
            time.sleep(0.02)

    def _takes_writes(self) -> bool:
        # A leader is elected before it takes writes, and with ACLs before it knows the token.
        key = f"{self.url}/v1/kv/.harness-{secrets.token_hex(4)}"
        try:
            put = requests.put(key, data="", headers=self._headers(), timeout=5)
            return put.ok and requests.delete(key, headers=self._headers(), timeout=5).ok
        except requests.RequestException:
            return False

    def _headers(self) -> dict[str, str]:
        return {"X-Consul-Token": self.token} if self.token else {}

    def _signal(self, number: signal.Signals) -> None:
        if (pid := self._process()) is not None:
            processes.send_signal(pid, number, self._is_it)

    def _process(self) -> int | None:
        return next((pid for pid in self._host.processes() if self._is_it(pid)), None)

    def _is_it(self, pid: int) -> bool:
        return processes.program_of(pid) == paths.tool("consul").resolve() and processes.is_in(
            self._host.namespace
        )(pid)
