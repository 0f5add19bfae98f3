"""Uses a kernel by its connection file as Jupyter's own local clients do, and prints what came as JSON: connected.py FILE"""
import json
import sys

from jupyter_client import BlockingKernelClient

client = BlockingKernelClient()
client.load_connection_file(sys.argv[1])
client.start_channels()
client.wait_for_ready(timeout=60)


def run(code, answer=None):
    """Its reply's status, and the outputs; answer: to what it asks."""
    outputs = []

    def asked(message):
        outputs.append({"asked": message["content"]["prompt"]})
        client.input(answer)

    reply = client.execute_interactive(code, timeout=60, allow_stdin=answer is not None, stdin_hook=asked, output_hook=lambda m: (
        outputs.append({"type": m["msg_type"], **{k: v for k, v in m["content"].items() if k in ("text", "data", "ename")}})))
    return reply["content"]["status"], outputs


def text(outputs):
    return "".join(o.get("text", "") for o in outputs)


print(json.dumps({
    "hello": run("print('hello'); state = 'set by connected'"),
    "input": run("print('got', input('name? '))", "ada"),
    "error": run("1 / 0"),
    "many": text(run("for i in range(20000): print(i)")[1]) == "".join(f"{i}\n" for i in range(20000)),
    "large": len(text(run("print('x' * 5_000_000)")[1])),
    "complete": client.complete("import jso", reply=True, timeout=60)["content"]["matches"],
    "inspect": client.inspect("len", reply=True, timeout=60)["content"]["found"],
    "history": [h[2] for h in client.history(hist_access_type="tail", n=1, reply=True, timeout=60)["content"]["history"]],
    "alive": client.hb_channel.is_beating(),
}))
client.stop_channels()
