"""A stretch of network between a browser and a server that can go dead: what is on its way waits, nobody is told."""
import selectors
import socket
import threading


class Relay:
    """Passes bytes on to a port of this machine, at its own port, but not while it is frozen."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.flows = threading.Event()
        self.flows.set()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.other = {}
        self.ending = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def freeze(self):
        self.flows.clear()

    def thaw(self):
        self.flows.set()

    def close(self):
        self.ending = True
        self.thread.join(10)
        for end in (*self.other, self.listener):
            end.close()

    def _serve(self):
        while not self.ending:
            if not self.flows.wait(0.1):
                continue
            for key, _ in self.selector.select(0.1):
                if key.fileobj is self.listener:
                    self._accept()
                else:
                    self._pass(key.fileobj)

    def _accept(self):
        near, _ = self.listener.accept()
        far = socket.create_connection(("127.0.0.1", self.target))
        for one, two in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.other[one] = two
            self.selector.register(one, selectors.EVENT_READ)

    def _pass(self, end):
        if end not in self.other:
            return  # gone in this very round
        try:
            data = end.recv(65536)
            if data:
                self.other[end].sendall(data)
                return
        except OSError:
            pass  # either end is gone, and so is the other
        for one in (end, self.other[end]):
            self.selector.unregister(one)
            one.close()
        del self.other[self.other[end]], self.other[end]
