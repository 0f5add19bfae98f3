"""What a program finds that looks for others: the host, the server, boxd, another session's programs that are running. Tried in a
network of a session's own, by a program and by a cell, with outside access, and in fast mode. Two controls say that the scan can find:
on the host it finds the host's, and in a session the program of that session that listens."""
import functools
import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import threading

import pytest

from support import servers, world
from support.runs import Run

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

SCAN = (pathlib.Path(__file__).parent / "scan.py").read_text()
ELSEWHERE = ("8.8.8.8", "1.1.1.1", "10.0.0.1", "10.255.255.254", "172.16.0.1", "172.17.0.1", "172.31.255.254", "192.168.0.1",
             "192.168.122.1", "100.64.0.1", "198.18.0.1", "198.19.255.3", "169.254.1.1", "169.254.169.254", "169.254.170.2",
             "168.63.129.16", "100.100.100.200", "224.0.0.1", "255.255.255.255", "2001:4860:4860::8888", "fd00::1",
             "fd00:ec2::254", "fe80::1%lo", "ff02::1%lo", "::ffff:10.0.0.1", "64:ff9b::808:808")
# No way there, as a namespace without any has it. A datagram to a group of its own loopback goes out and finds nobody.
NO_WAY = {"ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EINVAL", "EACCES", "EPERM", "ENODEV", "ENXIO"}
LONG = bool(os.environ.get("KERNELGW_LONG"))
OWN = {"tcp4": 999, "tcp6": 998, "udp4": 997, "udp6": 996}  # what the scan opens itself
NEIGHBOUR = {"tcp": 4000, "udp": 4001}  # what another program of the scan's own session listens on
NEIGHBOUR_CODE = """
import socket, threading
tcp = socket.create_server(("127.0.0.1", 4000))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 4001))
def accept():
    while True:
        tcp.accept()[0].close()
threading.Thread(target=accept, daemon=True).start()
print("listening", flush=True)
while True:
    udp.sendto(b"here", udp.recvfrom(100)[1])
"""
VICTIM = """
import os, selectors, socket, sys
ready = selectors.DefaultSelector()
for s in (socket.create_server(("127.0.0.1", 5000)), socket.create_server(("::1", 5001), family=socket.AF_INET6)):
    ready.register(s, selectors.EVENT_READ)
for family, host, port in ((socket.AF_INET, "0.0.0.0", 5002), (socket.AF_INET6, "::1", 5003)):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((host, port))
    ready.register(s, selectors.EVENT_READ)
for name in ("\\0victim", "/tmp/victim.sock"):
    s = socket.socket(socket.AF_UNIX)
    s.bind(name)
    s.listen()
    ready.register(s, selectors.EVENT_READ)
print("listening", flush=True)
ready.select()
print("somebody came", flush=True)
"""


def addresses_of_host():
    """This machine's own, IPv6 ones of one link with their zone; none of the loopback."""
    found = set()
    with open("/proc/net/fib_trie") as f:
        for before, kind in re.findall(r"\|-- (\d+\.\d+\.\d+\.\d+)\n\s+/32 (host \w+)", f.read()):
            if not before.startswith("127.") and kind == "host LOCAL":
                found.add(before)
    with open("/proc/net/if_inet6") as f:
        for row in map(str.split, f):
            address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(row[0]))
            if address != "::1":
                found.add(f"{address}%{row[5]}" if address.startswith("fe80") else address)
    return sorted(found)


def listening_on_host():
    """Ports that something listens on, by any address, as the host's own tables have them."""
    found = set()
    for name, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        with open(f"/proc/net/{name}") as f:
            found |= {int(row[1].rsplit(":", 1)[1], 16) for row in map(str.split, f.readlines()[1:]) if row[3] == state}
    return found


class Bait:
    """On the host: a port and a datagram port on all addresses, and a Unix socket without a path. Who came is counted."""

    def __init__(self):
        self.came, self.name = [], f"@bait-{secrets.token_hex(4)}"
        self.tcp = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.udp.bind(("::", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind("\0" + self.name[1:])
        self.unix.listen()
        self.ports = {"tcp": self.tcp.getsockname()[1], "udp": self.udp.getsockname()[1]}
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self.accept, self.answer)]
        for t in self.threads:
            t.start()

    def accept(self):
        while True:
            connection, peer = self.tcp.accept()
            self.came.append(("tcp", peer[0]))
            connection.close()

    def answer(self):
        while True:
            _, peer = self.udp.recvfrom(100)
            self.came.append(("udp", peer[0]))
            self.udp.sendto(b"here", peer)


def sockets_of(made):
    """Unix sockets of boxd and of the server, with the kind that they are of."""
    found = [("packet", str(made.boxd.socket)), ("packet", "/run/kernelgw/boxd.sock"), ("stream", "/var/run/docker.sock"),
             ("packet", f"/proc/1/root{made.boxd.socket}"), ("packet", f"/proc/1/cwd/../..{made.boxd.socket}")]
    return found + [("stream", str(p)) for p in made.directory.rglob("*") if p.is_socket() and p != made.boxd.socket]


