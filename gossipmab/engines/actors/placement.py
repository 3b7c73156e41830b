"""Where actors go: to the nodes that answer, evenly by their CPUs and in turn. A Ray of one node needs none of this."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from gossipmab.engines import limits
from gossipmab.engines.limits import Need, Room

ANSWER = 60.0  # seconds for a node to say what room it has: it may have to start a worker, and fetch the package


class Node(NamedTuple):
    """A node that answered: its CPUs, and its room before any actor was there. name: its address."""

    name: str
    cpus: float
    room: Room


class Placement:
    """The nodes, and how many actors fit on each."""

    def __init__(self, options: Mapping[str, Any], note: Callable[[str], None]) -> None:
        """Know none yet. options: of each actor, as `ray.remote` takes them."""
        resources = {"CPU": options.get("num_cpus", 0), "GPU": options.get("num_gpus", 0), "memory": options.get("memory", 0)}
        self._takes, self._note = resources | options.get("resources", {}), note
        self.nodes: dict[str, Node] = {}
        self.suspects: set[str] = set()  # where all actors were lost
        self._fits: dict[str, int] = {}
        self._here: Room | None = None
        self._deaf: set[str] = set()

    def check(self, needed: Need, agents: int, connections: int) -> None:
        """Raise InputError where a trial does not fit on the nodes that live now; see `limits.check`."""
        self.look()
        if not self.nodes:
            self._here = self._here or limits.room()
        rooms = {name: node.room for name, node in self.nodes.items()} or {"": self._here or limits.room()}
        self._fits = {name: limits.fitting(needed, room) for name, room in rooms.items()}
        limits.check(needed, agents, connections, list(rooms.values()))

    def look(self) -> bool:
        """Find the nodes that live now, and the room of those not known yet; whether any came or went."""
        import ray

        alive = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}  # type: ignore[no-untyped-call]
        before = self.nodes.keys()
        self._deaf &= alive.keys()
        able = {
            name: node for name, node in alive.items()
            if name not in self._deaf and all(node["Resources"].get(what, 0) >= amount for what, amount in self._takes.items())
        }  # fmt: skip
        if len(alive) < 2 or not able:  # Ray itself finds the place, or waits for one
            self.nodes = {}
            return False
        rooms = self._rooms([name for name in able if name not in self.nodes])
        found = {
            name: self.nodes.get(name) or Node(node["NodeManagerAddress"], node["Resources"].get("CPU", 0.0), rooms[name])
            for name, node in able.items() if name in self.nodes or name in rooms
        }  # fmt: skip
        self._deaf |= able.keys() - found.keys()
        for name in able.keys() - found.keys():
            self._note(f"node {able[name]['NodeManagerAddress']} did not answer for {ANSWER:g} s: no actor goes there")
        self.nodes = dict(sorted(found.items(), key=lambda item: item[1].name))
        return self.nodes.keys() != before

    def _rooms(self, names: Sequence[str]) -> dict[str, Room]:
        """The room of each of these nodes that answers."""
        import ray

        ask = ray.remote(num_cpus=0, max_retries=0)(limits.room)
        asked = {ask.options(scheduling_strategy=strategy(name)).remote(): name for name in names}
        ready = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER)[0] if asked else []
        found = {}
        for reference in ready:
            try:
                found[asked[reference]] = ray.get(reference)
            except ray.exceptions.RayError:  # the node died meanwhile
                continue
        return found

    def lanes(self, needed: Need, connections: int) -> int:
        """For how many trials like this one memory and files suffice."""
        rooms = [node.room for node in self.nodes.values()] or [self._here or limits.room()]
        own, each = needed.actors * limits.ACTOR_MIB, needed.mib - needed.actors * limits.ACTOR_MIB
        by_memory = (limits.SHARE * sum(room.mib for room in rooms) - own) / max(each, 1e-9)
        by_files = (min(room.files for room in rooms) - limits.FILES) / (connections + 1)
        return max(1, int(min(by_memory, by_files, 1e6)))

    @property
    def processors(self) -> float:
        """CPUs of the nodes."""
        import ray

        cpus = sum(node.cpus for node in self.nodes.values()) or ray.cluster_resources().get("CPU", 1.0)  # type: ignore[no-untyped-call]
        return max(1.0, cpus)

    def place(self, homes: Collection[str]) -> str:
        """The node for one more actor, where `homes` are those of the others; "" to leave it to Ray."""
        homes = list(homes)
        open_ = [name for name in self.nodes if name not in self.suspects] or list(self.nodes)
        free = [name for name in open_ if homes.count(name) < self._fits.get(name, len(homes) + 1)] or open_
        return max(free, key=lambda name: (self.nodes[name].cpus + 1e-9) / (homes.count(name) + 1), default="")


def strategy(node: str) -> Any:
    """Ray's way to say that something goes to this node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=False) if node else "DEFAULT"
