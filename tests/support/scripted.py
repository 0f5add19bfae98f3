"""
A small evaluator (docs/EVALUATORS.md) for the tests: cells are Python. Beside Python's own they find display, update, clear,
input, password and raw(line), which writes any line to the agent.
"""
import ast
import json
import os
import signal
import sys
import threading
import traceback

VARIABLES = {"__name__": "__main__"}
sends, reads = os.fdopen(3, "wb", buffering=0), os.fdopen(4, "rb")
os.set_inheritable(3, False)
os.set_inheritable(4, False)
lock = threading.Lock()
busy = False


class Waiting(Exception):
    pass


def say(**event):
    sys.stdout.flush()
    sys.stderr.flush()
    raw(json.dumps(event))


def raw(line):
    with lock:
        data = line.encode() + b"\n"
        while data:
            data = data[sends.write(data):]


def wait_for(op):
    while True:
        line = reads.readline()
        if not line:
            os._exit(0)
        message = json.loads(line)
        if message["op"] == op:
            return message


def display(data, metadata=None, display_id=None, update=False):
    if isinstance(data, str):
        data = {"text/plain": data}
    say(event="display", data=data, metadata=metadata or {}, update=update,
        **({"display_id": display_id} if display_id else {}))
    wait_for("ack")


def update(data, display_id):
    display(data, display_id=display_id, update=True)


def clear(wait=False):
    say(event="clear", wait=wait)
    wait_for("ack")


def ask(prompt="", password=False):
    say(event="input", prompt=prompt, password=password)
    value = wait_for("input")["value"]
    if value is None:
        raise EOFError("stdin is not allowed")
    return value


def password(prompt=""):
    return ask(prompt, True)


VARIABLES.update(display=display, update=update, clear=clear, input=ask, password=password, raw=raw, say=say)


def error(e):
    lines = traceback.format_exception(type(e), e, e.__traceback__)
    return {"status": "error", "ename": type(e).__name__, "evalue": str(e), "traceback": [lines[0].rstrip(), f"\x1b[31m{lines[-1].rstrip()}\x1b[0m"]}


def execute(code, silent, user_expressions, execution_count, **_):
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, f"<cell {execution_count}>", "exec"), VARIABLES)
    if last:
        value = eval(compile(ast.Expression(last.value), f"<cell {execution_count}>", "eval"), VARIABLES)
        if value is not None and not silent:
            say(event="result", data={"text/plain": repr(value)}, metadata={})
    values = {}
    for name, expression in user_expressions.items():
        try:
            values[name] = {"status": "ok", "data": {"text/plain": repr(eval(expression, VARIABLES))}, "metadata": {}}
        except Exception as e:  # noqa: BLE001
            values[name] = error(e)
    return {"status": "ok", "user_expressions": values}


def complete(code, cursor_pos):
    word = "".join(c if c.isidentifier() or c.isdigit() else " " for c in code[:cursor_pos]).rpartition(" ")[2]
    return {"status": "ok", "matches": sorted(n for n in VARIABLES if n.startswith(word) and word), "cursor_start": cursor_pos - len(word),
            "cursor_end": cursor_pos, "metadata": {}}


def inspect(code, cursor_pos, detail_level):
    found = code in VARIABLES
    return {"status": "ok", "found": found, "data": {"text/plain": f"{VARIABLES[code]!r} {cursor_pos} {detail_level}"} if found else {},
            "metadata": {}}


def is_complete(code):
    if code.endswith(":"):
        return {"status": "incomplete", "indent": "    "}
    try:
        ast.parse(code)
        return {"status": "complete"}
    except SyntaxError:
        return {"status": "invalid"}


def configure(env=None, cwd=None):
    os.environ.update(env or {})
    if cwd:
        os.chdir(cwd)
    return {"status": "ok"}


def main():
    global busy

    def on_interrupt(*_):
        if busy:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, on_interrupt)
    if "--noise" in sys.argv:
        print("a noisy start", flush=True)
    if "--fail" in sys.argv and os.path.exists(sys.argv[-1]):
        sys.exit("nothing works any more")
    say(event="ready", implementation="scripted", implementation_version="1.0", banner="Scripted",
        language_info={"name": "python", "version": "3", "mimetype": "text/x-python", "file_extension": ".py"},
        help=True, unknown={"x": 1})
    ops = {"execute": execute, "complete": complete, "inspect": inspect, "is_complete": is_complete, "configure": configure}
    while True:
        line = reads.readline()
        if not line:
            return
        request = json.loads(line)
        op, number = request.pop("op"), request.pop("id", None)
        if op in ("ack", "input"):
            continue
        try:
            busy = True
            reply = ops[op](**request) if op in ops else {"status": "error", "ename": "Unknown", "evalue": op, "traceback": []}
            busy = False
        except SystemExit as e:
            sys.stdout.flush()
            os._exit(e.code or 0)
        except BaseException as e:  # noqa: BLE001
            busy = False
            reply = error(e)
        say(reply=number, **reply)


main()
