"""What a box looks like from inside, for the agent (uid 0 in it) and for user code (uid 1000)."""
import os
import pathlib
import platform
import unittest

import harness

# System calls by number: the probe calls them raw. Only for x86_64; elsewhere the test says so.
CALLS = {
    "mount": (165,), "umount2": (166,), "unshare(NEWUSER)": (272, 0x10000000), "setns": (308, 0, 0), "pivot_root": (155,),
    "chroot": (161,), "ptrace": (101, 0), "process_vm_readv": (310, 1), "process_vm_writev": (311, 1), "bpf": (321, 0),
    "perf_event_open": (298,), "userfaultfd": (323, 0), "keyctl": (250, 0), "add_key": (248,), "request_key": (249,),
    "io_uring_setup": (425, 1), "io_uring_enter": (426,), "io_uring_register": (427,), "open_by_handle_at": (304,),
    "name_to_handle_at": (303,), "fsopen": (430,), "open_tree": (428,), "move_mount": (429,), "mount_setattr": (442,),
    "kexec_load": (246,), "init_module": (175,), "finit_module": (313,), "delete_module": (176,), "reboot": (169,),
    "syslog": (103, 3), "swapon": (167,), "acct": (163,), "settimeofday": (164,), "clock_settime": (227,),
    "sethostname": (170,), "iopl": (172, 3), "ioperm": (173,), "modify_ldt": (154,), "kcmp": (312,), "quotactl": (179,),
    "pidfd_getfd": (438,), "memfd_secret": (447,), "fanotify_init": (300,), "vmsplice": (278,), "mbind": (237,),
    "clone(NEWNS)": (56, 0x00020000), "clone(NEWUSER|SIGCHLD)": (56, 0x10000011), "clone(NEWNET)": (56, 0x40000000),
    "socket(VSOCK)": (41, 40, 1, 0), "socket(ALG)": (41, 38, 5, 0), "socket(PACKET)": (41, 17, 3, 0),
    "socket(NETLINK, generic)": (41, 16, 3, 16), "socket(INET, sctp)": (41, 2, 1, 132), "socket(XDP)": (41, 44, 3, 0),
    "socket(BLUETOOTH)": (41, 31, 3, 0), "socket(INET, raw)": (41, 2, 3, 1), "personality(READ_IMPLIES_EXEC)": (135, 0x400000),
}


