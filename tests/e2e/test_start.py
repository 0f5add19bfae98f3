"""The program itself: its options, what it refuses to start as, and where."""
import json
import os
import re
import subprocess

import pytest

from support import servers

pytestmark = pytest.mark.kgw
RUNTIMES = os.environ.get("KERNELGW_E2E_RUNTIMES", servers.ROOT / "runtimes")


def kernelgw(*options, env=None, as_root=False):
    user = [] if as_root else servers.as_gateway_user()
    return subprocess.run([*user, servers.binary("kernelgw"), *map(str, options)], env={**servers.clean_env(), **(env or {})},
                          timeout=30, text=True, capture_output=True)


def test_help_names_every_setting():
    told = kernelgw("--help")
    assert told.returncode == 0 and told.stderr == ""
    settings = set(json.loads(kernelgw("--print-config").stdout))
    assert settings <= set(re.findall(r"^  --([a-z-]+)", told.stdout, re.M)) and "port" in settings


def test_settings_come_from_file_environment_and_flags(tmp_path):
    """Each before the one in front of it; and the token is shown nowhere."""
    path = tmp_path / "kernelgw.json"
    path.write_text(json.dumps({"port": 1001, "max-runs": 11, "max-kernels": 21, "anonymous": True}))
    env = {"KERNELGW_CONFIG": str(path), "KERNELGW_MAX_RUNS": "12", "KERNELGW_MAX_KERNELS": "22", "KERNELGW_TOKEN": "hidden"}
    told = kernelgw("--print-config", "--max-kernels=23", env=env, as_root=True)  # who may read the file
    assert told.returncode == 0, told.stderr
    config = json.loads(told.stdout)
    assert (config["port"], config["max-runs"], config["max-kernels"], config["anonymous"]) == (1001, 12, 23, True)
    assert "hidden" not in told.stdout + told.stderr


@pytest.mark.parametrize("options,words", [
    (["--nonesuch"], "--nonesuch"), (["--port", "99999"], "port"), (["--port"], "--port needs a value"), (["serve"], "serve"),
    (["--config", "/nonexistent.json"], "/nonexistent.json"), (["--token", "a b"], "token"), (["--log-level", "loud"], "loud"),
])
def test_bad_settings_are_named(options, words):
    told = kernelgw(*options)
    assert told.returncode == 2 and words in told.stderr and told.stdout == ""
    assert len(told.stderr.splitlines()) == 1, told.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start it as root")
def test_as_root_it_does_not_face_the_network(tmp_path):
    told = kernelgw("--port", 0, "--run-dir", tmp_path, as_root=True)
    assert told.returncode == 1 and "root" in told.stderr and "--allow-root" in told.stderr and told.stdout == ""


def test_a_port_that_is_taken_is_named(server):
    directory = servers.new_directory()
    told = kernelgw("--port", server.port, "--run-dir", directory, "--runtimes", RUNTIMES)
    servers.remove(directory)
    assert told.returncode == 1 and f"{server.port}" in told.stderr and "in use" in told.stderr


def test_a_second_server_in_the_same_place_is_refused(server, boxd, kernel):
    """It would take the first one's boxes for left-overs and end them."""
    options = ["--boxd", boxd.socket] if boxd else ["--engine", "process", "--agent", servers.binary("kernelgw-agent")]
    told = kernelgw("--port", 0, "--run-dir", server.directory / "gw", *options, "--runtimes", RUNTIMES)
    assert told.returncode == 1 and "another server" in told.stderr and told.stdout == ""
    with server.channels(kernel) as c:
        assert c.execute("1").result == "1"


def test_every_option_is_in_the_papers_and_none_that_is_not():
    """docs/OPERATIONS.md against what the programs themselves say; setup.sh's own options are in its head."""
    paper = (servers.ROOT / "docs" / "OPERATIONS.md").read_text()
    helps = {name: subprocess.run([servers.binary(name), "--help"], capture_output=True, text=True, check=True).stdout
             for name in ("kernelgw", "kernelgw-boxd")}
    theirs = {name: set(re.findall(r"^  (--[a-z-]+)", text, re.M)) for name, text in helps.items()}
    written = set(re.findall(r"`[^`\n]*?(--[a-z-]+)", paper))
    assert len(theirs["kernelgw"]) > 40 and len(theirs["kernelgw-boxd"]) > 8
    assert not theirs["kernelgw"] - set(re.findall("--[a-z-]+", paper)), "not in docs/OPERATIONS.md"
    known = theirs["kernelgw"] | theirs["kernelgw-boxd"] | {"--languages", "--long"} | {"--existing", "--gateway-url"}  # the last two are Jupyter's
    assert not written - known, "in docs/OPERATIONS.md alone"


def test_without_boxes_it_says_so_and_log_lines_can_be_json():
    directory = servers.new_directory()
    server = servers.start_kernelgw(directory, "process", options=["--log-json", "--log-level", "debug"])
    try:
        server.delete(f"/api/kernels/{server.start_kernel(name='python3')}")
        server.get("/api/kernels/no%0A%22such%22%1b")
    finally:
        server.stop()
    lines = [json.loads(line) for line in (directory / "kernelgw.log").read_text().splitlines()]
    servers.remove(directory)
    assert {tuple(line) for line in lines} == {("time", "level", "room", "event", "detail")}
    assert [line["level"] for line in lines if "NO ISOLATION" in line["event"]] == ["warn"], "loud, and once"
    assert {"start", "delete"} <= {line["event"] for line in lines if line["room"] == "kernel"}
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"]) for line in lines)


def test_the_agent_needs_nothing_of_an_image():
    """Any image can be a box: the agent in it asks for no loader and no library."""
    told = subprocess.run(["readelf", "--wide", "--program-headers", "--dynamic", servers.binary("kernelgw-agent")],
                          capture_output=True, text=True, check=True).stdout
    assert "LOAD" in told and "INTERP" not in told and "NEEDED" not in told
