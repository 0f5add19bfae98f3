"""Programs of one session in two languages each: a server and its client, in consoles of their own, by localhost and by name."""
import pytest

from support import languages
from support.runs import Run

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

JAVA_SERVER = """
import java.io.*; import java.net.*;
public class Server {
    public static void main(String[] args) throws Exception {
        try (ServerSocket server = new ServerSocket(5000)) {
            System.out.println("listening");
            for (int i = 0; i < 2; i++) {
                try (Socket s = server.accept();
                     BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
                     PrintWriter out = new PrintWriter(s.getOutputStream(), true)) {
                    String line = in.readLine();
                    System.out.println("heard " + line);
                    out.println("hello " + line);
                }
            }
        }
    }
}
"""
JAVA_CLIENT = """
import java.io.*; import java.net.*;
public class Client {
    public static void main(String[] args) throws Exception {
        for (String host : args) {
            try (Socket s = new Socket(host, 5000);
                 BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
                 PrintWriter out = new PrintWriter(s.getOutputStream(), true)) {
                out.println(host);
                System.out.println(in.readLine());
            }
        }
    }
}
"""
PYTHON_SERVER = """
import socket
server = socket.create_server(("127.0.0.1", 5000))
print("listening", flush=True)
for _ in range(2):
    with server.accept()[0] as c, c.makefile("rw") as f:
        line = f.readline().strip()
        print("heard", line, flush=True)
        f.write(f"hello {line}\\n")
"""
NODE_CLIENT = """
const net = require("net");
const ask = (host) => new Promise((done, failed) => {
  const socket = net.connect(5000, host, () => socket.write(host + "\\n"));
  let text = "";
  socket.on("data", (piece) => (text += piece)).on("end", () => done(text.trim())).on("error", failed);
});
(async () => { for (const host of process.argv.slice(2)) console.log(await ask(host)); })();
"""


@pytest.fixture(scope="module")
def polyglot(made_of):
    made = made_of("--languages", "python,javascript,java", "--stock-kernels", "0", "--stock-boxes", "1")
    yield made.server
    made.stop()


@pytest.mark.parametrize("server_of, client_of", [
    (("java", "src/Server.java", JAVA_SERVER), ("java", "src/Client.java", JAVA_CLIENT)),
    (("python", "server.py", PYTHON_SERVER), ("javascript", "client.js", NODE_CLIENT)),
], ids=["java-java", "python-javascript"])
def test_a_server_and_its_client_talk_by_localhost_and_by_name(polyglot, server_of, client_of):
    for language in (server_of[0], client_of[0]):
        if language not in languages.offered():
            pytest.skip(f"{language} was not set up")
    session = {"session": f"pair-{server_of[0]}-{client_of[0]}", "network": "session"}
    language, entry, code = server_of
    serving = Run(polyglot, code, entry=entry, language=language, limits={"wall_s": 120}, **session)
    serving.wait_output("listening", 60)
    name = entry.split("/")[-1].split(".")[0]
    language, entry, code = client_of
    asking = Run(polyglot, code, entry=entry, language=language, args=["localhost", name], limits={"wall_s": 60}, **session)
    assert asking.wait(90)["exit_code"] == 0, asking.output()
    assert asking.output("stdout") == f"hello localhost\nhello {name}\n"
    assert serving.wait(30)["exit_code"] == 0, serving.output()
    assert serving.output("stdout") == f"listening\nheard localhost\nheard {name}\n"
    assert polyglot.delete(f"/api/workspaces/{session['session']}").status_code == 204
