# Runs inside a box, as a program and as a cell: tries every door and prints one JSON object of what happened. It asks
# for nothing that would do harm where a door is open: arguments are invalid or aim at the box itself.
def probe():
    import ctypes
    import errno
    import glob
    import json
    import os
    import resource
    import socket
    import stat
    import threading

    libc = ctypes.CDLL(None, use_errno=True)
    out = {}

    def tried(call, *args):
        """ "ok", or the name of the error."""
        try:
            call(*args)
            return "ok"
        except OSError as e:
            return errno.errorcode.get(e.errno, str(e))
        except (RuntimeError, ValueError) as e:
            return str(e)

    def syscall(number, *args):
        ctypes.set_errno(0)
        wide = [a if isinstance(a, bytes) or a is None else ctypes.c_long(a) for a in args]
        result = libc.syscall(ctypes.c_long(number), *wide)
        return "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()]

    def read(path, size=200_000):
        try:
            with open(path, "rb") as f:
                return f.read(size).decode(errors="replace")
        except OSError as e:
            return "!" + errno.errorcode[e.errno]

    # Who we are.
    out["ids"] = [os.getuid(), os.geteuid(), os.getgid(), os.getegid()]
    out["groups"] = os.getgroups()
    out["status"] = dict(line.split(":\t", 1) for line in read("/proc/self/status").splitlines() if ":\t" in line)
    out["uid_map"] = read("/proc/self/uid_map").split()
    out["pids"] = sorted(int(p) for p in os.listdir("/proc") if p.isdigit())
    out["environ"] = dict(os.environ)
    out["hostname"] = socket.gethostname()
    out["rlimits"] = {n: resource.getrlimit(getattr(resource, n))[1] for n in dir(resource) if n.startswith("RLIMIT_")}
    out["fds"] = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                  if os.path.islink(f"/proc/self/fd/{fd}")}

    # System calls (x86_64) that no program here needs. By a child: where one is allowed, the next must not suffer.
    def in_child(number, args):
        r, w = os.pipe()
        if os.fork() == 0:
            os.write(w, syscall(number, *args).encode())
            os._exit(0)
        os.close(w)
        os.wait()
        with os.fdopen(r) as f:
            return f.read() or "died"

    out["syscalls"] = {name: in_child(number, args) for name, number, args in [
        ("mount", 165, (b"none", b"/tmp", b"tmpfs", 0, None)), ("umount2", 166, (b"/tmp", 2)),
        ("unshare-user", 272, (0x10000000,)), ("unshare-net", 272, (0x40000000,)), ("unshare-mount", 272, (0x20000,)),
        ("setns", 308, (0, 0)), ("pivot_root", 155, (b"/tmp", b"/tmp")), ("chroot", 161, (b"/tmp",)),
        ("fsopen", 430, (b"tmpfs", 0)), ("open_tree", 428, (-100, b"/tmp", 1)), ("move_mount", 429, (-1, b"", -1, b"", 0)),
        ("fsmount", 432, (-1, 0, 0)), ("mount_setattr", 442, (-1, b"", 0, None, 0)),
        ("ptrace-attach-1", 101, (16, 1, 0, 0)), ("process_vm_readv-1", 310, (1, None, 0, None, 0, 0)),
        ("process_vm_writev-1", 311, (1, None, 0, None, 0, 0)), ("kcmp", 312, (1, 1, 0, 0, 0)),
        ("pidfd_getfd", 438, (-1, 0, 0)), ("bpf", 321, (0, None, 0)), ("perf_event_open", 298, (None, 0, -1, -1, 0)),
        ("userfaultfd", 323, (0,)), ("keyctl", 250, (0, -3, 0)), ("add_key", 248, (b"user", b"a", b"b", 1, -2)),
        ("request_key", 249, (b"user", b"a", None, 0)), ("open_by_handle_at", 304, (-1, None, 0)),
        ("io_uring_setup", 425, (1, None)), ("init_module", 175, (None, 0, b"")), ("finit_module", 313, (-1, b"", 0)),
        ("delete_module", 176, (b"x", 0)), ("kexec_load", 246, (0, 0, None, 0)), ("reboot", 169, (0, 0, 0, None)),
        ("syslog", 103, (3, None, 0)), ("swapon", 167, (b"/tmp/x", 0)), ("acct", 163, (b"/tmp/x",)),
        ("settimeofday", 164, (None, None)), ("sethostname", 170, (b"x", 1)), ("setdomainname", 171, (b"x", 1)),
        ("iopl", 172, (3,)), ("ioperm", 173, (0, 1, 1)), ("quotactl", 179, (0, b"/", 0, None)),
        ("setuid-0", 105, (0,)), ("setgid-0", 106, (0,)), ("setgroups", 116, (0, None)),
        ("setresuid-0", 117, (0, 0, 0)), ("memfd_secret", 447, (0,)), ("modify_ldt", 154, (0, None, 0)),
        ("vhangup", 153, ()), ("fanotify_init", 300, (0, 0)), ("lookup_dcookie", 212, (0, None, 0)),
        ("clone3", 435, (None, 0)), ("clock_settime", 227, (0, None)), ("nfsservctl", 180, (0, None, None)),
        ("io_setup", 206, (1, None)), ("inotify_init", 253, ()), ("inotify_init1", 294, (0,)),
    ]}

    # Sockets of other families.
    def open_socket(family, kind, proto):
        socket.socket(family, kind, proto).close()

    out["sockets"] = {name: tried(open_socket, family, kind, proto) for name, family, kind, proto in [
        ("vsock", 40, 1, 0), ("alg", 38, 5, 0), ("packet", 17, 3, 0x300), ("raw", 2, 3, 1), ("raw6", 10, 3, 58),
        ("bluetooth", 31, 1, 0), ("xdp", 44, 3, 0), ("can", 29, 3, 1), ("tipc", 30, 1, 0), ("rds", 21, 5, 0),
        ("inet", 2, 1, 0), ("unix", 1, 1, 0)]}

    # The network: this box's own loopback and nothing else.
    def connect(host, port):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(1)
            s.connect((host, port))

    out["network"] = {f"{host} {port}": tried(connect, host, port) for host, port in PLACES}
    out["interfaces"] = [name for _, name in socket.if_nameindex()]
    out["routes"] = read("/proc/net/route").splitlines()[1:]
    out["abstract"] = read("/proc/net/unix").splitlines()[1:]

    # The file system.
    def write(path):
        with open(path, "wb") as f:
            f.write(b"x")

    out["writes"] = {p: tried(write, p) for p in (
        "/x", "/etc/passwd", "/etc/hosts", "/bin/sh", "/usr/lib/x", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
        "/proc/sys/vm/drop_caches", "/kgw/agent", "/kgw/x", "/run/kgw/link", "/run/kgw/x", "/run/x", "/var/x", "/root/x",
        "/proc/1/oom_score_adj", "/proc/1/mem", "/proc/self/uid_map", "/dev/x", "/dev/mem", "/home/x", "/mnt/x", "/sys/x")}
    out["own_writes"] = {p: tried(write, p) for p in ("/work/x", "/tmp/x", "/dev/shm/x")}
    out["reads"] = {p: read(p, 4096)[:200] for p in (
        "/proc/kcore", "/proc/1/mem", "/proc/1/environ", "/proc/1/maps", "/proc/keys", "/proc/kmsg", "/etc/shadow",
        "/proc/timer_list", "/proc/sched_debug", "/proc/1/fd/0", "/proc/1/root/etc/passwd", "/proc/1/cwd/x",
        "/var/run/docker.sock", "/run/kgw/link", "/proc/self/mem")}
    out["kallsyms"] = {line.split()[0] for line in read("/proc/kallsyms").splitlines()[:50] if line.split()} == {"0" * 16} \
        or read("/proc/kallsyms").startswith("!") or read("/proc/kallsyms") == ""
    out["mounts"] = [line.split()[4:6] + line.split(" - ")[1].split()[:2] for line in
                     read("/proc/self/mountinfo").splitlines() if " - " in line]
    out["dev"] = sorted(os.listdir("/dev"))
    out["sys"] = os.listdir("/sys") if os.path.isdir("/sys") else []
    out["mknod"] = {kind: tried(os.mknod, f"/tmp/node-{kind}", 0o666 | mode, os.makedev(major, minor))
                    for kind, mode, major, minor in [("mem", stat.S_IFCHR, 1, 1), ("disk", stat.S_IFBLK, 8, 0)]}
    out["setuid_files"] = [p for p in glob.glob("/usr/bin/*") + glob.glob("/usr/sbin/*") + glob.glob("/bin/*")
                           if os.path.isfile(p) and os.stat(p).st_mode & (stat.S_ISUID | stat.S_ISGID)]
    out["run_kgw"] = tried(os.listdir, "/run/kgw")

    def connect_link():
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("/run/kgw/link")

    out["link"] = tried(connect_link)

    # Signals to the agent, more priority, more of everything.
    out["kill_agent"] = {sig: tried(os.kill, 1, sig) for sig in (0, 9, 15, 19)}
    out["nice"] = tried(os.nice, -5)
    out["realtime"] = tried(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
    out["raise_nofile"] = tried(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20)) )
    out["oom_score_adj"] = tried(lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-1000"))

    descriptors = []
    try:
        while len(descriptors) < 100_000:
            descriptors.append(os.open("/dev/null", os.O_RDONLY))
        out["descriptors"] = "no end"
    except OSError as e:
        out["descriptors"] = errno.errorcode[e.errno]
    for fd in descriptors:
        os.close(fd)
    out["descriptor_count"] = len(descriptors)

    timer, out["timers"] = ctypes.c_int(), 0
    while out["timers"] < 5000 and syscall(222, 1, None, ctypes.addressof(timer)) == "ok":  # timer_create
        out["timers"] += 1

    event, threads = threading.Event(), []
    try:
        while len(threads) < 2000:
            t = threading.Thread(target=event.wait)
            t.start()
            threads.append(t)
        out["threads"] = "no end"
    except RuntimeError:
        out["threads"] = "refused"
    event.set()
    for t in threads:
        t.join()
    out["thread_count"] = len(threads)

    def fill(directory, name, size):
        files, error = 0, "no end"
        os.makedirs(f"{directory}/{name}", exist_ok=True)
        try:
            while files < 60_000:
                with open(f"{directory}/{name}/{files}", "wb") as f:
                    f.write(b"z" * size)
                files += 1
        except OSError as e:
            error = errno.errorcode[e.errno]
        for i in range(files + 1):
            try:
                os.unlink(f"{directory}/{name}/{i}")
            except OSError:
                pass
        os.rmdir(f"{directory}/{name}")
        return [error, files]

    out["full"] = {d: fill(d, "full", 1 << 20) for d in ("/work", "/tmp", "/dev/shm")}
    out["inodes"] = {d: fill(d, "inodes", 0) for d in ("/work", "/tmp", "/dev/shm")}
    try:
        os.execv("/bin/true", ["true"] + ["x" * 100_000] * 100)
    except OSError as e:
        out["argv"] = errno.errorcode[e.errno]
    print("PROBE" + json.dumps(out, default=str))


probe()
