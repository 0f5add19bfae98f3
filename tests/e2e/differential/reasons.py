"""Why kernelgw answers otherwise than Jupyter Server. A row that is no longer another one fails the test, as one that is missing does."""

TOLD = "an end with a reason instead of a lost connection"

REST = {
    "preflight": "it has no body",
    "start one of an unknown kind": "the request is wrong, not the server",
    "restart an unknown one": "as every other call for a kernel that is not there",
    "a session of an unknown kernel": "nothing is started that was not asked for",
    "give it an unknown kernel": "the same",
    "delete a session whose kernel went first": "as the published document says",
    "the last chunk": "it is the last one that makes the file",
    "formats of nbconvert": "nothing here converts notebooks",
    "metrics": "figures are in /api/status",
}
MESSAGES = {
    "an unknown request": "what ipykernel writes to its stderr about it is passed on",
}
SOCKETS = {
    "channels with the token in the path": "for clients that can set no header (jupyter_server's own gateway client)",
    "garbage as text": TOLD,
    "a list instead of a message": TOLD,
    "a message without a header": TOLD,
    "garbage on v1": TOLD,
    "text on v1": TOLD,
    "the kernel is deleted": "front-ends then know that it is gone, and don't dial again",
}

# Members that Jupyter Server's answer has and ours has not, or that are of another kind, by row, with the reason.
BOX = "the kernelspec is that of the box; these are what the host's ipykernel says of itself"
MEMBERS = {
    "kernelspecs": (["kernelspecs.python3.spec.kernel_protocol_version",
                     "kernelspecs.python3.spec.metadata.supported_encryption"], BOX),
    "a kernelspec": (["spec.kernel_protocol_version", "spec.metadata.supported_encryption"], BOX),
    "settings": (["load_extensions"], "a default of a package that stands beside Jupyter Server"),
}
