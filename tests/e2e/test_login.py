"""
What a browser meets: the form for the token, the cookies, what a cookie may do, and a server behind a proxy's path. The parts that Jupyter
Server has are asked of both (`KERNELGW_E2E_SERVER=jupyter_server`).
"""
import http.cookies
import re
import urllib.parse

import pytest
import requests

from support.channels import Channels

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Browser:
    """A client with a cookie jar, as a front-end is one. It never shows the token by itself."""

    def __init__(self, server, base=""):
        self.server, self.base, self.session = server, base, requests.Session()
        self.session.trust_env = False

    def __getattr__(self, method):
        def call(path, **more):
            more.setdefault("allow_redirects", False)
            return self.session.request(method.upper(), self.server.url + self.base + path, timeout=30, **more)
        return call

    def cookie(self, name):
        return next((c.value for c in self.session.cookies if c.name == name), None)

    def cookies(self):
        return "; ".join(f"{c.name}={c.value}" for c in self.session.cookies)

    def form(self, path="/login"):
        page = self.get(path, headers=HTML)
        assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
        return page.text, re.search(r'name="_xsrf"[^>]*value="([^"]+)"', page.text).group(1)

    def log_in(self, token=None, path="/login", **more):
        _, xsrf = self.form(path)
        return self.post(path, data={"_xsrf": xsrf, "password": token or self.server.token}, **more)


@pytest.fixture
def browser(server):
    return Browser(server)


def test_the_form_is_filled_in(server, browser, shared_kernel):
    text, xsrf = browser.form()
    assert 'name="password"' in text and 'method="post"' in text and browser.cookie("_xsrf")
    assert browser.get("/api/kernels").status_code == 403
    r = browser.post("/login", data={"_xsrf": xsrf, "password": server.token})
    assert (r.status_code, r.headers["Location"]) == (302, "/")
    assert server.token not in str(r.headers)
    assert browser.get("/api/kernels").status_code == 200
    assert browser.get("/login").status_code == 302, "who is logged in needs no form"


@pytest.mark.parametrize("wrong", ["", "nope", "x" * 3000])
def test_a_wrong_token(browser, wrong):
    r = browser.log_in(wrong or " ", headers=HTML)
    assert r.status_code == 401 and "Invalid credentials" in r.text
    assert browser.get("/api/kernels").status_code == 403


@pytest.mark.kgw
def test_a_form_of_strange_shape(server, browser):
    _, xsrf = browser.form()
    for body in (b"", b"&&=&", b"password", b"\xff\xfe=\x00", b"password=%00", b"a=b&" * 900):
        r = browser.post("/login", data=body, headers={"X-XSRFToken": xsrf})
        assert r.status_code == 401, body
    assert browser.post("/login", data=b"x" * 5000, headers={"X-XSRFToken": xsrf}).status_code == 413
    assert browser.post("/login", data=iter([b"x"]), headers={"X-XSRFToken": xsrf}).status_code == 413, "of no length"


@pytest.mark.kgw  # the reference of these tests is started without the check, for their own convenience
def test_nobody_is_logged_in_by_another_site(server, browser):
    _, xsrf = browser.form()
    form = {"password": server.token}
    assert browser.post("/login", data=form).status_code == 403
    assert browser.post("/login", data={**form, "_xsrf": "0" * len(xsrf)}).status_code == 403
    r = browser.post("/login", data={**form, "_xsrf": xsrf}, headers={"Origin": "http://evil.example"})
    assert r.status_code in (403, 404)


def test_where_to_go_on(browser):
    r = browser.log_in(path="/login?next=%2Ffiles%2Fa%20b.txt")
    assert r.status_code == 302 and urllib.parse.unquote(r.headers["Location"]) == "/files/a b.txt"


@pytest.mark.parametrize("next_", [
    "http://evil.example/", "//evil.example/", "/\\evil.example/", "\\\\evil.example", "https:///evil.example", "javascript:alert(1)",
    "///evil.example", "/%0d%0aX:%20y", "http:evil.example"])
def test_never_to_another_site(server, browser, next_):
    r = browser.log_in(path="/login?next=" + urllib.parse.quote(next_, safe=""))
    assert r.status_code == 302
    to = urllib.parse.urlsplit(urllib.parse.urljoin(server.url + "/login", r.headers["Location"].replace("\\", "/")))
    assert to.netloc == urllib.parse.urlsplit(server.url).netloc and "\n" not in r.headers["Location"]


