"""The browser client as a person uses it: by what is seen on the page, never by what lies behind."""
import functools
import re
import subprocess

from playwright.sync_api import Page, expect

from .servers import ROOT


@functools.cache
def axe_source():
    """axe-core, which is among the client's own packages."""
    return subprocess.run([ROOT / "client/build.sh", "cat", "node_modules/axe-core/axe.min.js"], check=True, capture_output=True, text=True).stdout


class Ide:
    def __init__(self, page: Page, server):
        self.page, self.server = page, server
        self.errors = []
        expect.set_options(timeout=15_000)
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, path="/"):
        self.page.goto(f"{self.server.url}{path}?token={self.server.token}")
        expect(self.page.get_by_role("button", name="Main menu")).to_be_visible()
        return self

    # --- files ---

    def upload(self, files):
        """files: name -> text or bytes; they come by the upload button. One alone is opened by that."""
        payload = [{"name": name, "mimeType": "application/octet-stream", "buffer": data if isinstance(data, bytes) else data.encode()}
                   for name, data in files.items()]
        asked = any(self.entry(name).count() for name in files)  # what is there already is replaced only when a person says so
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name="Upload files or a zip", exact=True).click()
        chooser.value.set_files(payload)
        if asked:
            replace = self.page.get_by_role("button", name="Replace", exact=True)
            replace.click()
            expect(replace).to_be_hidden()
        first = next(iter(files))
        expect(self.entry(first).or_(self.editor(first)).first).to_be_visible()

    def entry(self, path):
        return self.page.locator(f'[role="treeitem"][data-path="{path}"]')

    def open_file(self, path):
        self.entry(path).click()
        expect(self.editor(path)).to_be_visible()

    def editor(self, path):
        return self.page.get_by_role("textbox", name=f"Editor of {path}", exact=True)

    def tab(self, name):
        return self.page.get_by_role("tab", name=name, exact=True)

    def write(self, path, text):
        """Puts text in the place of what the open editor holds."""
        editor = self.editor(path)
        editor.click()
        editor.press("Control+a")
        self.page.keyboard.insert_text(text)

    # --- runs ---

    def run(self, path):
        """Opens the file and runs it by its key."""
        self.open_file(path)
        self.editor(path).click()
        self.page.keyboard.press("F5")
        expect(self.console(path)).to_be_visible()

    def console(self, path):
        return self.page.get_by_role("region", name=f"Console of {path}", exact=True)

    def show_console(self, path):
        if not self.console(path).is_visible():
            name = re.escape(path).replace("/", r"\/")  # a slash would end Playwright's pattern
            self.page.get_by_role("tab", name=re.compile(f"^{name} (?!$)")).click()
        expect(self.console(path)).to_be_visible()
        return self.console(path)

    def log(self, path):
        return self.console(path).get_by_role("log")

    def badge(self, path):
        return self.console(path).locator(".console-tools .badge")

    def type(self, path, line):
        field = self.show_console(path).get_by_label(f"Input for {path}")
        field.fill(line)
        field.press("Enter")

    def stop(self, path):
        self.show_console(path).get_by_role("button", name="Stop", exact=True).click()

    def text(self, path):
        """All lines of a console, as copying them gives them; not only those in sight."""
        log = self.log(path)
        log.press("Control+a")
        log.press("Control+c")
        text = self.page.evaluate("navigator.clipboard.readText()")
        log.press("Escape")
        return text

    def settings(self, label, value):
        """Sets a figure of the settings."""
        self.page.keyboard.press("Control+,")
        field = self.page.get_by_label(label)
        field.fill(value)
        field.press("Enter")
        self.page.keyboard.press("Escape")
        expect(field).to_be_hidden()

    def command(self, name):
        """By the palette."""
        self.page.keyboard.press("F1")
        self.page.get_by_role("combobox").fill(name)
        self.page.keyboard.press("Enter")

    def in_a_terminal(self, path):
        """Runs it so, by the dialog that says how a program is run."""
        self.open_file(path)
        self.command("run configurations")
        dialog = self.page.get_by_role("dialog", name="Run configurations")
        dialog.get_by_role("checkbox", name="In a terminal").check()
        dialog.get_by_role("button", name="Save and run").click()
        screen = self.console(path).locator(".terminal-area .xterm-screen")
        expect(screen).to_be_visible()
        return screen

    def shown(self, path):
        """What a program has shown that is no text."""
        return self.page.get_by_role("region", name=f"What {path} has shown", exact=True)

    # --- judging the page ---

    def axe(self):
        """What axe finds that is serious or critical, in words."""
        self.page.evaluate(axe_source())
        return self.page.evaluate("""async () => (await axe.run()).violations
            .filter(v => ['serious', 'critical'].includes(v.impact))
            .map(v => `${v.id}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')}`)""")

    def sideways(self):
        """How far the page could be scrolled, which it never may."""
        return self.page.evaluate("""() => { scrollTo(500, 500); const s = document.scrollingElement;
            return [s.scrollLeft, s.scrollTop, s.scrollWidth - s.clientWidth]; }""")

    def close(self):
        self.page.context.close()
        assert self.errors == [], self.errors


def open_ide(browser, server, width=1440, height=900):
    """The page in a profile of its own, signed in."""
    context = browser.new_context(viewport={"width": width, "height": height})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    return Ide(context.new_page(), server).open()
