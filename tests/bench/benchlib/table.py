"""From all rounds to one table: medians, ratios, aims."""
import statistics

# What must be reached by ours: (row, figure, text, test of the values by target)
AIMS = [
    ("server_start", "first 200 within 15 ms", lambda v: v("server_start", "ms") <= 15),
    ("memory", "at most 10 MB resident", lambda v: v("memory", "rss_mb") <= 10),
    ("control", "control round trip at most 2.5x direct",
     lambda v: v("control", "us_p50") <= 2.5 * v("control", "us_p50", "direct_ipc")),
    ("control", "control round trip within 1 ms of direct",
     lambda v: v("control", "us_p50") <= v("control", "us_p50", "direct_ipc") + 1000),
    ("flood_100", "300,000 messages/s of 100 B, none lost",
     lambda v: v("flood_100", "messages_s") >= 300000 and v("flood_100", "lost") == 0),
    ("flood_10k", "500 MB/s of 10 kB, none lost",
     lambda v: v("flood_10k", "mb_s") >= 500 and v("flood_10k", "lost") == 0),
    ("stock_start", "a cell's reply within 50 ms of asking for a warm kernel",
     lambda v: v("stock_start", "executed_ms_p50", "kernelgw_stock") <= 50),
    ("sockets_1000", "1,000 WebSockets held and answering",
     lambda v: v("sockets_1000", "sockets") == 1000 and v("sockets_1000", "unanswered") == 0),
]


def number(v):
    if v is None:
        return "-"
    if v == int(v) and abs(v) < 1e7:
        return f"{int(v):,}"
    return f"{v:,.0f}" if abs(v) >= 1000 else f"{v:.1f}" if abs(v) >= 10 else f"{v:.2f}"


class Results:
    """samples[row][target] is a list of the client's JSON objects, one a round."""

    def __init__(self):
        self.samples = {}
        self.errors = []

    def add(self, row, target, sample):
        self.samples.setdefault(row, {}).setdefault(target, []).append(sample)

    def median(self, row, figure, target="kernelgw"):
        values = [s[figure] for s in self.samples.get(row, {}).get(target, [])
                  if isinstance(s.get(figure), (int, float)) and not isinstance(s.get(figure), bool)]
        return statistics.median(values) if values else None


def cell(results, row, target):
    samples = results.samples.get(row.name, {}).get(target)
    if not samples:
        return ""
    parts = []
    for i, (figure, unit) in enumerate(row.shown.items()):
        value = results.median(row.name, figure, target)
        if figure in ("twice", "disorder", "hangs", "refused", "unanswered", "unnoticed", "unusable", "notes",
                      "kernels_refused") and not value:
            continue
        if value is None and i > 0:
            continue
        name = {"lost": "lost", "twice": "twice", "disorder": "out of order", "us_p99": "p99"}.get(figure, "")
        if figure.endswith("_max"):
            name = "max"
        text = f"{number(value)} {unit}".strip()
        parts.append(f"{name} {text}".strip())
    if not any(s.get("ok", True) for s in samples):
        parts.insert(0, "**fails**" + (f" (close {samples[0]['close_code']})" if samples[0].get("close_code") else ""))
    return "; ".join(parts)


def ratio(results, row, ours, other):
    figure = next(iter(row.shown))
    a = results.median(row.name, figure, ours)
    b = results.median(row.name, figure, other)
    if not a or not b:
        return ""
    return f"{(a / b if row.more_is_better else b / a):.1f}x"


def markdown(results, rows, targets, machine):
    names = [t.name for t in targets]
    peers = [t.name for t in targets if t.kind == "peer"]
    lines = ["# Benchmark", "", machine, ""]
    header = ["figure", *names, *[f"vs {p}" for p in peers]]
    lines += ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for row in rows:
        if row.name not in results.samples:
            continue
        cells = [row.title, *[cell(results, row, n) for n in names]]
        cells += [ratio(results, row, "kernelgw", p) for p in peers]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "vs: how many times better kernelgw is. mock: the client's own ceiling. "
              "Medians over all rounds; lost, twice and out of order are counts of messages.", ""]
    aims = check(results)
    if aims:
        lines += ["| aim | reached |", "|---|---|"]
        lines += [f"| {text} | {'yes' if ok else '**no**'} |" for text, ok in aims]
        lines.append("")
    if results.errors:
        lines += ["Failures:", ""] + [f"- {e}" for e in results.errors] + [""]
    return "\n".join(lines)


def check(results):
    out = []
    for row, text, test in AIMS:
        if not any(name.startswith("kernelgw") for name in results.samples.get(row, {})):
            continue
        try:
            out.append((text, bool(test(lambda r, f, t="kernelgw": results.median(r, f, t)))))
        except TypeError:  # a figure that the comparison needs is missing
            out.append((text, False))
    return out
