"""What is measured. A row is one mode of the client with its arguments, and the figures that are shown of it."""
from dataclasses import dataclass

SERVERS = ("ours", "peer")
ALL = ("ours", "peer", "direct", "mock")
PYTHON = ("ours", "peer", "direct", "oci")  # oci: kernelgw with boxes, cold; stock: from warm ones


@dataclass
class Row:
    name: str
    title: str
    args: object  # function (target, quick) -> list of arguments for the client
    shown: dict  # figure in the client's JSON -> unit, the first is the one that ratios are made of
    kinds: tuple = SERVERS + ("direct",)
    kernel: str = "stub"
    more_is_better: bool = False
    quick: bool = True  # part of --quick
    full: bool = True  # part of a run without it
    once: bool = False  # one round is enough
    watch: bool = False  # memory and CPU of the server are looked at
    fresh: bool = False  # a server started for this row alone


def fast(target):
    return target.kind != "peer"


def rtt(kind, *more):
    def args(target, quick):
        count = (500 if quick else 3000) if fast(target) or "--quickack" in more else (30 if quick else 100)
        return ["rtt", "--kind", kind, "--count", str(count), "--seconds", "2" if quick else "8", *more]
    return args


def flood(size, fast_count, peer_count, *more):
    def args(target, quick):
        count = fast_count if fast(target) else peer_count
        return ["flood", "--count", str(count // 2 if quick else count), "--size", str(size), *more]
    return args


def plain(*words, quick=(), full=()):
    return lambda target, is_quick: [*words, *(quick if is_quick else full)]


def slow(target, quick):
    # As much as the socket buffers hold many times over; peers read it at their own speed.
    count, pause = (6000, 3) if quick else (30000, 10)
    return ["slow", "--count", str(count), "--size", "10000", "--pause", str(pause)]


def reconnect(*more):
    return plain("reconnect", "--rate", "400", "--size", "100", "--pause", "0.7", *more,
                 quick=("--count", "600"), full=("--count", "1600"))


LOST = {"lost": "", "twice": "", "disorder": ""}

ROWS = [
    Row("control", "control round trip, p50", rtt("control"), {"us_p50": "us", "us_p99": "us"}, ALL),
    Row("control_quickack", "the same, client acknowledges at once", rtt("control", "--quickack"),
        {"us_p50": "us", "us_p99": "us"}, SERVERS),
    Row("execute", "execute round trip, p50", rtt("execute"), {"us_p50": "us", "us_p99": "us"}, ALL),
    Row("execute_quickack", "the same, client acknowledges at once", rtt("execute", "--quickack"),
        {"us_p50": "us", "us_p99": "us"}, SERVERS),
    Row("execute_json", "execute, older JSON framing (quick ack)", rtt("execute", "--quickack", "--framing", "json"),
        {"us_p50": "us", "us_p99": "us"}, SERVERS),
    Row("start_1", "kernel start to first answer, one at a time", plain("start", "--parallel", "1", quick=("--rounds", "5"), full=("--rounds", "15")),
        {"ready_ms_p50": "ms", "ready_ms_max": "ms"}),
    Row("start_8", "kernel start, eight at once", plain("start", "--parallel", "8", quick=("--rounds", "2"), full=("--rounds", "5")),
        {"ready_ms_p50": "ms", "wall_ms_p50": "ms"}, quick=False),
    Row("loop_50", "50 kernels, closed loop", plain("loop", "--kernels", "50", quick=("--seconds", "2"), full=("--seconds", "5")),
        {"requests_s": "requests/s", "us_p99": "us", "client_cpu_share": "client core"}, ALL, more_is_better=True, watch=True),
    Row("flood_100", "flood of 100 B", flood(100, 300000, 8000),
        {"messages_s": "messages/s", **LOST, "client_cpu_share": "client core"}, ALL, more_is_better=True, kernel="stub-raw", watch=True),
    Row("flood_10k", "flood of 10 kB", flood(10000, 40000, 2000),
        {"mb_s": "MB/s", **LOST, "client_cpu_share": "client core"}, ALL, more_is_better=True, kernel="stub-raw", watch=True),
    Row("flood_100_zmq", "flood of 100 B, kernel on libzmq", flood(100, 200000, 8000),
        {"messages_s": "messages/s", **LOST}, SERVERS + ("direct",), more_is_better=True, watch=True),
    Row("flood_100_json", "flood of 100 B, older JSON framing", flood(100, 200000, 8000, "--framing", "json"),
        {"messages_s": "messages/s", **LOST}, SERVERS, more_is_better=True, kernel="stub-raw", watch=True),
    Row("flood_limited", "flood of 100 B, peers' default rate limit", flood(100, 300000, 8000),
        {"lost": "messages", "received": ""}, ("limited",), kernel="stub-raw", quick=False, once=True),
    Row("slow_reader", "a reader that pauses", slow,
        {"lost": "messages", "notes": "notices", "other_us_p50": "us", "other_us_max": "us"}, SERVERS, watch=True, once=True),
    Row("reconnect", "drops and comes back", reconnect(), {"lost": "messages", "twice": "", "disorder": ""}, SERVERS, once=True, quick=False),
    Row("reconnect_other", "the same, another reader stays", reconnect("--other"),
        {"lost": "messages", "twice": "", "disorder": ""}, SERVERS, once=True),
    Row("reconnect_abrupt", "the same, dropped by RST", reconnect("--other", "--abrupt"),
        {"lost": "messages", "twice": "", "disorder": ""}, SERVERS, once=True, quick=False),
    Row("buffer_1", "1 MiB buffer there and back", plain("buffer", "--size", str(1 << 20), quick=("--rounds", "5"), full=("--rounds", "20")),
        {"ms_p50": "ms"}, ALL),
    Row("buffer_16", "16 MiB buffer there and back", plain("buffer", "--size", str(16 << 20), quick=("--rounds", "3"), full=("--rounds", "7")),
        {"ms_p50": "ms"}, ALL),
    Row("interrupt", "interrupt to error", plain("interrupt", quick=("--rounds", "5"), full=("--rounds", "20")), {"ms_p50": "ms"}),
    Row("restart", "restart, same socket, to first answer", plain("restart", quick=("--rounds", "3"), full=("--rounds", "10")),
        {"ms_p50": "ms", "hangs": "hangs"}),
    Row("death", "kernel dies: noticed", plain("death", quick=("--rounds", "1"), full=("--rounds", "3")),
        {"noticed_ms_p50": "ms", "usable_ms_p50": "ms", "unnoticed": "times", "unusable": "times"}, SERVERS, once=True),
    Row("python_start", "ipykernel start to first answer", plain("start", quick=("--rounds", "2"), full=("--rounds", "5")),
        {"ready_ms_p50": "ms"}, kinds=PYTHON, kernel="bench-python"),
    Row("python_start_8", "ipykernel, eight at once", plain("start", "--parallel", "8", "--rounds", "1"),
        {"ready_ms_p50": "ms", "wall_ms_p50": "ms"}, kinds=PYTHON, kernel="bench-python", quick=False, once=True),
    Row("stock_start", "Python kernel from warm stock, to first cell's reply", plain("start", "--pause", "4", quick=("--rounds", "2"), full=("--rounds", "5")),
        {"executed_ms_p50": "ms", "executed_ms_max": "ms"}, kinds=("stock",), kernel="bench-python"),
    Row("stock_start_8", "eight of them at once", plain("start", "--parallel", "8", "--rounds", "2", "--pause", "20"),
        {"executed_ms_p50": "ms", "wall_ms_p50": "ms"}, kinds=("stock",), kernel="bench-python", quick=False, once=True),
    Row("python_execute", "ipykernel execute round trip", plain("rtt", "--kind", "execute", quick=("--count", "30", "--seconds", "2"), full=("--count", "200")),
        {"us_p50": "us", "us_p99": "us"}, kinds=PYTHON, kernel="bench-python"),
    Row("python_interrupt", "ipykernel, interrupt of while True", plain("interrupt", "--code", "while True: pass", quick=("--rounds", "3"), full=("--rounds", "10")),
        {"ms_p50": "ms"}, kinds=PYTHON, kernel="bench-python"),
    Row("idle_200", "200 idle kernels", plain("hold", "--kernels", "200", "--sockets", "0"),
        {"kb_each": "kB server each", "kernels": "held", "kernels_refused": "refused", "open_s": "s"}, SERVERS, quick=False, once=True, fresh=True),
    Row("sockets_1000", "1,000 WebSockets on 100 kernels", plain("hold", "--kernels", "100", "--sockets", "1000"),
        {"sockets": "held", "refused": "refused", "unanswered": "unanswered", "us_p50": "us", "rss_held_mb": "MB"}, SERVERS,
        more_is_better=True, quick=False, once=True, fresh=True),
    Row("sockets_200", "200 WebSockets on 20 kernels", plain("hold", "--kernels", "20", "--sockets", "200"),
        {"sockets": "held", "refused": "refused", "unanswered": "unanswered", "us_p50": "us"}, SERVERS,
        more_is_better=True, full=False, once=True, fresh=True),
]

# Measured by the run itself, not by a mode of the client.
START_ROWS = [
    Row("server_start", "server start to first 200 on /api", None, {"ms": "ms"}),
    Row("memory", "server's memory at rest", None, {"rss_mb": "MB resident", "pss_mb": "MB its share"}),
]
