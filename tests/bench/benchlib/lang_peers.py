"""Other people's kernels, each in an environment of its own in the cache, started by jupyter_client without any server."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from jupyter_client.manager import KernelManager

from support import clients, languages, procs

CACHE = pathlib.Path(os.environ.get("KERNELGW_CACHE", "/var/cache/kernelgw")) / "bench"
READY_S = 60

# What is installed into the peer's folder by pip or npm; `needs`: programs that must be on this machine, and `debian`, the
# packages that bring them; `links`: names that the kernel calls them by; `config`: files of its Jupyter configuration.
PEERS = {
    "python": [dict(name="ipykernel 7.4", pip=["ipykernel==7.4.0"], spec="python3"),
               dict(name="xeus-python 0.19", pip=["xeus-python==0.19.0"], spec="xpython")],
    "javascript": [dict(name="tslab 1.0.22", npm=["tslab@1.0.22", "@types/node@20"], needs=["node", "npm"], debian="nodejs npm",
                        argv=["node", "{folder}/node_modules/tslab/bin/tslab", "kernel", "--config-path={connection_file}", "--js"])],
    "java": [dict(name="JJava 1.0a8", pip=["jjava==1.0a8"], spec="java", needs=["java"], debian="openjdk-17-jdk-headless")],
    "cpp": [dict(name="clang-repl kernel 1.0.4", pip=["clang-repl==1.0.4"], spec="clang_repl",
                 needs=["clang-repl-19"], debian="clang-tools-19", links={"clang-repl": "clang-repl-19"})],
    "sql": [dict(name="mariadb_kernel 0.2", pip=["mariadb-kernel==0.2.0", "mycli==1.24.4", "pandas==2.2.3"], install=["mariadb_kernel.install"],
                 spec="mariadb_kernel", needs=["mariadbd", "mariadb", "mariadb-install-db"], debian="mariadb-server-core mariadb-client-core",
                 links={"mysqld": "mariadbd", "mysql": "mariadb", "mysql_install_db": "mariadb-install-db"},
                 config={"mariadb_config.json": {"extra_server_config": ["--no-defaults", "--skip_log_error", "--user=root"]}})],
    "bash": [dict(name="bash_kernel 0.10", pip=["bash_kernel==0.10.0"], install=["bash_kernel.install"], spec="bash")],
}


def tool(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def of(language, notes):
    """The peers that can run here; of the others, a note says why not."""
    found = []
    for wanted in PEERS.get(language, []):
        missing = [name for name in wanted.get("needs", []) if not tool(name)]
        if missing:
            notes.append(f"{wanted['name']}: not measured, this machine has no {', '.join(missing)} (apt-get install {wanted['debian']})")
            continue
        peer = Peer(language, wanted)
        try:
            peer.install()
        except (subprocess.CalledProcessError, RuntimeError) as e:
            notes.append(f"{peer.name}: can't be installed: {str(getattr(e, 'stderr', '') or e)[-300:]}")
            continue
        found.append(peer)
    return found


class Peer:
    def __init__(self, language, wanted):
        self.language, self.wanted, self.name = language, wanted, wanted["name"]
        self.folder = CACHE / ("kernel-" + re.sub(r"[^a-z0-9]+", "-", self.name.lower()))
        self.samples = languages.samples(language)
        self.cell = self.samples.PRINT.replace("TEXT", self.samples.QUOTE("hello"))

    def install(self):
        stamp = self.folder / "installed.json"
        if stamp.exists() and json.loads(stamp.read_text()) == self.wanted:
            return
        print(f"installing {self.name} into {self.folder}", flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        quiet = dict(check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if "npm" in self.wanted:
            self.folder.mkdir(parents=True)
            subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", self.folder,
                            *self.wanted["npm"]], **quiet)
        else:
            base = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
            subprocess.run([base, "-m", "venv", self.folder], **quiet)
            python = self.folder / "bin" / "python"
            subprocess.run([python, "-m", "pip", "-q", "install", "--disable-pip-version-check", "setuptools<81",
                            *self.wanted["pip"]], **quiet)
            for module in self.wanted.get("install", []):
                subprocess.run([python, "-m", module, "--sys-prefix"], **quiet, env=self.env())
        for name, target in self.wanted.get("links", {}).items():
            (self.folder / "bin" / name).symlink_to(tool(target))
        for name, content in self.wanted.get("config", {}).items():
            (self.folder / "etc").mkdir(exist_ok=True)
            (self.folder / "etc" / name).write_text(json.dumps(content))
        if "argv" in self.wanted:
            spec = self.folder / "share/jupyter/kernels/peer"
            spec.mkdir(parents=True)
            argv = [part.replace("{folder}", str(self.folder)) for part in self.wanted["argv"]]
            (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": self.name, "language": self.language}))
        for path in self.folder.glob("share/jupyter/kernels/*/kernel.json"):
            spec = json.loads(path.read_text())
            if spec["argv"][0] == "python":  # jupyter_client would take its own
                spec["argv"][0] = str(self.folder / "bin" / "python")
                path.write_text(json.dumps(spec))
        stamp.write_text(json.dumps(self.wanted))

    def env(self):
        return {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                "JUPYTER_PATH": str(self.folder / "share/jupyter"), "JUPYTER_CONFIG_DIR": str(self.folder / "etc")}

    def size(self):
        """Of its own folder; the language itself is the machine's."""
        total = sum(p.lstat().st_size for p in self.folder.rglob("*") if p.is_file() and not p.is_symlink())
        return f"+{total / 1e6:.0f}"

    def measure(self, found, scratch, last):
        os.environ["JUPYTER_PATH"] = str(self.folder / "share/jupyter")
        os.environ.setdefault("JUPYTER_RUNTIME_DIR", tempfile.mkdtemp())
        manager = KernelManager(kernel_name=self.wanted.get("spec", "peer"))
        began = time.monotonic()
        manager.start_kernel(env=self.env(), cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        client = manager.client()
        try:
            client.start_channels()
            client.wait_for_ready(timeout=READY_S)
            found["start"].append((time.monotonic() - began) * 1000)
            time.sleep(1)  # some go on starting after their first answer
            pid = manager.provisioner.process.pid
            tree = [pid, *descendants(pid)]
            found["start_cpu"].append(sum(map(cpu_ms, tree)))
            found["idle"].append(sum(map(own_mb, tree)))
            for key in ("first", "next"):
                began = time.monotonic()
                reply = client.execute_interactive(self.cell, timeout=READY_S, output_hook=lambda m: None)
                assert reply["content"]["status"] == "ok", reply["content"]
                found[key].append((time.monotonic() - began) * 1000)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
        if last:
            found["kernel_test"] = [self.kernel_test(scratch)]

    def kernel_test(self, scratch):
        script = ("import sys, unittest, jupyter_kernel_test as t\nfrom support import languages\n"
                  "samples = dict(languages.samples(sys.argv[1]).KERNEL_TESTS, kernel_name=sys.argv[2], language_name='')\n"
                  "for ours in ('code_display_data', 'code_clear_output', 'file_extension'): samples.pop(ours, None)\n"
                  "case = type('K', (t.KernelTests,), samples)\n"
                  "r = unittest.TextTestRunner(stream=sys.stdout).run(unittest.TestLoader().loadTestsFromTestCase(case))\n"
                  "failed = {str(x[0]).split()[0] for x in r.failures + r.errors}\n"
                  "print(f'RAN {r.testsRun} FAILED {len(failed)} SKIPPED {len(r.skipped)}')\n")
        child = subprocess.Popen([sys.executable, "-c", script, self.language, self.wanted.get("spec", "peer")], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=scratch, start_new_session=True,
                                 env={**self.env(), "PYTHONPATH": str(languages.ROOT / "tests")})
        try:
            return outcome(child.communicate(timeout=240)[0])
        except subprocess.TimeoutExpired:
            return "hangs"
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)  # with the kernels that a failure leaves
            except ProcessLookupError:
                pass
            child.wait()


def outcome(text):
    told = re.findall(r"RAN (\d+) FAILED (\d+) SKIPPED (\d+)", text)
    if not told:
        return "does not run"
    ran, failed, skipped = map(int, told[-1])
    return f"{ran - failed} of {ran}" + (f", {skipped} parts skipped" if skipped else "")


def kernel_test(server, language):
    with tempfile.TemporaryDirectory() as home:
        done = clients.call("run_kernel_tests.py", language, env=clients.gateway_env(server, home), timeout=240)
    return outcome(done.stdout)


def descendants(pid):
    return [child for child in procs.pids() if child != pid and is_below(child, pid)]


def is_below(child, pid):
    try:
        while child > 1:
            child = procs.parent(child)
            if child == pid:
                return True
    except (IndexError, FileNotFoundError):
        pass
    return False


def own_mb(pid):
    """Memory that no file stands for."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(re.search(r"Pss_Anon:\s+(\d+)", text).group(1)) / 1e3


def cpu_ms(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15])) * 1000 / os.sysconf("SC_CLK_TCK")
