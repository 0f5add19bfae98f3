"""Other people's clients in processes of their own (tests/e2e/clients), pointed at a server by the environment."""
import pathlib
import subprocess
import sys

from . import languages, servers

FOLDER = languages.ROOT / "tests" / "e2e" / "clients"


def gateway_env(server, home):
    """Variables that point jupyter_server's gateway client to the server. Its kernel client sets no header on its
    WebSocket, so the token stands in the path."""
    prefix = f"/t/{server.token}" if server.token else ""
    return {
        **servers.clean_env(), "HOME": str(home),
        "JUPYTER_GATEWAY_URL": server.url, "JUPYTER_GATEWAY_AUTH_TOKEN": server.token,
        "JUPYTER_GATEWAY_WS_URL": server.ws_url + prefix, "JUPYTER_PLATFORM_DIRS": "1",
        "IPYTHONDIR": str(home), "JUPYTER_RUNTIME_DIR": str(home),
    }


def environment(name):
    """The interpreter of an environment of a client's own (requirements-NAME.txt), made when first asked for."""
    venv = subprocess.check_output([FOLDER.parents[1] / "venv.sh", name, FOLDER / f"requirements-{name}.txt"], text=True)
    return venv.strip() + "/bin/python"


def call(script, *args, env, timeout=100, python=sys.executable):
    return subprocess.run([python, str(FOLDER / script), *map(str, args)], env=env, timeout=timeout, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=pathlib.Path(env["HOME"]))
