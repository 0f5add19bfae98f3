"""The same server behind a certificate of its own: REST, WebSocket, programs, and a cookie that stays within TLS."""
import subprocess

import pytest

from support import servers

pytestmark = pytest.mark.kgw


def test_over_tls(make_server):
    directory = servers.new_directory()
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=kernelgw", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    key.chmod(0o644)  # the server is not root
    server = make_server("--tls-cert", cert, "--tls-key", key).server
    server.http.verify = str(cert)
    assert server.url.startswith("https://")
    page = server.get(f"/?token={server.token}", auth=False, headers={"Accept": "text/html"})
    assert "secure" in [part.strip().lower() for part in page.headers["Set-Cookie"].split(";")]
    kernel_id = server.start_kernel(name="python3")
    with server.channels(kernel_id) as c:
        assert c.execute("print('x' * 3_000_000)").stdout == "x" * 3_000_000 + "\n"
    server.delete(f"/api/kernels/{kernel_id}")
    servers.remove(directory)
