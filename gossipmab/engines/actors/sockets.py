"""The sockets between actors: who may connect, and the exchange of one round.

Listening and the proof of the key are `multiprocessing.connection`'s (each side answers the other's challenge by HMAC with a
key made for the run). What follows on a connection has sizes that both sides know from the links of the round: rows of
numbers, nothing else, and nothing is ever unpickled.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from typing import Any

from numpy.typing import NDArray

from gossipmab.engines.gossip.channel_state import Wire

HANDSHAKE = 10.0  # seconds that a peer may take to answer a challenge
HANDSHAKES = 64  # at a time; more are refused at once
HELLO = struct.Struct("<qq")  # index of the actor, epoch
BUFFER = 4 * 2**20  # bytes of the kernel's buffer in each direction
Address = tuple[str, int]


class WindowLostError(RuntimeError):
    """The window cannot be played on: a peer is gone, or silent, or the coordinator has given the window up."""


class SocketMesh:
    """The connections of one actor. Its listener runs in a thread as long as the process."""

    def __init__(self, index: int, key: bytes, host: str, patience: float) -> None:
        """Listen on the node's own address. patience: seconds to wait for a peer."""
        self.index, self.key, self.patience = index, key, patience
        self.epoch = -1
        self.sockets: dict[int, socket.socket] = {}
        self.notes: list[str] = []
        self._listener = Listener((host, 0), family="AF_INET", backlog=1024)
        host, port = self._listener.address
        self.address: Address = str(host), int(port)  # where others connect
        self._changed = threading.Condition()
        self._handshakes = threading.Semaphore(HANDSHAKES)
        threading.Thread(target=self._listen, daemon=True, name="peers").start()

    def reset(self, epoch: int) -> None:
        """Drop all connections; from now on those of this epoch are taken."""
        with self._changed:
            self.epoch = epoch
            for connection in self.sockets.values():
                connection.close()
            self.sockets.clear()

    def link(self, addresses: dict[int, Address]) -> None:
        """Connect to the peers of lower index, wait for those of higher index. Raises WindowLostError."""
        for peer, address in sorted(addresses.items()):
            if peer < self.index:
                try:
                    self._take(peer, self._connect(address))
                except (OSError, EOFError, AuthenticationError) as error:
                    raise WindowLostError(f"actor {self.index} cannot reach actor {peer}: {error}") from None
        with self._changed:
            if not self._changed.wait_for(lambda: addresses.keys() <= self.sockets.keys(), self.patience):
                missing = sorted(addresses.keys() - self.sockets.keys())
                raise WindowLostError(f"actor {self.index} waited {self.patience:g} s for actors {missing}")

    def finish(self, wire: Wire, c: int) -> None:
        """Do what the compiled exchange of round c left undone. Raises WindowLostError.

        A message is nearly always smaller than what the kernel holds, and then all is sent before anything is waited for.
        Where it is larger, sending goes on while receiving here, so that two actors that send each other much get through.
        """
        skipped, partly = int(wire.done[0]), int(wire.done[1])
        waiting: list[dict[int, memoryview]] = []
        for rows in (wire.outgoing, wire.incoming):
            memory, base = rows.box.data.cast("B"), rows.box.ctypes.data
            calls = rows.calls[rows.call_first[c] : rows.call_first[c + 1]].tolist()
            done, skipped = min(skipped, len(calls)), max(0, skipped - len(calls))
            waiting.append({number: memory[at - base : at - base + size] for number, at, size in calls[done:]})
            if partly and done < len(calls):
                waiting[-1][calls[done][0]] = waiting[-1][calls[done][0]][partly:]
                partly = 0
        wire.sent[c] += self._exchange(*waiting)
        wire.done[:] = 0, 0, 1

    def swap(self, sends: dict[int, NDArray[Any]], receives: dict[int, NDArray[Any]]) -> None:
        """Send arrays to peers, by their index, and fill those that come from them. Raises WindowLostError."""
        try:
            numbers = {peer: self.sockets[peer].fileno() for peer in sends.keys() | receives.keys()}
        except KeyError as error:
            raise WindowLostError(f"actor {self.index} has no connection with actor {error}") from None
        views = ({numbers[i]: a.data.cast("B") for i, a in each.items() if a.size} for each in (sends, receives))
        self._exchange(*views)

    def _exchange(self, sends: dict[int, memoryview], receives: dict[int, memoryview]) -> int:
        """Send and receive whatever the other sides are ready for, until all is done; returns the bytes sent."""
        try:
            return self._exchanged({plain.fileno(): plain for plain in self.sockets.values()}, sends, receives)
        except OSError as error:
            raise WindowLostError(f"actor {self.index} lost a connection: {error.strerror or error}") from None

    def _exchanged(self, plains: dict[int, socket.socket], sends: dict[int, memoryview], receives: dict[int, memoryview]) -> int:
        total = 0
        until = time.monotonic() + self.patience
        while sends or receives:
            poll = select.poll()
            for number in sends.keys() | receives.keys():
                poll.register(number, select.POLLOUT * (number in sends) | select.POLLIN * (number in receives))
            ready = poll.poll(max(0.0, until - time.monotonic()) * 1000)
            if not ready:
                raise WindowLostError(f"actor {self.index} heard nothing for {self.patience:g} s")
            for number, _ in ready:
                with suppress(BlockingIOError):
                    if number in sends:
                        done = plains[number].send(sends[number], socket.MSG_DONTWAIT)
                        sends[number] = sends[number][done:]
                        total += done
                with suppress(BlockingIOError):
                    if number in receives:
                        done = plains[number].recv_into(receives[number], 0, socket.MSG_DONTWAIT)
                        receives[number] = receives[number][done:]
                        if done == 0:
                            raise WindowLostError(f"actor {self.index}: a peer closed its connection")
            for waiting in (sends, receives):
                for number in [number for number, view in waiting.items() if not len(view)]:
                    del waiting[number]
        return total

    def _connect(self, address: Address) -> socket.socket:
        with Client(address, family="AF_INET", authkey=self.key) as connection:
            connection.send_bytes(HELLO.pack(self.index, self.epoch))
            if not connection.poll(HANDSHAKE) or connection.recv_bytes(1) != b"+":
                raise ConnectionError("it does not take part in this run")
            return socket.socket(fileno=socket.dup(connection.fileno()))

    def _listen(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError):  # somebody who went away at once
                continue
            where = self._listener.last_accepted
            if self._handshakes.acquire(blocking=False):
                threading.Thread(target=self._welcome, args=(connection, where), daemon=True).start()
            else:
                self._refuse(connection, where, "too many at a time")

    def _welcome(self, connection: Connection, where: Any) -> None:
        """Take a connection whose owner has the key; refuse any other."""
        try:
            with connection, socket.socket(fileno=socket.dup(connection.fileno())) as plain:
                _limit(plain, HANDSHAKE)
                try:
                    deliver_challenge(connection, self.key)
                    answer_challenge(connection, self.key)
                    peer, epoch = HELLO.unpack(connection.recv_bytes(HELLO.size))
                    if epoch != self.epoch:
                        raise ConnectionError(f"epoch {epoch} is not {self.epoch}")
                    connection.send_bytes(b"+")
                    self._take(peer, socket.socket(fileno=socket.dup(plain.fileno())))
                except Exception as error:  # whatever a stranger may send must do no harm
                    self._refuse(connection, where, f"{type(error).__name__}: {error}")
        finally:
            self._handshakes.release()

    def _refuse(self, connection: Connection, where: Any, why: str) -> None:
        connection.close()
        host, port = where
        self.notes.append(f"actor {self.index} refused a connection from {host}:{port} ({' '.join(why.split())})")

    def _take(self, peer: int, plain: socket.socket) -> None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            plain.setsockopt(socket.SOL_SOCKET, size, BUFFER)
        _limit(plain, self.patience)
        with self._changed:
            before = self.sockets.pop(peer, None)
            if before is not None:
                before.close()
            self.sockets[peer] = plain
            self._changed.notify_all()


def _limit(plain: socket.socket, seconds: float) -> None:
    """Have the kernel end a wait: unlike Python's timeouts that costs no system call."""
    value = struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))
    for side in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        plain.setsockopt(socket.SOL_SOCKET, side, value)
