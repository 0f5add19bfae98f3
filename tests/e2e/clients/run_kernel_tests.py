"""
Jupyter's own conformance tests for kernels, jupyter_kernel_test, run through a server: its kernel manager is replaced by
the one of jupyter_server that `--gateway-url` uses. The server is named by JUPYTER_GATEWAY_URL and its kin.
"""
import inspect
import sys
import unittest

import jupyter_kernel_test
from jupyter_client.utils import run_sync
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.gateway.managers import GatewayKernelManager


class Sync:
    """The asynchronous client with the blocking methods that jupyter_kernel_test calls."""

    def __init__(self, inner):
        object.__setattr__(self, "_inner", inner)

    def __getattr__(self, name):
        value = getattr(self._inner, name)
        return run_sync(value) if inspect.iscoroutinefunction(value) else value

    def __setattr__(self, name, value):
        setattr(self._inner, name, value)


class PythonThroughGateway(jupyter_kernel_test.KernelTests):
    kernel_name = "python3"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    code_generate_error = "raise Exception"
    code_page_something = "zip?"
    code_inspect_sample = "zip"
    completion_samples = [{"text": "zi", "matches": {"zip"}}]
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"]
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]
    invalid_code_samples = ["import = 7q"]
    code_execute_result = [{"code": "1+2+3", "result": "6"}, {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"}]
    code_display_data = [
        {"code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))", "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('\\\\frac{1}{2}'))", "mime": "text/latex"},
    ]
    code_history_pattern = "1?2*"
    # "range" fails against ipykernel itself, without any server between.
    supported_history_operations = ("tail", "search")
    code_clear_output = "from IPython.display import clear_output; clear_output()"

    @classmethod
    def setUpClass(cls):
        cls.manager = GatewayKernelManager(kernel_name=cls.kernel_name)
        run_sync(cls.manager.start_kernel)(kernel_id=None)
        client = cls.manager.client()
        run_sync(client.start_channels)()
        run_sync(client.wait_for_ready)(timeout=60)
        client.allow_stdin = True
        cls.km, cls.kc = Sync(cls.manager), Sync(client)

    @classmethod
    def tearDownClass(cls):
        cls.kc.stop_channels()
        run_sync(cls.manager.shutdown_kernel)(now=True)


if __name__ == "__main__":
    assert GatewayClient.instance().gateway_enabled
    result = unittest.main(argv=["run_kernel_tests", "-v"], exit=False, verbosity=2).result
    print(f"RAN {result.testsRun} FAILED {len(result.failures) + len(result.errors)} SKIPPED {len(result.skipped)}")
    sys.exit(not result.wasSuccessful())
