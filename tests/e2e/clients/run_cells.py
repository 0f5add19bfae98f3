"""jupyter_kernel_client, unmodified: run_cells.py URL TOKEN. Prints one JSON object of what it saw."""
import json
import sys

from jupyter_kernel_client import JupyterKernelClient

url, token = sys.argv[1:]
with JupyterKernelClient(server_url=url, token=token) as kernel:
    saw = {"own": any(k["id"] == kernel.id for k in kernel.list_kernels())}
    done = kernel.execute("x = 6\nprint('said')\nx * 7")
    saw["status"], saw["count"] = done["status"], done["execution_count"]
    saw["outputs"] = [o.get("text") or o["data"]["text/plain"] for o in done["outputs"]]
    saw["error"] = [o["ename"] for o in kernel.execute("1/0")["outputs"]]
    saw["variables"] = sorted(v["name"] for v in kernel.list_variables() if v["name"] == "x")
    saw["language"] = kernel.kernel_info["language_info"]["name"]
    kernel.restart()
    saw["after restart"] = [o["ename"] for o in kernel.execute("x")["outputs"]]
    kernel.interrupt()
    saw["alive"] = kernel.is_alive()
saw["ended"] = not kernel.has_kernel
print(json.dumps(saw))
