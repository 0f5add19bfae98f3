"""
Jupyter's own conformance tests for kernels, jupyter_kernel_test, run through a server: its kernel manager is replaced by
the one of jupyter_server that `--gateway-url` uses. The server is named by JUPYTER_GATEWAY_URL and its kin, the language
by its module in tests/samples: run_kernel_tests.py LANGUAGE
"""
import inspect
import pathlib
import sys
import unittest

import jupyter_kernel_test
from jupyter_client.utils import run_sync
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.gateway.managers import GatewayKernelManager

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from support import languages  # noqa: E402


class Sync:
    """The asynchronous client with the blocking methods that jupyter_kernel_test calls."""

    def __init__(self, inner):
        object.__setattr__(self, "_inner", inner)

    def __getattr__(self, name):
        value = getattr(self._inner, name)
        return run_sync(value) if inspect.iscoroutinefunction(value) else value

    def __setattr__(self, name, value):
        setattr(self._inner, name, value)


class ThroughGateway:
    @classmethod
    def setUpClass(cls):
        cls.manager = GatewayKernelManager(kernel_name=cls.kernel_name)
        run_sync(cls.manager.start_kernel)(kernel_id=None, kernel_name=cls.kernel_name)  # the manager's own is ignored
        # the client's wait asks the base class's way, which knows nothing of kernels behind a gateway
        cls.manager._async_is_alive = cls.manager.is_alive
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
    samples = languages.samples(sys.argv[1])
    tests = type("KernelTests", (ThroughGateway, jupyter_kernel_test.KernelTests), samples.KERNEL_TESTS)
    suite = unittest.TestLoader().loadTestsFromTestCase(tests)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    print(f"RAN {result.testsRun} FAILED {len(result.failures) + len(result.errors)} SKIPPED {len(result.skipped)}")
    sys.exit(not result.wasSuccessful())
