"""Outside access: what a session reaches of a fake internet (world.py) and what it does not, and what is left of it."""
import os
import pathlib
import shutil
import statistics
import sys
import time

import harness
from harness import Boxd, OWNER, box_id, spec, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from support import world
from support.world import BLOCKED, HOST, HOST_PRIVATE, PUBLIC, TRY, World, in_box, python_in

DNS = "198.19.255.3"


class OutsideBoxd(Boxd):
    """A boxd on the fake machine."""

    def __init__(self, its_world, **options):
        self.world = its_world
        super().__init__(**{"--outside": "on", "--outside-block": "47.0.0.0/16", **options})
        (self.top / "images/tiny/rootfs/etc/resolv.conf").touch()
        self.resolv = self.top / "resolv.conf"
        self.resolv.write_text(world.RESOLV)

    def argv(self):
        return [*self.world.machine(self.resolv), *super().argv()]

    def stacks(self):
        return [pid for pid, line in self.processes().items() if line.startswith("slirp4netns")]


def of_machine(its_world):
    """Everything of the machine's own network that could have been touched."""
    run = its_world.host.run
    return [run("ip", "-o", "link"), run("ip", "-o", "addr"), run("ip", "route", "show", "table", "all"),
            run("nft", "list", "ruleset"), run("sh", "-c", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/*")]


def reached(box):
    """Asks with patience for less than TCP has: a packet may meet an interface that is just going or coming."""
    return python_in(in_box(box), TRY + f"""print(tried("{PUBLIC}", seconds=0.5))""") == "hello"


def cut_off(box):
    return "eth" not in pathlib.Path(f"/proc/{box.pid}/net/dev").read_text()


class Outside(harness.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.before = of_machine(cls.world)
        cls.boxd = OutsideBoxd(cls.world).start()
        cls.client = cls.boxd.client()

    @classmethod
    def tearDownClass(cls):
        status = cls.boxd.stop()
        left = cls.boxd.left() + [str(g) for g in cls.boxd.groups()]
        log = cls.boxd.log()
        cls.boxd.remove()
        after = of_machine(cls.world)
        cls.world.close()
        assert status == 0, log
        assert not left, left
        assert after == cls.before, (cls.before, after)

    box, refused = harness.BoxdTest.box, harness.BoxdTest.refused

    def net(self, **more):
        name = box_id()
        self.client.call("net.create", net=name, owner=OWNER, **more)
        self.addCleanup(self.client.call, "net.destroy", net=name)
        return name

    def in_session(self, code, box=None):
        return python_in(in_box(box or self.box(net=self.net())), TRY + code)

    def test_the_outside_is_reached(self):
        box = self.box(net=self.net())
        self.assertEqual(box.user(f"tcp {PUBLIC} 80"), "tcp ok")
        self.assertEqual(box.user("cat /etc/resolv.conf"), f"cat ok nameserver {DNS}|")
        said = self.in_session(f"""print(tried("{PUBLIC}"), udp("{PUBLIC}", 7), lookup("public.test", "{DNS}"))""", box)
        self.assertEqual(said, f"hello b'hello' {PUBLIC}")
        self.assertTrue(self.client.call("ping")["outside"])

    def test_nothing_else_is(self):
        box = self.box(net=self.net())
        addresses = [*BLOCKED, HOST, HOST_PRIVATE]
        # A machine with an open path to all of them: it is the rules that keep the session from it.
        control = python_in(self.world.host.enter(), TRY + f"print(*[tried(a) for a in {addresses}])")
        self.assertEqual(set(control.split()), {"hello"})
        for address in addresses:
            self.assertEqual(box.user(f"tcp {address} 80"), "tcp ECONNREFUSED", BLOCKED.get(address))
        mapped = self.in_session(f"""print(*[tried("::ffff:" + a, 80, socket.AF_INET6) for a in {addresses}])""", box)
        self.assertEqual(set(mapped.split()), {"ECONNREFUSED"})
        self.assertEqual(self.in_session(f"""print(tried("::ffff:{PUBLIC}", 80, socket.AF_INET6))""", box), "hello")
        udp = self.in_session(f"print(*[udp(a, 7).decode() for a in {addresses}])", box)
        self.assertEqual(set(udp.split()), {"EHOSTUNREACH"})
        # Loopback is the session's own, 0.0.0.0 is loopback, and the router and the stack have nothing to say.
        self.assertEqual(box.user("tcp 127.0.0.1 80"), "tcp ECONNREFUSED")
        self.assertEqual(box.user("tcp 0.0.0.0 80"), "tcp ECONNREFUSED")
        for address in ("198.19.255.2", DNS, "198.19.255.100", "240.0.0.1"):
            self.assertEqual(box.user(f"tcp {address} 80"), "tcp ECONNREFUSED", address)
        for address in ("224.0.0.1", "255.255.255.255"):
            self.assertEqual(box.user(f"tcp {address} 80"), "tcp ENETUNREACH", address)

    def test_a_public_name_of_a_private_address_leads_nowhere(self):
        said = self.in_session(f"""
for name in "inside", "meta", "machine":
    address = lookup(name + ".test", "{DNS}")
    print(address, tried(address))""")
        self.assertEqual(said.split(), ["10.1.1.1", "ECONNREFUSED", "169.254.169.254", "ECONNREFUSED", HOST, "ECONNREFUSED"])

    def test_there_is_no_ipv6(self):
        self.assertEqual(python_in(self.world.host.enter(), TRY + 'print(tried("2a00::2", 80, socket.AF_INET6))'), "hello")
        said = self.in_session("""
for a in "2a00::2", "2a00::1", "fd00::1", "fe80::1", "fd00:ec2::254":
    print(tried(a, 80, socket.AF_INET6))
print(open("/proc/self/net/if_inet6").read().count("eth0"))""")
        self.assertLessEqual(set(said.split()), {"ENETUNREACH", "EADDRNOTAVAIL", "EINVAL", "0"})

    def test_sessions_do_not_reach_each_other(self):
        one, other = self.box(net=self.net()), self.box(net=self.net())
        addresses = [self.in_session("""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("46.0.0.1", 9))
print(s.getsockname()[0])""", b) for b in (one, other)]
        self.assertNotEqual(*addresses)
        for box in (one, other):
            self.assertEqual(box.do("serve 8000"), "serve ok")
        self.assertEqual(one.user(f"tcp {addresses[0]} 8000"), "tcp ok")
        self.assertEqual(one.user(f"tcp {addresses[1]} 8000"), "tcp ECONNREFUSED")

    def test_boxes_without_a_network_stay_without(self):
        alone = self.box()
        for address in (PUBLIC, DNS, "198.19.0.1", "10.1.1.1"):
            self.assertEqual(alone.user(f"tcp {address} 80"), "tcp ENETUNREACH")
        self.assertEqual(python_in(in_box(alone), "print(open('/proc/self/net/dev').read().count(':'))"), "1")
        # Until it becomes the first of a session's.
        net = self.net(box=alone.id)
        self.assertEqual(alone.user(f"tcp {PUBLIC} 80"), "tcp ok")
        self.client.call("net.create", net=net, owner=OWNER, box=alone.id)  # again: no second way
        self.assertEqual(self.in_session("print(open('/proc/self/net/dev').read().count('eth'))", alone), "1")

    def test_an_address_that_the_machine_gets_later_is_blocked(self):
        box = self.box(net=self.net())
        self.world.internet.ip("addr add 46.0.0.2/32 dev lo")
        self.assertEqual(box.user("tcp 46.0.0.2 80"), "tcp ok")
        self.world.host.ip("addr add 46.0.0.2/32 dev lo")
        self.addCleanup(self.world.host.ip, "addr del 46.0.0.2/32 dev lo")
        self.assertTrue(wait_until(lambda: box.user("tcp 46.0.0.2 80") == "tcp ECONNREFUSED"))

    def test_a_session_has_so_many_connections_and_no_more(self):
        said = self.in_session(f"""
held = []
for i in range(300):
    s = socket.socket()
    s.settimeout(10)
    try:
        s.connect(("{PUBLIC}", 80))
        held.append(s)
    except OSError as e:
        print(len(held), errno.errorcode[e.errno])
        break""")
        self.assertEqual(said, "256 ECONNREFUSED")
        self.assertEqual(self.box(net=self.net()).user(f"tcp {PUBLIC} 80"), "tcp ok")  # others have theirs

    def test_the_stack_is_nobody_and_the_machine_is_as_it_was(self):
        self.box(net=self.net())
        self.assertEqual(of_machine(self.world), self.before)
        stack, = self.boxd.stacks()
        status = dict(l.split(":\t", 1) for l in pathlib.Path(f"/proc/{stack}/status").read_text().splitlines() if ":\t" in l)
        self.assertEqual(set(status["Uid"].split()), {str(self.boxd.uid_base + 65535)})
        self.assertEqual((status["Groups"].split(), status["Seccomp"]), ([], "2"))
        self.assertEqual(int(status["CapEff"], 16), 1 << 10)  # to bind low ports, in a namespace of its own
        self.assertNotEqual(os.readlink(f"/proc/{stack}/ns/user"), os.readlink("/proc/self/ns/user"))
        self.assertEqual(sorted(os.listdir(f"/proc/{stack}/root")), ["etc", "run"])

    def test_a_stack_that_ends_is_started_again(self):
        box = self.box(net=self.net())
        os.kill(self.boxd.stacks()[0], 9)
        self.assertTrue(wait_until(lambda: reached(box)), self.boxd.log())

    def test_many_networks_cost_a_millisecond_each(self):
        took, names = [], [box_id() for _ in range(200)]
        for name in names:
            begun = time.perf_counter()
            self.client.call("net.create", net=name, owner=OWNER)
            took.append((time.perf_counter() - begun) * 1000)
        gone = time.perf_counter()
        for name in names:
            self.client.call("net.destroy", net=name)
        print(f"200 networks with outside access: {statistics.median(took[:20]):.2f} ms each at first, "
              f"{statistics.median(took[-20:]):.2f} at last; {(time.perf_counter() - gone) * 5:.2f} ms to destroy one")


class Ends(harness.unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.boxd = OutsideBoxd(self.world)
        self.addCleanup(self.boxd.remove)

    def living(self, client):
        net, name = box_id(), box_id()
        client.call("net.create", net=net, owner=OWNER)
        reply, fds = client.reply(client.send("create", **spec(name, net=net)))
        box = harness.Box(client, reply, fds, name)
        self.addCleanup(box.close)
        return box.accept()

    def test_a_killed_boxd_takes_the_way_out_with_it_and_the_next_gives_it_back(self):
        before = of_machine(self.world)
        self.boxd.start()
        client = self.boxd.client()
        box = self.living(client)
        self.assertEqual(box.user(f"tcp {PUBLIC} 80"), "tcp ok")
        self.boxd.kill()
        self.assertTrue(wait_until(lambda: not self.boxd.stacks()), self.boxd.processes())
        self.assertTrue(wait_until(lambda: cut_off(box)))
        self.assertEqual(box.user(f"tcp {PUBLIC} 80"), "tcp ENETUNREACH")
        self.assertEqual(of_machine(self.world), before)
        self.boxd.start()
        self.assertTrue(wait_until(lambda: reached(box)))
        self.assertEqual(box.user("tcp 10.1.1.1 80"), "tcp ECONNREFUSED")
        self.boxd.kill()  # at once, so that a predecessor's half-gone interface may be there still
        self.boxd.start()
        self.assertTrue(wait_until(lambda: reached(box)))
        self.boxd.options.pop("--outside")  # the operator has thought better of it
        self.assertEqual(self.boxd.process.terminate() or self.boxd.process.wait(30), 0)
        self.boxd.start()
        self.assertTrue(wait_until(lambda: cut_off(box)))
        self.assertEqual(box.user(f"tcp {PUBLIC} 80"), "tcp ENETUNREACH")
        client = self.boxd.client()
        self.assertFalse(client.call("ping")["outside"])
        client.call("net.destroy", net=client.call("net.list")["nets"][0]["net"])
        self.assertEqual(self.boxd.stop(), 0, self.boxd.log())
        self.assertEqual(self.boxd.left() + [str(g) for g in self.boxd.groups()], [])
        self.assertEqual(of_machine(self.world), before)

    def refusal(self, path):
        argv = self.boxd.argv()
        env = {"PATH": path, "ASAN_OPTIONS": "detect_leaks=0"}  # a start that fails leaves its memory to the process's end
        done = harness.subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr.strip().splitlines()[-1]

    def test_what_is_missing_is_said(self):
        tools = self.boxd.top / "tools"
        tools.mkdir()
        for name in ("nsenter", "unshare", "sh", "mount", "runc"):
            (tools / name).symlink_to(shutil.which(name))
        self.assertIn("package slirp4netns", self.refusal(str(tools)))
        (tools / "slirp4netns").symlink_to(shutil.which("slirp4netns"))
        self.assertIn("package nftables", self.refusal(str(tools)))
        (tools / "nft").write_text("#!/bin/sh\necho 'Error: Could not process rule: Operation not supported' >&2\nexit 1\n")
        (tools / "nft").chmod(0o755)
        self.assertIn("this kernel does not take the rules: nft failed: Error: Could not process rule", self.refusal(str(tools)))
        (tools / "nft").unlink()
        (tools / "nft").symlink_to(shutil.which("nft"))
        (tools / "slirp4netns").unlink()
        (tools / "slirp4netns").write_text("#!/bin/sh\necho 'no tap today' >&2\nexit 1\n")
        (tools / "slirp4netns").chmod(0o755)
        self.assertIn("slirp4netns does not come up: no tap today", self.refusal(str(tools)))
        self.assertEqual([str(g) for g in self.boxd.groups() if g.name not in (self.boxd.name, "helpers", "outside")], [])


if __name__ == "__main__":
    for tool in ("slirp4netns", "nft", "ip"):
        if not shutil.which(tool):
            print(f"SKIP: there is no {tool}")
            sys.exit(77)
    harness.main()