@pytest.fixture(scope="module")
def bait():
    return Bait()


@pytest.fixture(scope="module")
def victim(made):
    """A program of another session, with a network, that listens in every way there is."""
    run = Run(made.server, files={"victim.py": VICTIM}, entry="victim.py", session="scanned", network="session", aliases=["vault"],
              limits={"wall_s": 300})
    run.wait_output("listening")
    yield run
    made.server.delete("/api/workspaces/scanned")


@pytest.fixture(scope="module")
def asked(made, bait, victim):
    own = addresses_of_host()
    looked_at = listening_on_host() | {made.server.port, *OWN.values(), *NEIGHBOUR.values(), 22, 53, 80, 443, *range(5000, 5004)}
    ports = (bait.ports["tcp"], made.server.port, 22, 80, 5000, 5001)
    return {"tcp": [(a, p) for a in (*own, *(f"::ffff:{a}" for a in own if ":" not in a)) for p in ports] +
                   [(a, p) for a in ELSEWHERE for p in (made.server.port, 53, 80, 443)],
            "udp": [(a, p) for a in own for p in (bait.ports["udp"], 5002, 5003, 53)] + [(a, 53) for a in ELSEWHERE],
            "unix": [*sockets_of(made), ("stream", bait.name), ("stream", "@victim"), ("stream", "/tmp/victim.sock"),
                     ("stream", "/run/kgw/link")],
            "names": ["victim", "victim.py", "vault", socket.gethostname(), "scanned", "host.docker.internal", "kernelgw"],
            "loopback": list(range(1, 65536)) if LONG else sorted(looked_at), "change": True}


def code_for(asked):
    return f"ASKED = {asked!r}\n{SCAN}"


def as_program(server, code, **more):
    run = Run(server, code, session="scanner", limits={"wall_s": 120}, **more)
    assert run.wait(150)["exit_code"] == 0, run.output()[-2000:]
    return run.output("stdout")


def as_cell(server, code):
    kernel = server.start_kernel(name="python3", kernelgw={"session": "scanner", "network": "session"})
    with server.channels(kernel) as c:
        cell = c.execute(code, timeout=150)
    server.delete(f"/api/kernels/{kernel}")
    assert cell.status == "ok", cell.error
    return cell.stdout


# By what it is tried, and whether its box is in its session's network, where the neighbour listens.
WAYS = {"program, session network": (functools.partial(as_program, network="session"), True), "cell, session network": (as_cell, True),
        "program, fast mode": (as_program, False)}


def scan_beside_a_neighbour(server, way, code):
    """The scan's report, from a session in whose network another program listens."""
    neighbour = Run(server, files={"neighbour.py": NEIGHBOUR_CODE}, entry="neighbour.py", session="scanner", network="session",
                    limits={"wall_s": 300})
    neighbour.wait_output("listening")
    try:
        return json.loads(way(server, code).split("SCAN", 1)[1])
    finally:
        server.delete("/api/workspaces/scanner")


@pytest.fixture(scope="module", params=WAYS)
def found(request, made, asked, bait, victim):
    before = len(bait.came)
    way, networked = WAYS[request.param]
    report = scan_beside_a_neighbour(made.server, way, code_for({**asked, "names": [*asked["names"], "neighbour"]}))
    report["came"], report["networked"] = bait.came[before:], networked
    assert victim.model()["state"] == "running", "the other session was there all the while, and nobody came to it"
    return report


def test_on_the_host_the_same_scan_finds_them(made, asked, bait):
    """Else what is not found from a box would prove nothing."""
    own = addresses_of_host()
    asked = {**asked, "tcp": [(a, bait.ports["tcp"]) for a in own] + [("127.0.0.1", made.server.port)],
             "udp": [(a, bait.ports["udp"]) for a in own], "loopback": [], "change": False}
    output = subprocess.check_output([sys.executable, "-c", code_for(asked)], text=True, timeout=60)
    report = json.loads(output.split("SCAN", 1)[1])
    assert own and set(report["tcp"].values()) == {"reached"} == set(report["udp"].values()), report
    assert report["unix"][str(made.boxd.socket)] == "reached" == report["unix"][bait.name]
    assert len(bait.came) >= 2 * len(own) and bait.name in report["sockets"]


def test_no_address_leads_anywhere(found):
    for place, result in found["tcp"].items():
        assert result in NO_WAY, (place, result)
    for place, result in found["udp"].items():
        assert result in NO_WAY or place.startswith("ff02::1%lo") and result in ("timeout", "TimeoutError"), (place, result)
    assert found["came"] == [], "nobody of a box has reached the host's ports"


