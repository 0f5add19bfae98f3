"""
Two servers behind one address, as an operator's proxy puts them (docs/OPERATIONS.md, JupyterLab): pages come from a JupyterLab, and what those call
from kernelgw. A program of its own:

    front.py PORT LAB_URL SERVER_URL SERVER_TOKEN
"""
import sys

from tornado import httpclient, ioloop, web, websocket

# What a front-end asks of its server, and kernelgw serves. All else is JupyterLab's.
OURS = r"/(?:api/(?:contents|kernels|sessions|kernelspecs|terminals|status|me)|files|kernelspecs|terminals/websocket)(?:[/?].*)?"
LEFT_OUT = {"connection", "transfer-encoding", "content-length", "content-encoding", "keep-alive"}


async def headers_for(request, target, lab, token):
    """Who has logged in at JupyterLab has so at the server: as auth_request of nginx."""
    headers = dict(request.headers)
    if target != lab and "Authorization" not in headers:
        asked = await httpclient.AsyncHTTPClient().fetch(f"{lab}/api/me", headers={
            name: headers[name] for name in ("Cookie", "Host") if name in headers}, raise_error=False)
        if asked.code == 200:
            headers["Authorization"] = f"token {token}"
    return headers


class Pages(web.RequestHandler):
    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

    def initialize(self, target, **others):
        self.target, self.others = target, others

    async def pass_on(self, *_):
        headers = await headers_for(self.request, self.target, **self.others)
        answer = await httpclient.AsyncHTTPClient().fetch(httpclient.HTTPRequest(
            self.target + self.request.uri, self.request.method, headers, self.request.body or None, request_timeout=120,
            allow_nonstandard_methods=True, follow_redirects=False), raise_error=False)
        self.set_status(answer.code)
        self.clear_header("Content-Type")
        for name, value in answer.headers.get_all():
            if name.lower() not in LEFT_OUT:
                self.add_header(name, value)
        if answer.body:
            self.write(answer.body)

    get = head = post = put = patch = delete = options = pass_on


class Sockets(websocket.WebSocketHandler):
    def initialize(self, target, **others):
        self.target, self.others = target, others

    def check_origin(self, origin):
        return True  # the server's affair

    def select_subprotocol(self, offered):
        return self.beyond.selected_subprotocol

    async def get(self, *args, **more):
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            await Pages.pass_on(self)
            return
        offered = [p.strip() for p in self.request.headers.get("Sec-WebSocket-Protocol", "").split(",") if p.strip()]
        headers = await headers_for(self.request, self.target, **self.others)
        request = httpclient.HTTPRequest(self.target.replace("http", "ws", 1) + self.request.uri, headers={
            name: value for name, value in headers.items() if name in ("Authorization", "Cookie", "Host", "Origin")})
        self.beyond = await websocket.websocket_connect(request, subprotocols=offered or None, max_message_size=1 << 28,
                                                        on_message_callback=self.from_beyond)
        await super().get(*args, **more)

    def from_beyond(self, message):
        if message is None:
            self.close(self.beyond.close_code, self.beyond.close_reason)
        else:
            self.write_message(message, binary=isinstance(message, bytes))

    def on_message(self, message):
        self.beyond.write_message(message, binary=isinstance(message, bytes))

    def on_close(self):
        self.beyond.close()


def main(port, lab, server, token):
    def to(target):
        return {"target": target, "lab": lab, "token": token}

    web.Application([(r"/api/kernels/[^/]+/channels|/terminals/websocket/.*", Sockets, to(server)), (OURS, Pages, to(server)),
                     (r"/api/events/subscribe", Sockets, to(lab)), (r"/.*", Pages, to(lab))],
                    websocket_max_message_size=1 << 28).listen(int(port), "127.0.0.1", max_body_size=1 << 28)
    ioloop.IOLoop.current().start()


if __name__ == "__main__":
    main(*sys.argv[1:])