class Isolation(harness.BoxdTest):
    def test_the_agent_is_started_as_the_architecture_says(self):
        box = self.box()
        self.assertEqual(box.hello, ["hello", "--link", "/run/kgw/link", "--box", box.id, "--work", "/work", "--kernel-dir",
                                     "/run/kernel", "--uid", "1000", "--gid", "1000"])
        self.assertEqual(box.peer[1], box.uid)  # uid of SO_PEERCRED is the uid that the reply names

    def test_every_box_has_ids_of_its_own(self):
        one, two = self.box(), self.box()
        self.assertNotEqual(one.uid // 65536, two.uid // 65536)
        for box in (one, two):
            for name in ("uid_map", "gid_map"):
                self.assertEqual(box.do(f"cat /proc/self/{name}").split()[2:], ["0", str(box.uid), "65536|"])
            self.assertEqual(pathlib.Path(f"/proc/{box.pid}").stat().st_uid, box.uid)

    def test_capabilities_are_three_for_the_agent_and_none_for_user_code(self):
        box = self.box()
        agent = dict(l.split(":\t") for l in box.do("cat /proc/self/status").split("cat ok ")[1].split("|") if ":\t" in l)
        three = f"{(1 << 5) | (1 << 6) | (1 << 7):016x}"
        self.assertEqual([agent[k] for k in ("CapBnd", "CapPrm", "CapEff")], [three] * 3)
        self.assertEqual([agent[k] for k in ("CapInh", "CapAmb")], ["0" * 16] * 2)
        self.assertEqual((agent["NoNewPrivs"], agent["Seccomp"]), ("1", "2"))
        user = dict(l.split(":\t") for l in box.user("cat /proc/self/status").split("cat ok ")[1].split("|") if ":\t" in l)
        self.assertEqual([user[k] for k in ("CapPrm", "CapEff", "CapInh", "CapAmb")], ["0" * 16] * 4)
        self.assertEqual(user["Uid"].split(), ["1000"] * 4)
        self.assertEqual(user["Groups"].strip(), "")
        self.assertEqual(box.user("setuid0"), "setuid0 EPERM")
        self.assertIn(box.user("kill 1"), ("kill EPERM",))
        self.assertEqual(box.do("cat /proc/1/oom_score_adj"), "cat ok 0|")

    def test_the_root_is_read_only_and_mounts_are_what_they_should_be(self):
        box = self.box()
        for path in ("/x", "/etc/x", "/kgw/agent", "/kgw/x", "/run/x", "/run/kgw/x", "/proc/sys/kernel/core_pattern"):
            self.assertIn(box.do(f"write {path}"), ("write EROFS", "write EACCES", "write EPERM"), path)
            self.assertIn(box.user(f"write {path}"), ("write EROFS", "write EACCES", "write EPERM"), path)
        for path in ("/work/x", "/tmp/x", "/dev/shm/x", "/run/kernel/x"):
            self.assertEqual(box.user(f"write {path}"), "write ok", path)
        mounts = {}
        for line in box.do("cat /proc/self/mountinfo").split("cat ok ")[1].split("|")[:-1]:
            mounts[line.split()[4]] = line.split()[5].split(",") + line.split(" - ")[1].split()[2].split(",")
        self.assertIn("ro", mounts["/"])
        for path in ("/work", "/tmp", "/run/kernel", "/dev/shm"):
            self.assertLessEqual({"nosuid", "nodev"}, set(mounts[path]), path)
        self.assertEqual([("noexec" in mounts[p]) for p in ("/work", "/tmp", "/run/kernel", "/dev/shm")],
                         [False, False, True, True])
        for path in ("/kgw", "/run/kgw", "/run/kgw/memory"):
            self.assertLessEqual({"ro", "nosuid", "nodev"}, set(mounts[path]), path)
        self.assertNotIn("/sys", mounts)
        self.assertEqual(box.user("exec /work"), "exec ok")
        self.assertEqual(box.user("exec /dev/shm"), "exec EACCES")

    def test_devices_are_few(self):
        box = self.box()
        # core is the runtime's link to /proc/kcore, on machines that have one; what it leads to is closed (below)
        self.assertEqual(set(box.user("ls /dev").split()[2:]) - {"core"},
                         set("null zero full random urandom tty pts ptmx shm fd stdin stdout stderr".split()))
        self.assertEqual(box.do("syscall 133 0 0"), "syscall EFAULT")  # mknod is the kernel's to refuse, by capability

    def test_proc_tells_nothing_of_the_host(self):
        box = self.box()
        for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"):
            self.assertIn(box.user(f"cat {path}").rstrip(), ("cat ok", "cat EACCES", "cat EPERM", "cat ENOENT"), path)
        seen = [p for p in box.user("ls /proc").split()[2:] if p.isdigit()]
        self.assertEqual((seen[0], len(seen)), ("1", 2))  # the agent and who looks

    def test_the_network_is_loopback_alone_and_its_ports_are_free(self):
        box = self.box()
        self.assertEqual([w for w in box.do("cat /proc/net/dev").replace("|", " ").split() if w.endswith(":")], ["lo:"])
        self.assertEqual(box.user("tcp 8.8.8.8 53"), "tcp ENETUNREACH")
        self.assertEqual(box.user("tcp 127.0.0.1 80"), "tcp ECONNREFUSED")
        self.assertEqual(box.user("listen 127.0.0.1 80"), "tcp ok")
        self.assertNotEqual(os.readlink(f"/proc/{box.pid}/ns/net"), os.readlink("/proc/self/ns/net"))

    def test_only_the_agent_can_use_the_link_and_all_can_read_hosts(self):
        box = self.box()
        self.assertEqual(box.do("connect /run/kgw/link"), "connect ok")
        self.assertEqual(box.user("connect /run/kgw/link"), "connect EACCES")
        self.assertEqual(box.user("cat /etc/hosts"), "cat ok 127.0.0.1 localhost box|::1 localhost ip6-localhost|")
        self.assertEqual(box.user("ls /run/kgw"), "ls EACCES")

    def test_namespaces_are_the_boxs_own(self):
        box = self.box()
        for name in ("pid", "mnt", "ipc", "uts", "cgroup", "user", "net"):
            self.assertNotEqual(os.readlink(f"/proc/{box.pid}/ns/{name}"), os.readlink(f"/proc/self/ns/{name}"), name)
        self.assertTrue(all(l.endswith(":/") for l in box.do("cat /proc/self/cgroup").split(" ok ")[1].split("|")[:-1]))

    def test_dangerous_system_calls_are_refused(self):
        if platform.machine() != "x86_64":
            self.skipTest("call numbers are those of x86_64")
        box = self.box()
        for who in (box.do, box.user):
            for name, numbers in CALLS.items():
                with self.subTest(name):
                    self.assertEqual(who("syscall " + " ".join(map(str, numbers))), "syscall EPERM")
            self.assertEqual(who("syscall 435 0 0"), "syscall ENOSYS")  # clone3
            self.assertEqual(who("syscall 162"), "syscall ok")  # sync, which does nothing
            self.assertEqual(who("syscall 41 1 1 0"), "syscall ok")  # sockets that are allowed
            self.assertEqual(who("syscall 41 2 1 6"), "syscall ok")
            self.assertEqual(who("syscall 41 10 2 17"), "syscall ok")
            self.assertEqual(who("syscall 41 16 3 0"), "syscall ok")
            self.assertEqual(who("thread"), "thread ok")

    def test_resource_limits_are_given(self):
        limits = {l[:26].strip(): l[26:].split()[:2] for l in self.box().do("cat /proc/self/limits").split("|")}
        self.assertEqual(limits["Max open files"], ["1024", "1024"])
        self.assertEqual(limits["Max core file size"], ["0", "0"])
        self.assertEqual(limits["Max file size"], [str(64 << 20)] * 2)


if __name__ == "__main__":
    harness.main()
