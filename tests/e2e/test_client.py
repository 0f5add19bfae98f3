"""The browser client's files as the server gives them: what may be kept, what is packed, what may run in the page."""
import gzip
import re

import pytest

from support.servers import client_dir, new_directory, remove

pytestmark = pytest.mark.kgw

FIRST_LOAD_BYTES = 350_000


def raw(server, path, **headers):
    """Bytes as sent: requests would unpack them."""
    r = server.rest("GET", path, auth=False, headers={"Accept-Encoding": "identity", **headers}, stream=True)
    r.body = r.raw.read(decode_content=False)
    return r


def first_load(server):
    """The page and what it names, before any file is opened: assets of script, style and modulepreload."""
    page = raw(server, "/").body.decode()
    return ["/", *("/" + ref.removeprefix("./") for ref in re.findall(r'(?:src|href)="(\./[^"]+)"', page))]


def test_the_page_is_asked_for_anew_and_runs_no_script_but_its_own(server):
    r = raw(server, "/")
    assert r.status_code == 200 and r.headers["content-type"] == "text/html; charset=utf-8"
    assert r.headers["cache-control"] == "no-cache"
    policy = dict(part.strip().split(" ", 1) for part in r.headers["content-security-policy"].split(";"))
    assert policy["script-src"] == "'self'" and policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
    assert not re.search(rb"<script(?![^>]* src=)", r.body), "an inline script"
    assert server.token.encode() not in r.body
    again = raw(server, "/", **{"If-None-Match": r.headers["etag"]})
    assert again.status_code == 304 and again.body == b""


def test_hashed_assets_are_kept_for_ever_and_come_packed_as_asked(server):
    script = next(path for path in first_load(server) if path.endswith(".js"))
    plain = raw(server, script)
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in plain.headers["cache-control"] and "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    packed = raw(server, script, **{"Accept-Encoding": "gzip, deflate"})
    assert packed.headers["content-encoding"] == "gzip" and gzip.decompress(packed.body) == plain.body
    small = raw(server, script, **{"Accept-Encoding": "gzip, deflate, br"})
    assert small.headers["content-encoding"] == "br" and len(small.body) < len(packed.body)
    refused = raw(server, script, **{"Accept-Encoding": "br;q=0, gzip;q=0.0"})
    assert "content-encoding" not in refused.headers and refused.body == plain.body
    assert len({plain.headers["etag"], packed.headers["etag"], small.headers["etag"]}) == 3
    assert raw(server, script, **{"Accept-Encoding": "br", "If-None-Match": small.headers["etag"]}).status_code == 304


def test_head_says_what_get_would_send(server):
    script = next(path for path in first_load(server) if path.endswith(".js"))
    got = raw(server, script, **{"Accept-Encoding": "br"})
    head = server.rest("HEAD", script, auth=False, headers={"Accept-Encoding": "br"})
    assert head.status_code == 200 and head.content == b""
    for name in ("content-length", "content-type", "content-encoding", "etag"):
        assert head.headers[name] == got.headers[name]


def test_first_load_is_small(server):
    sizes = {path: len(raw(server, path, **{"Accept-Encoding": "gzip"}).body) for path in first_load(server)}
    assert len(sizes) >= 3, sizes
    assert sum(sizes.values()) < FIRST_LOAD_BYTES, sizes


def test_the_frame_for_others_html_has_a_policy_of_its_own(server):
    policy = raw(server, "/sandbox.html").headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts;") and "connect-src 'none'" in policy and "allow-same-origin" not in policy


@pytest.mark.parametrize("path", ("/assets/none.js", "/assets/..%2findex.html", "/assets/%2e%2e/index.html", "/assets/..%5cindex.html",
                                  "/assets/%00", "/assets//etc/passwd", "/assets/index.html.gz", "/compress.js", "/assets/"))
def test_nothing_but_the_clients_files_is_there(server, path):
    r = raw(server, path)
    assert r.status_code in (403, 404), (r.status_code, r.body[:100])
    assert b"root:" not in r.body


def test_packed_files_have_no_names_of_their_own(server):
    packed = next(client_dir().glob("assets/*.js.gz"))
    assert raw(server, f"/assets/{packed.name}").status_code == 404


def test_the_token_in_the_address_becomes_a_cookie(server):
    r = server.rest("GET", f"/?token={server.token}", auth=False, headers={"Accept": "text/html"})
    cookie = r.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and server.token not in cookie
    assert "set-cookie" not in server.rest("GET", "/?token=wrong", auth=False, headers={"Accept": "text/html"}).headers


def test_another_folder_may_be_served(make_server):
    folder = new_directory()
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<p>mine</p>")
    mine = make_server("--client", str(folder)).server
    assert raw(mine, "/").body == b"<p>mine</p>"
    assert raw(mine, "/icon.svg").status_code == 404
    remove(folder)


def test_a_server_without_a_client_says_so(make_server):
    mine = make_server("--client", "").server
    r = raw(mine, "/")
    assert r.status_code == 404 and b"--client" in r.body
    assert mine.get("/api/status").status_code == 200