@pytest.mark.kgw
def test_a_hostile_next_is_no_markup(browser):
    text, _ = browser.form('/login?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E')
    assert "<script" not in text


def test_a_cookie_changes_nothing_by_itself(server, browser, shared_kernel):
    """Writes need the header that a page of another site can't know; Jupyter's front-ends send it."""
    assert browser.log_in().status_code == 302
    url = f"/api/kernels/{shared_kernel}/interrupt"
    seal = {"X-XSRFToken": browser.cookie("_xsrf")}
    if server.kind == "kernelgw":
        r = browser.post(url)
        assert r.status_code == 403 and "'_xsrf' argument missing from POST" in r.json()["message"]
        assert browser.post(url, headers={"X-XSRFToken": "0" * 32}).status_code == 403
    assert browser.post(url, headers=seal).status_code == 204
    assert browser.post(url, headers={**seal, "Origin": "http://evil.example"}).status_code in (403, 404)
    assert browser.post(url, headers={**seal, "Origin": server.url}).status_code == 204
    # The same of the WebSocket; programs send no Origin, browsers always do.
    socket = f"{server.ws_url}/api/kernels/{shared_kernel}/channels"
    with Channels(socket, headers=[f"Cookie: {browser.cookies()}"]) as c:
        assert c.request("kernel_info_request")["status"] == "ok"


def test_logout(server, browser):
    browser.log_in()
    assert browser.get("/api/kernels").status_code == 200
    r = browser.get("/logout", headers=HTML)
    assert r.status_code == 200 and "logged out" in r.text
    assert browser.get("/api/kernels").status_code == 403


@pytest.mark.parametrize("path", ["/files/x.txt", "/files/a%20b.txt?download=1"])
def test_a_person_without_a_cookie_is_asked_for_the_token(server, path):
    r = server.rest("GET", path, auth=False, headers=HTML, allow_redirects=False)
    assert r.status_code == 302 and urllib.parse.unquote(r.headers["Location"]) == "/login?next=" + path
    r = server.rest("GET", "/api/kernels", auth=False, headers=HTML, allow_redirects=False)
    assert r.status_code == 403, "programs get an error"


@pytest.mark.kgw
def test_lab(server, made_of):
    r = server.get("/lab")
    assert r.status_code == 404 and "--lab-url" in r.json()["message"]
    made = made_of("--lab-url", "http://127.0.0.1:9/user/lab", "--base-url", "/team", "--stock-kernels", "0", "--stock-boxes", "0")
    try:
        it = made.server
        for path, to in (("/lab", ""), ("/lab/tree/a%20b.ipynb?reset&token=x&y=1", "/tree/a%20b.ipynb?reset&y=1")):
            r = it.get("/team" + path, allow_redirects=False)
            assert (r.status_code, r.headers["Location"]) == (302, "http://127.0.0.1:9/user/lab" + to)
        r = it.rest("GET", "/team/lab", auth=False, headers=HTML, allow_redirects=False)
        assert (r.status_code, r.headers["Location"]) == (302, "/team/login?next=/team/lab")
        below_a_prefix(it, "/team")
    finally:
        made.stop()


