"""Session networks: who reaches whom, names, ports, and what is left of them."""
import os
import socket
import statistics
import time

import harness
from harness import Box, Boxd, OWNER, box_id, spec

HELD = 4000 if os.environ.get("KERNELGW_LONG") else 400


def listed(client):
    nets, after = [], None
    while True:
        page = client.call("net.list", after=after)
        nets += page["nets"]
        if not page["more"]:
            return nets
        after = nets[-1]["net"]


class Nets(harness.BoxdTest):
    def net(self, **more):
        name = box_id()
        self.client.call("net.create", net=name, owner=OWNER, **more)
        self.addCleanup(self.client.call, "net.destroy", net=name)
        return name

    def hosts(self, box):
        return box.user("cat /run/kgw/hosts")

    def ports(self, net):
        return {p["port"]: p["box"] for p in self.client.call("net.ports", net=net)["ports"]}

    def test_boxes_of_a_network_reach_each_other_and_nobody_else(self):
        one, other = self.net(), self.net()
        server, client, stranger, alone = self.box(net=one), self.box(net=one), self.box(net=other), self.box()
        for box in (server, stranger):  # the same port in both, and one that elsewhere is root's alone
            self.assertEqual(box.do("serve 80"), "serve ok")
        self.assertEqual(client.user("tcp 127.0.0.1 80"), "tcp ok")
        self.assertEqual(client.do("serve 80"), "serve EADDRINUSE")
        self.assertEqual(alone.user("tcp 127.0.0.1 80"), "tcp ECONNREFUSED")
        with socket.create_server(("127.0.0.1", 0)) as host:
            self.assertEqual(client.user(f"tcp 127.0.0.1 {host.getsockname()[1]}"), "tcp ECONNREFUSED")
        self.assertEqual(client.user("tcp 169.254.169.254 80"), "tcp ENETUNREACH")
        self.assertEqual(self.ports(one), {80: server.id})
        self.assertEqual(self.ports(other), {80: stranger.id})

    def test_a_box_brings_its_namespace(self):
        first = self.box()
        self.assertEqual(first.do("serve 4000"), "serve ok")
        net = self.net(box=first.id)
        second = self.box(net=net)
        self.assertEqual(second.user("tcp 127.0.0.1 4000"), "tcp ok")
        third = self.box()
        self.assertEqual(self.refused("net.create", net=net, owner=OWNER, box=third.id).code, "EEXIST")
        self.assertEqual(self.refused("net.create", net=box_id(), owner=OWNER, box=first.id).code, "EEXIST")
        self.assertEqual(third.user("tcp 127.0.0.1 4000"), "tcp ECONNREFUSED")

    def test_a_namespace_that_nobody_uses_gives_way(self):
        net, box = self.net(), self.box()
        self.client.call("net.create", net=net, owner=OWNER, box=box.id)
        self.assertEqual(box.do("serve 4001"), "serve ok")
        self.assertEqual(self.box(net=net).user("tcp 127.0.0.1 4001"), "tcp ok")

    def test_names_come_and_go(self):
        net = self.net()
        early = self.box(net=net)
        self.assertNotIn("server", self.hosts(early))
        self.client.call("net.names", net=net, names=["server", "server.py", "db_1"])
        late, other = self.box(net=net), self.box(net=self.net())
        for box in (early, late):
            self.assertIn("127.0.0.1 server|127.0.0.1 server.py|127.0.0.1 db_1", self.hosts(box))
        self.assertNotIn("server", self.hosts(other))
        self.client.call("net.names", net=net, names=[])
        self.assertEqual(self.hosts(early), self.hosts(other))
        for names in (["a b"], ["x\n127.0.0.1 evil"], [""], ["-a"], ["localhost"], ["a", "A"], ["a" * 64], "a", [1],
                      ["n%d" % i for i in range(257)]):
            self.assertEqual(self.refused("net.names", net=net, names=names).code, "EINVAL", names)

    def test_sockets_into_a_network(self):
        net = self.net()
        box = self.box(net=net)
        self.assertEqual(box.do("serve 4002"), "serve ok")
        _, fds = self.client.reply(self.client.send("net.socket", net=net))
        with socket.socket(fileno=fds[0]) as s:
            s.setblocking(True)
            s.connect(("::ffff:127.0.0.1", 4002))
            with self.assertRaises(OSError):
                socket.create_connection(("127.0.0.1", 4002), 5)

    def test_what_is_refused(self):
        net = self.net()
        other = OWNER.replace("f", "e")
        self.client.call("net.create", net=net, owner=other)  # again: there it is, and now this one's
        self.assertEqual([n["owner"] for n in listed(self.client) if n["net"] == net], [other])
        for op in ("net.ports", "net.socket"):
            self.assertEqual(self.refused(op, net=box_id()).code, "ENOENT")
        self.assertEqual(self.refused("create", **spec(box_id(), net=box_id())).code, "ENOENT")
        self.assertEqual(self.refused("net.create", net=box_id(), owner=OWNER, box=box_id()).code, "ENOENT")
        self.assertEqual(self.refused("net.create", net="../../etc", owner=OWNER).code, "EINVAL")
        self.client.call("net.destroy", net=box_id())  # none: fine


