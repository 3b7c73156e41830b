"""Where an actor listens: which of its node's addresses, and which port."""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
from contextlib import suppress
from typing import NamedTuple

from gossipmab.utils.errors import InputError, shown

GET_ADDRESS = 0x8915  # SIOCGIFADDR of Linux


class Listen(NamedTuple):
    """network: prefix of the address, by default Ray's own address of the node. ports: the first free one; range(1) is any."""

    network: str = ""
    ports: range = range(1)

    @classmethod
    def parsed(cls, text: str) -> Listen:
        """From NETWORK, :FIRST-LAST, or both. InputError if it is none of these."""
        found = re.fullmatch(r"([0-9./]*)(?::([0-9]{1,5})-([0-9]{1,5}))?", text) if isinstance(text, str) else None
        with suppress(ValueError):
            if text and found is not None:
                network = str(ipaddress.IPv4Network(found[1], strict=False)) if found[1] else ""
                ports = range(int(found[2]), int(found[3]) + 1) if found[2] else range(1)
                if len(ports) and (not found[2] or 0 < ports.start and ports.stop <= 65536):
                    return cls(network, ports)
        what = "NETWORK, :FIRST-LAST or both, such as 10.0.0.0/8:20000-20999"
        raise InputError(f"listen: got {shown(text)}, allowed is {what}")

    def socket(self, default: str) -> socket.socket:
        """A socket that listens there. default: the address without a network. InputError if no address, or no port, is free."""
        host = self._address() if self.network else default
        for port in self.ports:
            with suppress(OSError):
                return socket.create_server((host, port), backlog=1024)
        what = f"{self.ports.start}-{self.ports.stop - 1}" if self.ports.start else "any port"
        raise InputError(f"listen: got {what}, none of these is free at {host} of {socket.gethostname()}; allow more")

    def _address(self) -> str:
        import fcntl

        here = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_:
            for _, name in socket.if_nameindex():
                with suppress(OSError):  # it has no address
                    answer = fcntl.ioctl(any_.fileno(), GET_ADDRESS, struct.pack("256s", name.encode()))
                    here.append(socket.inet_ntoa(answer[20:24]))
        for address in here:
            if ipaddress.IPv4Address(address) in ipaddress.IPv4Network(self.network):
                return address
        raise InputError(f"listen: got {self.network}, but {socket.gethostname()} has the addresses {', '.join(here)} only")


ANYWHERE = Listen()
