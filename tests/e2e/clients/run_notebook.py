"""Runs a notebook by nbclient or papermill through the server that JUPYTER_GATEWAY_URL names: run_notebook.py HOW IN OUT"""
import sys

import nbclient
import nbformat
import papermill

MANAGER = "jupyter_server.gateway.managers.GatewayKernelManager"
how, source, target = sys.argv[1:]
if how == "papermill":
    papermill.execute_notebook(source, target, parameters={"n": 7}, kernel_manager_class=MANAGER, progress_bar=False)
else:
    notebook = nbformat.read(source, as_version=4)
    client = nbclient.NotebookClient(notebook, kernel_manager_class=MANAGER, timeout=90, record_timing=False)
    # this manager starts python3 where the start itself names no kernel
    client.execute(kernel_name=notebook.metadata.kernelspec.name)
    nbformat.write(notebook, target)
