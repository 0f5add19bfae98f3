"""
Runs a notebook by nbclient or papermill through the server that JUPYTER_GATEWAY_URL names:

    run_notebook.py nbclient IN OUT
    run_notebook.py nbclient-allow IN OUT              goes on after errors
    run_notebook.py papermill IN OUT [NAME=VALUE...]   VALUE as JSON
"""
import json
import sys

import nbclient
import nbformat
import papermill
from jupyter_server.gateway.managers import GatewayKernelManager

# Clients that wait for a kernel ask this of the base class, which knows no gateway and fails when a start takes a second.
GatewayKernelManager._async_is_alive = GatewayKernelManager.is_alive
MANAGER = "jupyter_server.gateway.managers.GatewayKernelManager"
how, source, target, *words = sys.argv[1:]
if how == "papermill":
    parameters = {name: json.loads(value) for name, value in (word.split("=", 1) for word in words)}
    papermill.execute_notebook(source, target, parameters=parameters, kernel_manager_class=MANAGER, progress_bar=False)
else:
    notebook = nbformat.read(source, as_version=4)
    client = nbclient.NotebookClient(notebook, kernel_manager_class=MANAGER, timeout=90,
                                     allow_errors=how == "nbclient-allow")
    # this manager starts python3 where the start itself names no kernel
    client.execute(kernel_name=notebook.metadata.kernelspec.name)
    nbformat.write(notebook, target)