def test_on_the_loopback_is_its_own_session_and_nobody_else(found):
    """Of the ports that somebody listens on elsewhere (all 65,535 of each kind in long runs) those that its own session opened."""
    expected = {kind: {port} for kind, port in OWN.items()}
    if found["networked"]:
        expected["tcp4"].add(NEIGHBOUR["tcp"])
        expected["udp4"].add(NEIGHBOUR["udp"])
    assert {kind: set(found[kind]) - set(found["held"]) for kind in OWN} == expected
    listed = {kind: {int(row.rsplit(":", 1)[1], 16) for row in rows} & {*OWN.values(), *NEIGHBOUR.values(), *range(5000, 5004)}
              for kind, rows in found["tables"].items()}
    assert listed == {"tcp": expected["tcp4"], "tcp6": expected["tcp6"], "udp": expected["udp4"], "udp6": expected["udp6"],
                      "udplite": set(), "raw": set(), "raw6": set()}
    assert not found["tables"]["raw"] and not found["tables"]["raw6"]


def test_unix_sockets_are_its_own(found):
    """It sees the one that it bound itself and those of its box's own agent and kernel; none of others can be entered."""
    of_its_box = ("/proc/self/fd/", "/run/kernel/")
    assert "@scanner" in found["sockets"]
    assert {s for s in found["sockets"] if not s.startswith(of_its_box)} == {"@scanner"}, found["sockets"]
    assert set(found["unix"].values()) <= {"ENOENT", "EACCES", "ECONNREFUSED", "ENOTDIR"}, found["unix"]


def test_names_of_others_mean_nothing(found):
    names = dict(found["names"])
    assert names.pop("neighbour") == ("127.0.0.1" if found["networked"] else None)
    assert set(names.values()) == {None}, names


def test_nothing_but_a_loopback_and_no_way_to_make_more(found):
    assert found["interfaces"] == ["lo"] and found["addresses"] == ["lo " + "0" * 31 + "1"]
    assert not found["routes"] and not found["neighbours"]
    assert set(found["change"].values()) <= {"EPERM", "EACCES"}, found["change"]


def test_with_outside_access_there_is_the_outside_and_nothing_else(make_server, tmp_path):
    """The same scan on a machine whose operator lets programs out: of its internet the public address answers; of the machine itself,
    of every range that is no outside and of another session nothing does."""
    its_world = world.World()
    try:
        resolv = tmp_path / "resolv.conf"
        resolv.write_text(world.RESOLV)
        boxd_of = functools.partial(servers.Boxd, enter=its_world.machine(resolv), options=("--outside", "on"))
        made = make_server(boxd_of=boxd_of)
        other = Run(made.server, files={"victim.py": VICTIM}, entry="victim.py", session="scanned", network="session", aliases=["vault"],
                    limits={"wall_s": 300})
        other.wait_output("listening")
        inside = [*world.BLOCKED, world.HOST, world.HOST_PRIVATE, f"::ffff:{world.HOST_PRIVATE}", "fd00::1", "fe80::1"]
        inside.remove("47.0.0.9")  # which is another boxd's operator's list
        asked = {"tcp": [(a, p) for a in (world.PUBLIC, *inside) for p in (80, made.server.port)],
                 "udp": [(a, 7) for a in (world.PUBLIC, *inside)], "unix": [*sockets_of(made), ("stream", "@victim")],
                 "names": ["victim", "vault", "neighbour", "public.test"], "change": True,
                 "loopback": [*OWN.values(), *NEIGHBOUR.values(), 80, made.server.port, *range(5000, 5004)]}
        answering = {*world.BLOCKED, world.HOST, world.HOST_PRIVATE} - {"47.0.0.9"}
        code = code_for({**asked, "tcp": [(a, 80) for a in answering], "udp": [(a, 7) for a in answering], "names": [], "loopback": [],
                         "change": False})
        machine = json.loads(its_world.host.run(sys.executable, "-c", code).split("SCAN", 1)[1])
        code = code_for(asked)
        report = scan_beside_a_neighbour(made.server, WAYS["program, session network"][0], code)
        assert other.model()["state"] == "running", "nobody came to the other session"
        made.server.delete("/api/workspaces/scanned")
    finally:
        its_world.close()
    assert set(machine["tcp"].values()) == {"reached"} == set(machine["udp"].values()), f"the control: all answer to the machine: {machine}"
    assert {place for place, said in report["tcp"].items() if said == "reached"} == {f"{world.PUBLIC} 80"}, report["tcp"]
    assert {place for place, said in report["udp"].items() if said == "reached"} == {f"{world.PUBLIC} 7"}, report["udp"]
    assert [set(report[kind]) for kind in OWN] == [{999, 4000}, {998}, {997, 4001}, {996}]
    assert report["names"] == {"victim": None, "vault": None, "neighbour": "127.0.0.1", "public.test": world.PUBLIC}
    assert set(report["unix"].values()) <= {"ENOENT", "EACCES", "ECONNREFUSED", "ENOTDIR"}, report["unix"]
    assert set(report["change"].values()) <= {"EPERM", "EACCES"}, report["change"]
