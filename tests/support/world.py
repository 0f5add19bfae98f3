"""A machine and an internet for tests of outside access: two network namespaces with a cable between them. No packet of
theirs can leave, since neither has an interface that leads anywhere else. They end with this process."""
import os
import socket
import subprocess
import sys

HOST, PEER = "45.0.0.1", "45.0.0.2"  # both sides of the cable
HOST_PRIVATE = "10.9.9.1"
PUBLIC, RESOLVER = "46.0.0.1", "10.1.1.53"  # the machine's resolver is in its private network, as most are
# One of each kind that is not the outside; all of them answer, to the machine.
BLOCKED = {
    "10.1.1.1": "private", "172.16.1.1": "private", "172.31.255.1": "private", "192.168.7.7": "private",
    "100.64.0.1": "carrier", "100.100.100.200": "carrier, metadata", "169.254.169.254": "metadata",
    "168.63.129.16": "metadata", "192.0.0.192": "metadata", "192.0.2.1": "documentation",
    "198.51.100.9": "documentation", "203.0.113.5": "documentation", "198.18.77.1": "benchmarks",
    "47.0.0.9": "the operator's own list", RESOLVER: "the resolver itself",
}
RESOLV = f"nameserver {RESOLVER}\n"
NAMES = {b"public": PUBLIC, b"inside": "10.1.1.1", b"meta": "169.254.169.254", b"machine": HOST}

SERVER = """
import socket, sys, threading
sys.path.insert(0, %r)
import world
world.serve()
"""


class Namespace:
    """A network namespace held by a process that ends when its stdin does."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.ip("link set lo up")

    def enter(self):
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--"]

    def run(self, *argv, **more):
        return subprocess.run([*self.enter(), *argv], check=True, capture_output=True, text=True, **more).stdout

    def ip(self, words):
        return self.run("ip", *words.split())

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()


def python_in(enter, code):
    """A python in a namespace; what it prints. For what a program of the box could do, too."""
    return subprocess.run([*enter, sys.executable, "-c", code], check=True, capture_output=True, text=True,
                          timeout=60).stdout.strip()


def in_box(box):
    return ["nsenter", f"--net=/proc/{box.pid}/ns/net", "--"]


TRY = """
import errno, socket
def tried(address, port=80, family=socket.AF_INET, seconds=10):
    with socket.socket(family) as s:
        s.settimeout(seconds)
        try:
            s.connect((address, port))
            return s.recv(10).decode()
        except OSError as e:
            return errno.errorcode.get(e.errno, str(e))
def udp(address, port, data=b"hello"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        try:
            s.connect((address, port))
            s.send(data)
            return s.recv(600)
        except OSError as e:
            return errno.errorcode.get(e.errno, str(e)).encode()
def lookup(name, server):
    question = b"".join(bytes([len(p)]) + p for p in name.encode().split(b".")) + b"\\0\\0\\1\\0\\1"
    answer = udp(server, 53, b"\\1\\2\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + question)
    return socket.inet_ntoa(answer[-4:]) if answer[:2] == b"\\1\\2" and answer[7] else answer
"""


class World:
    def __init__(self):
        self.host, self.internet = Namespace(), Namespace()
        self.host.ip(f"link add up0 type veth peer name up0 netns {self.internet.holder.pid}")
        self.host.ip(f"addr add {HOST}/24 dev up0")
        self.internet.ip(f"addr add {PEER}/24 dev up0")
        for side, last in ((self.host, 1), (self.internet, 2)):
            side.ip(f"addr add 2a00::{last}/64 dev up0 nodad")
            side.ip("link set up0 addrgenmode none")  # the addresses that are given here and no others
            side.ip("link set up0 up")
        self.host.ip(f"addr add {HOST_PRIVATE}/32 dev lo")
        self.host.ip(f"route add default via {PEER}")
        for address in (PUBLIC, *BLOCKED):
            self.internet.ip(f"addr add {address}/32 dev lo")
        self.servers = [self.serve(self.internet), self.serve(self.host)]

    def serve(self, where):
        server = subprocess.Popen([*where.enter(), sys.executable, "-c", SERVER % os.path.dirname(__file__)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        server.stdout.readline()
        return server

    def machine(self, resolv):
        """What to put before a command that is to run on the machine, with that file as its /etc/resolv.conf."""
        return [*self.host.enter(), "unshare", "--mount", "--propagation", "slave", "sh", "-c",
                'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(resolv)]

    def close(self):
        for server in self.servers:
            server.stdin.close()
            server.wait()
            server.stdout.close()
        self.host.close()
        self.internet.close()


def answer_dns(data):
    """A records of NAMES, whatever the domain; of anything else nothing."""
    name = data[13:13 + data[12]]
    end = data.index(b"\0", 12) + 5
    known = NAMES.get(name) if data[end - 4:end - 2] == b"\0\1" else None
    head = data[:2] + b"\x81\x80\0\1" + (b"\0\1" if known else b"\0\0") + b"\0\0\0\0"
    return head + data[12:end] + (b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(known) if known else b"")


def serve():
    """TCP says hello on port 80 of every address; UDP echoes on 7 and answers names on 53. Until stdin ends."""
    import selectors
    ready = selectors.DefaultSelector()
    tcp = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1000)
    ready.register(tcp, selectors.EVENT_READ, "tcp")
    ready.register(sys.stdin, selectors.EVENT_READ, "end")
    for port in (7, 53):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # The answer must come from the address that was asked.
        s.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
        s.bind(("0.0.0.0", port))
        ready.register(s, selectors.EVENT_READ, port)
    print(flush=True)
    held = []
    while True:
        for key, _ in ready.select():
            if key.data == "end":
                return
            if key.data == "tcp":
                held.append(tcp.accept()[0])
                held[-1].send(b"hello")
                continue
            data, more, _, peer = key.fileobj.recvmsg(2000, 100)
            info = [(level, kind, b"\0" * 4 + value[4:8] + b"\0" * 4) for level, kind, value in more]
            key.fileobj.sendmsg([answer_dns(data) if key.data == 53 else data], info, 0, peer)