def below_a_prefix(server, base):
    """Everything that names a path names it with the prefix, and nothing is served outside of it."""
    for path in ("/", "/api", "/login", "/api/kernels", "/teamx/api", "/lab"):
        assert server.get(path).status_code == 404, path
    browser = Browser(server, base)
    assert browser.get("", headers=HTML).headers["Location"] == "./team/"
    text, _ = browser.form()
    assert f'action="{base}/login' in text
    r = browser.log_in()
    assert (r.status_code, r.headers["Location"]) == (302, base + "/")
    jar = http.cookies.SimpleCookie()
    for header in r.raw.headers.getlist("Set-Cookie"):
        jar.load(header)
    assert jar and all(c["path"] == base + "/" for c in jar.values())
    for to in ("/", "/api", "/teamx/", "/team/../x"):
        assert browser.get("/login?next=" + to).headers["Location"] == base + "/"
    specs = browser.get("/api/kernelspecs").json()
    logos = [u for s in specs["kernelspecs"].values() for u in s["resources"].values()]
    assert all(u.startswith(base + "/kernelspecs/") for u in logos)
    for logo in logos:
        assert server.get(logo, auth=True).status_code == 200
    seal = {"X-XSRFToken": browser.cookie("_xsrf")}
    r = browser.post("/api/kernels", headers=seal)
    assert r.status_code == 201 and r.headers["Location"] == f"{base}/api/kernels/{r.json()['id']}"
    with Channels(f"{server.ws_url}{base}/api/kernels/{r.json()['id']}/channels", headers=[f"Cookie: {browser.cookies()}"]) as c:
        assert c.execute("6 * 7").result == "42"
    assert browser.delete(f"/api/kernels/{r.json()['id']}", headers=seal).status_code == 204
    r = browser.post("/api/sessions", headers=seal, json={
        "path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": {"name": "python3"}})
    assert r.headers["Location"] == f"{base}/api/sessions/{r.json()['id']}"
    assert browser.delete(f"/api/sessions/{r.json()['id']}", headers=seal).status_code == 204
    assert f"basePath: '{base}/'" in browser.get("/api/spec.yaml").text
    assert server.get(f"{base}/t/{server.token}/api/kernels", auth=False).status_code == 200


@pytest.mark.parametrize("path", ["/api/kernels", "/api/sessions", "/api/kernelspecs", "/api"])
def test_who_asks_again_gets_nothing_new(server, path):
    """Front-ends poll these."""
    first = server.get(path)
    tag = first.headers["Etag"]
    again = server.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"") and again.headers["Etag"] == tag
    assert server.get(path, headers={"If-None-Match": '"other"'}).json() == first.json()


def test_what_has_changed_is_sent(server):
    tag = server.get("/api/kernels").headers["Etag"]
    kernel_id = server.start_kernel(name="python3")
    r = server.get("/api/kernels", headers={"If-None-Match": tag})
    assert r.status_code == 200 and kernel_id in {k["id"] for k in r.json()}
    server.delete(f"/api/kernels/{kernel_id}")


def test_a_page_of_another_origin_asks_first(server):
    r = server.rest("OPTIONS", "/api/kernels", auth=False, headers={
        "Origin": "http://page.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"})
    assert r.status_code in (200, 204)
    assert "authorization" in r.headers["Access-Control-Allow-Headers"] and "POST" in r.headers["Access-Control-Allow-Methods"]
    r = server.get("/api/kernels", headers={"Origin": "http://page.example"})
    assert r.headers["Access-Control-Allow-Origin"] == "http://page.example", "the token speaks for it"


@pytest.mark.kgw
@pytest.mark.parametrize("options, credentials", [
    (["--allow-origin", "https://lab.example"], None),
    (["--allow-origin-pat", r"https://[a-z]+\.example(:\d+)?(?<!evil\.example)", "--allow-credentials"], "true")], ids=["origin", "pattern"])
def test_an_origin_that_the_operator_allows(made_of, options, credentials):
    made = made_of(*options, "--stock-kernels", "0", "--stock-boxes", "0")
    try:
        browser = Browser(made.server)
        assert browser.log_in().status_code == 302
        seal = {"X-XSRFToken": browser.cookie("_xsrf")}
        for origin, fate in (("https://lab.example", 400), ("https://evil.example", 403), ("null", 403), ("https://lab.example.evil.example", 403)):
            r = browser.post("/api/sessions", json={}, headers={**seal, "Origin": origin})
            assert r.status_code == fate, origin  # 400: let in, and then the body is wrong
            assert r.headers.get("Access-Control-Allow-Origin") == (origin if fate == 400 else None)
            assert r.headers.get("Access-Control-Allow-Credentials") == (credentials if fate == 400 else None)
        r = made.server.get("/api/kernels", headers={"Origin": "http://page.example"})
        assert r.headers["Access-Control-Allow-Origin"] == "http://page.example", "the token speaks for it"
        assert "Access-Control-Allow-Credentials" not in r.headers, "not the cookie"
        r = browser.post("/api/sessions", json={}, headers={"Origin": "https://lab.example"})
        assert r.status_code == 403 and "_xsrf" in r.json()["message"], "nor does the cookie speak for an allowed one"
    finally:
        made.stop()
