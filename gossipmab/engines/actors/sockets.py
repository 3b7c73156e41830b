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
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from typing import Any, NamedTuple

from numpy.typing import NDArray

from gossipmab.engines.actors.listening import ANYWHERE, Listen
from gossipmab.engines.gossip.channel_state import Wire

HANDSHAKE = 10.0  # seconds for a whole handshake
HANDSHAKES = 64  # at a time; the oldest makes room for one more
DIAL = 3.0  # seconds for a peer to take a call; it is called again
IN_KERNEL = 1.0  # seconds that compiled code waits for a message before Python looks after it
NOTES = 3  # refused connections that are described; more are counted
HELLO = struct.Struct("<qq")  # index of the actor, epoch
BUFFER = 4 * 2**20  # bytes of the kernel's buffer in each direction
Address = tuple[str, int]


class Refusals(NamedTuple):
    """Connections that were refused: a line about each of the first, and the number of the others."""

    lines: list[str]
    others: int = 0


class WindowLostError(RuntimeError):
    """The window cannot be played on: a peer is gone, or silent, or the coordinator has given the window up."""


class SocketMesh:
    """The connections of one actor. Its listener runs in a thread as long as the process."""

    def __init__(self, index: int, key: bytes, host: str, patience: float, listen: Listen = ANYWHERE) -> None:
        """Listen where `listen` says, by default at any port of `host`. patience: seconds to wait for a peer."""
        self.index, self.key, self.patience = index, key, patience
        self.epoch = -1
        self.sockets: dict[int, socket.socket] = {}
        self._refused = Refusals([])
        self._server = listen.socket(host)
        self._server.settimeout(1.0)
        self.address: Address = self._server.getsockname()  # where others connect
        self._changed = threading.Condition()
        self._guests: dict[socket.socket, float] = {}  # in a handshake -> since when, in that order
        threading.Thread(target=self._listen, daemon=True, name="peers").start()

    def reset(self, epoch: int) -> None:
        """Drop all connections; from now on those of this epoch are taken."""
        with self._changed:
            self.epoch = epoch
            for connection in self.sockets.values():
                connection.close()
            self.sockets.clear()

    def interrupt(self) -> None:
        """From another thread: end what waits for a peer. Numbers of sockets that compiled code uses stay theirs."""
        with self._changed:
            self.epoch = -1
            for connection in self.sockets.values():
                _shut(connection)
            self._changed.notify_all()

    def link(self, addresses: dict[int, Address]) -> None:
        """Connect to the peers of lower index, wait for those of higher index. Raises WindowLostError."""
        epoch, until = self.epoch, time.monotonic() + self.patience
        for peer, address in sorted(addresses.items()):
            while peer < self.index and peer not in self.sockets:
                try:
                    self._take(peer, self._connect(address, epoch), epoch)
                except (OSError, EOFError, AuthenticationError) as error:
                    if time.monotonic() > until or self.epoch != epoch:
                        raise WindowLostError(f"actor {self.index} cannot reach actor {peer}: {error}") from None
                    time.sleep(0.05)
        with self._changed:
            here = self.sockets
            self._changed.wait_for(lambda: self.epoch != epoch or addresses.keys() <= here.keys(), until - time.monotonic())
            if self.epoch != epoch or addresses.keys() - here.keys():
                raise WindowLostError(f"actor {self.index} waited for actors {sorted(addresses.keys() - here.keys())}")

    def finish(self, wire: Wire, c: int) -> None:
        """Do what the compiled exchange of round c left undone, within `patience`. Raises WindowLostError.

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

    def _connect(self, address: Address, epoch: int) -> socket.socket:
        with socket.create_connection(address, timeout=DIAL) as plain:
            plain.settimeout(None)
            _limit(plain, DIAL)
            with Connection(socket.dup(plain.fileno())) as connection:
                answer_challenge(connection, self.key)
                deliver_challenge(connection, self.key)
                connection.send_bytes(HELLO.pack(self.index, epoch))
                if connection.recv_bytes(1) != b"+":
                    raise ConnectionError("it does not take part in this run")
            return plain.dup()

    def _listen(self) -> None:
        while True:
            try:
                plain, where = self._server.accept()
            except TimeoutError:
                plain = None
            except OSError:  # somebody who went away at once, or no more files
                time.sleep(0.01)
                continue
            with self._changed:
                now = time.monotonic()
                late = [guest for guest, since in self._guests.items() if now - since > HANDSHAKE]
                if plain is not None:
                    late = late or list(self._guests)[: len(self._guests) >= HANDSHAKES]
                    self._guests[plain] = now
                for guest in late:
                    del self._guests[guest]
                    _shut(guest)
            if plain is not None:
                threading.Thread(target=self._welcome, args=(plain, *where), daemon=True).start()

    def _welcome(self, plain: socket.socket, host: str, port: int) -> None:
        """Take a connection whose owner has the key; refuse any other."""
        with plain, Connection(socket.dup(plain.fileno())) as connection:
            try:
                deliver_challenge(connection, self.key)
                answer_challenge(connection, self.key)
                peer, epoch = HELLO.unpack(connection.recv_bytes(HELLO.size))
                with self._changed:
                    del self._guests[plain]  # KeyError if it was too late
                if epoch != self.epoch:
                    raise ConnectionError(f"epoch {epoch} is not {self.epoch}")
                connection.send_bytes(b"+")
                self._take(peer, plain.dup(), epoch)
            except Exception as error:  # whatever a stranger may send must do no harm
                with self._changed:
                    late = self._guests.pop(plain, None) is None and isinstance(error, KeyError | EOFError)
                    why = "too slow, or too many at a time" if late else f"{type(error).__name__}: {' '.join(str(error).split())}"
                    if len(self._refused.lines) < NOTES:
                        self._refused.lines.append(f"actor {self.index} refused a connection from {host}:{port} ({why})")
                    else:
                        self._refused = self._refused._replace(others=self._refused.others + 1)

    def refused(self) -> Refusals:
        """What was refused since the last call."""
        with self._changed:
            since, self._refused = self._refused, Refusals([])
        return since

    def _take(self, peer: int, plain: socket.socket, epoch: int) -> None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            plain.setsockopt(socket.SOL_SOCKET, size, BUFFER)
        _limit(plain, min(self.patience, IN_KERNEL))
        with self._changed:
            if epoch != self.epoch:
                plain.close()
                raise ConnectionError(f"epoch {epoch} is over")
            before = self.sockets.pop(peer, None)
            if before is not None:
                before.close()
            self.sockets[peer] = plain
            self._changed.notify_all()


def _shut(plain: socket.socket) -> None:
    with suppress(OSError):
        plain.shutdown(socket.SHUT_RDWR)


def _limit(plain: socket.socket, seconds: float) -> None:
    """Have the kernel end a wait: unlike Python's timeouts that costs no system call."""
    value = struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))
    for side in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        plain.setsockopt(socket.SOL_SOCKET, side, value)
