"""Pictures and HTML of plain programs: matplotlib's plt.show(), and display() (docs/PROTOCOL.md, "Pictures")."""
import base64

import pytest

from support.runs import Run, run

from e2e.test_mux import Mux

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

FIGURE = """
import matplotlib.pyplot as plt
print('before')
plt.plot([1, 2, 3])
plt.title('one')
plt.show()
print('between')
fig, ax = plt.subplots()
ax.bar('abc', [3, 1, 2])
plt.show()
print('after', plt.get_fignums())
"""


def shown(events):
    return [e["display"]["data"] for e in events if "display" in e]


def test_figures_stand_where_they_were_shown(server):
    r = Run(server, FIGURE)
    events = list(r.events())
    assert events[-1]["exit"]["exit_code"] == 0, r.output()
    order = ["*" if "display" in e else e["stdout"] for e in events if "display" in e or "stdout" in e]
    assert "".join(order) == "before\n*between\n*after []\n"
    first, second = shown(events)
    for data in (first, second):
        assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG") and data["text/plain"]
    assert first["image/png"] != second["image/png"]
    numbers = [e["seq"] for e in events if "seq" in e]
    assert numbers == sorted(set(numbers))
    assert r.output() == "before\nbetween\nafter []\n"


def test_over_the_pages_socket(server):
    r = Run(server, FIGURE)
    r.wait()
    with Mux(server) as m:
        m.say(t="open", ch=1, run=r.id)
        m.wait("run", 1)
        got = [frame[1] for frame in m.frames[1] if len(frame) == 2]
        assert [(g["header"]["msg_type"], "image/png" in g["content"]["data"]) for g in got] == [("display_data", True)] * 2


def test_display(server):
    code = ("from kernelgw_display import display, send\nimport pandas, matplotlib.figure\n"
            "display(pandas.DataFrame({'a': [1, 2]}), 'text')\n"
            "class Picture:\n def _repr_png_(self): return b'png'\n def _repr_html_(self): return None\n"
            "display(Picture(), display_id='p')\nprint(send({'text/html': '<i>'}, display_id='p', update=True))")
    r = Run(server, code)
    events = list(r.events())
    table, text, picture = shown(events)
    assert "<table" in table["text/html"] and "a" in table["text/plain"]
    assert text == {"text/plain": "'text'"}
    assert set(picture) == {"text/plain", "image/png"} and base64.b64decode(picture["image/png"]) == b"png"
    update, = (e["update_display"] for e in events if "update_display" in e)
    assert update["transient"] == {"display_id": "p"} and r.output() == "True\n"


def test_children_have_no_part_in_it(server):
    """Neither those that are started nor those that are forked: they print."""
    code = ("import os, subprocess, sys\nimport kernelgw_display as k\n"
            "ask = \"import os, kernelgw_display as k; k.display(1); print(os.environ.get('KERNELGW_DISPLAY'), os.path.exists('/proc/self/fd/3'))\"\n"
            "subprocess.run([sys.executable, '-c', ask], close_fds=False)\n"
            "if os.fork() == 0:\n    k.display(2)\n    sys.stdout.flush()\n    os._exit(0)\nos.wait()\nk.display(3)")
    r = Run(server, code)
    events = list(r.events())
    assert r.output("stdout") == "1\nNone False\n2\n"
    assert shown(events) == [{"text/plain": "3"}]


def test_a_program_may_choose_another_backend(server):
    _, out, _ = run(server, "import matplotlib.pyplot as plt\nprint(plt.get_backend())", env={"MPLBACKEND": "agg"})
    assert out == "agg\n"
    model, out, err = run(server, "import matplotlib\nmatplotlib.use('svg')\nimport matplotlib.pyplot as plt\nplt.plot([1])\n"
                                  "plt.savefig('a.svg')\nprint(open('a.svg').read(5))")
    assert (model["exit_code"], out) == (0, "<?xml\n"), err


def test_figures_that_are_not_shown_are_not(server):
    r = Run(server, "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.savefig('a.png')\nprint('saved')")
    assert shown(r.events()) == [] and r.output() == "saved\n"


def test_none_is_lost_over_a_thousand(server):
    r = Run(server, "import os\nfrom kernelgw_display import send\n"
                    "for i in range(1000): send({'application/json': i}); os.write(1, b'%d\\n' % i)")
    seen = [(next(iter(e["display"]["data"].values())) if "display" in e else e["stdout"]) for e in r.events() if "display" in e or "stdout" in e]
    assert seen == [x for i in range(1000) for x in (i, f"{i}\n")]


def test_getpass_says_that_what_is_typed_is_secret(server):
    """Where the program has a console that could show it; elsewhere it is Python's own."""
    kind = "application/vnd.kernelgw.input+json"
    code = "import getpass\na = getpass.getpass('Word: ')\ntry:\n    getpass.getpass('More: ')\nexcept EOFError:\n    print(len(a), 'then nothing')"
    r = Run(server, code, stdin="hunter2\n")
    events = list(r.events())
    assert shown(events) == [{kind: {"secret": secret}} for secret in (True, False, True, False)]
    assert (r.output("stdout"), r.output("stderr")) == ("7 then nothing\n", "Word: More: "), "no warning that it may be seen"
    r = Run(server, "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import getpass; print(len(getpass.getpass()))'])", stdin="abc\n")
    assert shown(r.events()) == [] and r.output("stdout") == "3\n" and "may be echoed" in r.output("stderr")
    r = Run(server, "import getpass\nprint(len(getpass.getpass()))", tty={"rows": 24, "cols": 80})
    r.wait_output("Password")  # what was typed before it is thrown away
    r.stdin("abc\r")
    assert shown(r.events()) == [] and "3" in r.output()
