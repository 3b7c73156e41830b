"""The networks of an experiment's points, built once: points often share one, and its spectral facts take time."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

from gossipmab.networks.network import Network

KEPT_LINKS = 5_000_000


class NetworkCache:
    """The networks that were used last, up to KEPT_LINKS links of all together. Copies in other processes begin empty."""

    def __init__(self) -> None:
        self._networks: dict[str, Network] = {}
        self._lock = RLock()

    def __reduce__(self) -> tuple[type[NetworkCache], tuple[()]]:
        return NetworkCache, ()

    def get(self, key: str, make: Callable[[], Network]) -> Network:
        """The network of this key, made if it is not there."""
        with self._lock:
            network = self._networks.pop(key, None) or make()
            self._networks[key] = network
            while len(self._networks) > 1 and sum(len(one.edges) for one in self._networks.values()) > KEPT_LINKS:
                del self._networks[next(iter(self._networks))]
            return network