class Lives(harness.unittest.TestCase):
    def setUp(self):
        # In memory, as /run is: ext4 looks for a free inode among those that were freed lately, which measures that.
        self.boxd = Boxd(run_in="/dev/shm").start()
        self.addCleanup(self.boxd.remove)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.boxd.process.pid}/fd"))

    def test_many_are_held_and_none_is_left(self):
        client, names, times = self.boxd.client(), [box_id() for _ in range(HELD)], []
        before = self.descriptors()
        for name in names:
            begun = time.monotonic()
            client.call("net.create", net=name, owner=OWNER)
            times.append((time.monotonic() - begun) * 1000)
        self.assertEqual([n["net"] for n in listed(client)], sorted(names))
        self.assertEqual(self.descriptors(), before + HELD)
        tenth = HELD // 10
        print("creation, ms, median of each tenth:",
              " ".join(f"{statistics.median(times[i:i + tenth]):.2f}" for i in range(0, HELD, tenth)))
        begun = time.monotonic()
        for name in names:
            client.call("net.destroy", net=name)
        print(f"{HELD} destroyed in {time.monotonic() - begun:.2f} s")
        self.assertEqual((listed(client), self.descriptors()), ([], before))
        self.assertEqual(self.boxd.left(), [])

    def test_a_killed_boxd_finds_them_again(self):
        client = self.boxd.client()
        full, empty, gone = box_id(), box_id(), box_id()
        for name in (full, empty, gone):
            client.call("net.create", net=name, owner=OWNER)
        client.call("net.names", net=full, names=["server"])
        client.call("net.destroy", net=gone)
        name = box_id()
        server = Box(client, *client.reply(client.send("create", **spec(name, net=full))), name).accept()
        self.assertEqual(server.do("serve 4003"), "serve ok")
        self.boxd.kill()
        self.boxd.start()
        client = self.boxd.client()
        self.assertEqual({n["net"]: n["boxes"] for n in listed(client)}, {full: 1, empty: 0})
        for net, answer in ((full, "tcp ok"), (empty, "tcp ECONNREFUSED")):
            name = box_id()
            box = Box(client, *client.reply(client.send("create", **spec(name, net=net))), name).accept()
            self.assertEqual(box.user("tcp 127.0.0.1 4003"), answer)
            self.assertEqual("127.0.0.1 server" in box.user("cat /run/kgw/hosts"), net == full)
            box.close()
        server.close()
        for box in client.list():
            client.call("destroy", box=box["box"])
        for net in (full, empty):
            client.call("net.destroy", net=net)
        self.assertEqual(self.boxd.left(), [])
        self.assertEqual(self.boxd.stop(), 0, self.boxd.log())


if __name__ == "__main__":
    harness.main()
