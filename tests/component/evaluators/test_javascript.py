"""JavaScript's evaluator, runtimes/javascript/evaluator."""
import os
import re
import signal
import time

import pytest

from support.evaluator import Died, descendants


def ok(result):
    assert result.reply["status"] == "ok", result
    return result


def value(evaluator, code, **more):
    """What a cell shows as its value."""
    data = ok(evaluator.execute(code, **more)).data
    return data and data["text/plain"]


def failure(evaluator, code, **more):
    """(ename, evalue, traceback without its colours)"""
    result = evaluator.execute(code, **more)
    assert result.reply["status"] == "error", result
    reply = result.reply
    assert all("\n" not in line for line in reply["traceback"])
    return reply["ename"], reply["evalue"], plain("\n".join(reply["traceback"]))


def plain(text):
    return re.sub(r"\x1b\[\d+m", "", text)


def test_it_says_what_it_is(shared):
    info = shared.info
    assert info["event"] == "ready" and info["implementation"] == "kernelgw-javascript"
    about = info["language_info"]
    assert about["name"] == "javascript" and about["file_extension"] == ".js" and about["version"].startswith("24.")
    assert about["mimetype"] == "text/javascript" and about["codemirror_mode"] == about["pygments_lexer"] == "javascript"


# Values and names

@pytest.mark.parametrize("code, shown", [
    ("1 + 1", "2"), ("'a'", "'a'"), ("undefined", None), ("let nothing = 1", None), ("null", "null"), ("-0", "-0"),
    ("NaN", "NaN"), ("2n ** 70n", "1180591620717411303424n"), ("({})", "{}"), ("{ a: 1, b: [1, 2] }", "{ a: 1, b: [ 1, 2 ] }"),
    ("{ const inner = 4; inner }", "4"), ("[1,2,3].map(x => x * 2)", "[ 2, 4, 6 ]"), ("Promise.resolve(4)", "Promise { 4 }"),
    ("new Promise(() => {})", "Promise { <pending> }"), ("new Map([['k', {v: 1}]])", "Map(1) { 'k' => { v: 1 } }"),
    ("Symbol('s')", "Symbol(s)"), ("await Promise.resolve('x')", "'x'"), ("for (const x of [1,2]) x", "2"),
    ("'日本語 🎈'", "'日本語 🎈'"), ("(function f() {})", "[Function: f]"), ("class A {}; A", "[class A]"), ("", None),
    ("// only a comment", None), ("#!/usr/bin/env node\n5", "5"),
])
def test_the_last_value_is_shown(shared, code, shown):
    assert value(shared, code) == shown


def test_names_live_on_in_later_cells(shared):
    ok(shared.execute("let a1 = 1; const b1 = 2; var c1 = 3; function d1() { return a1 + b1 } class E1 { f = c1 }"))
    assert value(shared, "[a1, b1, c1, d1(), new E1()]") == "[ 1, 2, 3, 3, E1 { f: 3 } ]"
    assert value(shared, "a1 = 10; d1()") == "12"


KINDS = ["let {}r = 1", "const {}r = 1", "var {}r = 1", "function {}r() {{}}", "class {}r {{}}",
         "const {{a: {}r}} = {{a: 1}}", "for (var {}r = 1; false;);"]


@pytest.mark.parametrize("first", KINDS)
def test_any_name_may_be_declared_again_in_any_way(shared, first):
    for i, second in enumerate(KINDS):
        prefix = f"k{KINDS.index(first)}_{i}_"
        ok(shared.execute(first.format(prefix)))
        ok(shared.execute(second.format(prefix)))
        ok(shared.execute(first.format(prefix)))


def test_a_constant_stays_one(shared):
    assert value(shared, "const k1 = 1; k1") == "1"
    assert failure(shared, "k1 = 2")[:2] == ("TypeError", "Assignment to constant variable.")
    assert failure(shared, "const k2 = 1; k2++")[0] == "TypeError"
    assert value(shared, "function own(k1) { k1 = 5; return k1 } own(1) + k1") == "6"
    assert value(shared, "let k2 = 1; k2++; k2") == "2", "a changed cell may be run again"
    assert value(shared, "try { k1 += 1 } catch (e) { e.name }") == "'TypeError'"


def test_the_last_value_has_a_name(shared):
    ok(shared.execute("6 * 7"))
    assert value(shared, "_ + 1") == "43"
    assert value(shared, "const _ = 'mine'; _") == "'mine'"


def test_typescript(shared):
    assert value(shared, "interface P { x: number }\nconst p: P = { x: 1 };\np.x as number") == "1"
    assert value(shared, "function same<T>(x: T): T { return x }\nsame<number>(4)") == "4"
    assert value(shared, "enum Colour { Red, Green }\nColour.Green") == "1"
    assert value(shared, "class C { constructor(private y: string) {} get z(): string { return this.y } }\nnew C('q').z") == "'q'"
    assert value(shared, "let later: string | undefined;\nlater ??= 'set'; later!") == "'set'"
    trace = failure(shared, "enum Small { A }\nconst n: null = null;\nfunction f(x: any) {\n  return x.y\n}\nf(n)")[2]
    assert re.search(r"at f \(Cell \[\d+\]:4:1\d\)", trace), trace


# Modules

def test_import_and_require(shared):
    assert value(shared, "import fs, { existsSync as there } from 'node:fs'; fs.existsSync === there") == "true"
    assert value(shared, "import * as os from 'os'\nos.EOL") == "'\\n'"
    assert value(shared, "require('path').join('a', 'b')") == "'a/b'"
    assert value(shared, "path.sep + typeof crypto.randomUUID()") == "'/string'"
    assert value(shared, "(await import('fs')).existsSync('/')") == "true"
    assert value(shared, "import.meta.dirname") == "'/work'"
    assert value(shared, "export const e1 = 5; export default function d2() { return e1 }") is None
    assert value(shared, "d2()") == "5"
    ename, evalue, trace = failure(shared, "import { nope } from 'fs'")
    assert ename == "SyntaxError" and "'nope'" in evalue and "Cell [" in trace
    ename, evalue, trace = failure(shared, "import './missing.mjs'")
    assert ename == "Error" and "Cannot find module '/work/missing.mjs'" in evalue
    assert re.sub(r"\x1b\[\d+m", "", trace).startswith("Error: Cannot find module"), trace


def test_own_files_are_modules(shared):
    ok(shared.execute("""
fs.mkdirSync('lib', { recursive: true })
fs.writeFileSync('lib/a.mjs', "import { b } from './b.js'; export const a = b + 1; export default 'A'")
fs.writeFileSync('lib/package.json', '{"type": "module"}')
fs.writeFileSync('lib/b.js', 'export const b = 1')
fs.writeFileSync('c.cjs', 'exports.c = () => { throw new Error("from c") }')
fs.writeFileSync('t.ts', 'export enum T { One = 1 }; export const t: number = T.One')
fs.writeFileSync('d.json', '{"d": 4}')
fs.mkdirSync('shapes'); fs.writeFileSync('shapes/index.ts', "import { Shape, make } from './made'; export const area = (s: Shape) => s.a; export { make }")
fs.writeFileSync('shapes/made.ts', 'export interface Shape { a: number };\\nexport const make = (): Shape => { const a: number = 2; return { a } };\\nexport namespace N { export const f = (): never => { throw new Error("from N") } }')"""))
    assert value(shared, "import A, { a } from './lib/a.mjs'; [A, a]") == "[ 'A', 2 ]"
    assert value(shared, "const { c } = require('./c.cjs'); import d from './d.json' with { type: 'json' }; d.d") == "4"
    assert "c.cjs:1:27" in failure(shared, "c()")[2]
    assert value(shared, "import { T, t } from './t.ts'; [T.One, t]") == "[ 1, 1 ]"
    assert value(shared, "import { t as same } from './t'; import { area, make } from './shapes'; [same, area(make())]") == "[ 1, 2 ]"
    assert "made.ts:3:" in failure(shared, "import { N } from './shapes/made.js'; N.f()")[2]
    assert failure(shared, "import { missing } from './t'")[:2] == (
        "SyntaxError", "The requested module './t' does not provide an export named 'missing'")


def test_modules_are_looked_for_where_the_process_is(fresh):
    ok(fresh.execute("fs.mkdirSync('/tmp/there'); fs.writeFileSync('/tmp/there/m.js', 'module.exports = 9'); process.chdir('/tmp/there')"))
    assert value(fresh, "const m2 = await import('./m.js'); [require('./m'), m2.default, __dirname]") == "[ 9, 9, '/tmp/there' ]"
    ok(fresh.execute("fs.rmSync('/tmp/there', { recursive: true })"))
    assert value(fresh, "1 + 1") == "2"


OWN = "Map Set Promise Error JSON Buffer Symbol Function Proxy process console setTimeout setImmediate".split()


def test_names_of_the_language_may_be_taken(fresh):
    """A student's own Map, Promise or Buffer is theirs alone."""
    for name in OWN:
        ok(fresh.execute(f"class {name} {{ constructor() {{ throw 'mine' }} }}"))
    result = ok(fresh.execute("display({ a: 1 }); await null; [1, new class { x = 1 }]"))
    assert result.data["text/plain"] == "[ 1, { x: 1 } ]" and result.displays[0]["data"]["text/plain"] == "{ a: 1 }"
    assert failure(fresh, "null.x")[0] == "TypeError" and failure(fresh, "let = =")[0] == "SyntaxError"
    assert value(fresh, "import os from 'os'; const typed: number = 4; typed") == "4"
    assert value(fresh, "prompt('? ')", stdin=["yes"]) == "'yes'"
    assert complete(fresh, "os.EO")["matches"] == ["EOL"] and inspect(fresh, "typed") == "typed: number\n\n4"
    result = fresh.request("execute", code="await new globalThis.Promise(() => {})", silent=False, store_history=True,
                           allow_stdin=False, execution_count=1, interrupt_after=0.3, timeout=30)
    assert result.reply["ename"] == "KeyboardInterrupt"


@pytest.mark.parametrize("code", [
    "JSON.stringify = null", "Array.prototype.map = Array.prototype.shift = null", "Promise = null", "Object.prototype.get = 1",
    "Object.prototype.then = f => f(5)", "delete Array.prototype[Symbol.iterator]", "String.prototype.split = null",
    "RegExp.prototype.exec = () => { throw 1 }", "process.stdout.write = () => { throw 1 }", "fs.closeSync(3)", "fs.closeSync(4)",
    "Error.prepareStackTrace = () => { throw 1 }", "Object.freeze(globalThis)", "Function.prototype.call = null",
    "Object.prototype.toJSON = () => 1", "Array.prototype.toJSON = () => ({ reply: 9 })", "Buffer.prototype.toString = () => '{}'",
    "Buffer.concat = () => Buffer.from('{}')", "Object.defineProperty(Object.prototype, 'op', { get: () => 'x', set() {} })",
])
def test_what_breaks_the_language_never_hangs(fresh, code):
    """Each later cell is answered, or the evaluator ends with words (but for closed descriptors, of which only its end can tell)."""
    try:
        for later in (code, "1 + 1", "throw new Error('x')", "display(1)", "console.log(1)"):
            assert fresh.execute(later, timeout=20).reply["status"] in ("ok", "error")
    except Died as died:
        assert died.status in (0, 70)
        assert died.status == 0 or "can't go on" in died.result.stderr


# Errors

def test_traceback(shared):
    n = shared.next_id + 1
    ename, evalue, trace = failure(shared, "function inner() {\n  throw new RangeError('too far')\n}\nfunction outer() { inner() }\nouter()")
    assert (ename, evalue) == ("RangeError", "too far")
    assert trace == f"""Cell [{n}]:2
  throw new RangeError('too far')
        ^

RangeError: too far
    at inner (Cell [{n}]:2:9)
    at outer (Cell [{n}]:4:20)
    at Cell [{n}]:5:1"""
    later = failure(shared, "await 1\nouter()")[2]
    assert f"at outer (Cell [{n}]:4:20)" in later and f"at Cell [{n + 1}]:2:1" in later and "node:" not in later


@pytest.mark.parametrize("code, message, place", [
    ("let = = 1", "Unexpected token '='", ":1:"), ("let a = 1\nlet b = ]", "Unexpected token ']'", ":2:9"),
    ("'open", "Invalid or unexpected token", ":1:1"), ("const x: number = = 4", "Expression expected", ":1:19"),
    ("let q1 = 1; let q1 = 2", "Identifier 'q1' has already been declared", ":1:17"), ("return 5", "Illegal return statement", ":1:1"),
    ("import fs from", "Unexpected token", ":1:15"), ("}); (() => {", "Unexpected token '}'", ":1:1"),
])
def test_syntax_errors_say_where(shared, code, message, place):
    n = shared.next_id + 1
    ename, evalue, trace = failure(shared, code)
    assert (ename, evalue) == ("SyntaxError", message)
    assert f"Cell [{n}]{place}" in trace and code.split("\n")[-1] in trace and "^" in trace


@pytest.mark.parametrize("code, evalue", [
    ("throw 42", "42"), ("throw undefined", "undefined"), ("throw { code: 1 }", "{ code: 1 }"), ("await Promise.reject('no')", "'no'"),
    ("throw Object.create(null)", "[Object: null prototype] {}"),
    ("throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } })", "{}"),
])
def test_anything_may_be_thrown(shared, code, evalue):
    ename, got, trace = failure(shared, code)
    assert ename == "Uncaught" and got == evalue and trace == f"Uncaught {evalue}"


def test_errors_tell_all_they_know(shared):
    trace = failure(shared, "throw new Error('outer', { cause: new TypeError('inner') })")[2]
    assert "Error: outer" in trace and "[cause]: TypeError: inner" in trace
    assert "code: 'ENOENT'" in failure(shared, "fs.readFileSync('/nope')")[2]
    trace = failure(shared, "throw new AggregateError([new Error('one'), new Error('two')], 'both')")[2]
    assert "one" in trace and "two" in trace
    assert failure(shared, "const e3 = new Error('x'); Object.defineProperty(e3, 'message', { get() { throw 1 } }); throw e3")[0] == "Error"
    assert failure(shared, "function deep() { deep() } deep()")[:2] == ("RangeError", "Maximum call stack size exceeded")


def test_errors_behind_a_cell_are_told_and_survived(fresh):
    code = "setTimeout(() => { throw new Error('late') }, 20); setTimeout(() => Promise.reject(new Error('refused')), 40); 1"
    assert value(fresh, code) == "1"
    result = ok(fresh.execute("await new Promise(r => setTimeout(r, 200)); 'alive'"))
    assert result.data["text/plain"] == "'alive'"
    told = plain(result.stderr)
    assert "Error: late\n    at" in told and "Cell [1]:1:" in told and "Error: refused" in told


# Output

def test_text_goes_to_its_stream(shared):
    result = ok(shared.execute("console.log('a', {b: 1}); console.error('e'); console.warn('w'); console.info('i'); "
                               "console.table([{x: 1}]); process.stdout.write('raw'); process.stderr.write('err')"))
    assert result.stdout.startswith("a { b: 1 }\ni\n┌") and result.stdout.endswith("┘\nraw")
    assert result.stderr == "e\nw\nerr" and "\x1b" not in result.stdout


def test_text_and_pictures_keep_their_order(shared):
    result = ok(shared.execute("for (let i = 0; i < 50; i++) { console.log('x'.repeat(5000) + i); display(i) }"))
    kinds = [kind for kind, _ in result.order]
    assert kinds == ["stdout", "display"] * 50
    assert [text[5000:] for kind, text in result.order if kind == "stdout"] == [f"{i}\n" for i in range(50)]


def test_much_text_arrives_whole(shared):
    result = ok(shared.execute("for (let i = 0; i < 100000; i++) console.log(i); process.stdout.write('y'.repeat(1e6)); 'end'"))
    assert result.stdout == "".join(f"{i}\n" for i in range(100000)) + "y" * 1000000
    assert len(value(shared, "'z'.repeat(1e6)")) > 9000


def test_display(shared):
    result = ok(shared.execute("""
display.html('<b>x</b>'); display.html`<i>${1 + 1}</i>`; display.svg('<svg/>'); display.markdown('*m*')
display.latex('x^2'); display.latex`\\frac{1}{2}`; display.json({ a: [1] }); display('text'); display({ a: 1 })
display({ 'text/html': '<u>' }); display(undefined); display.png(Buffer.from([0x89, 0x50, 0x4e, 0x47]))
display(Buffer.from([0x89, 0x50, 0x4e, 0x47])); display(1, 2)"""))
    data = [event["data"] for event in result.displays]
    assert data[:4] == [{"text/html": "<b>x</b>"}, {"text/html": "<i>2</i>"}, {"image/svg+xml": "<svg/>"},
                        {"text/markdown": "*m*", "text/plain": "*m*"}]
    assert data[4]["text/latex"] == "$$x^2$$" and data[5]["text/latex"] == "$$\\frac{1}{2}$$"
    assert data[6] == {"application/json": {"a": [1]}, "text/plain": '{"a":[1]}'}
    assert data[7:11] == [{"text/plain": "text"}, {"text/plain": "{ a: 1 }"}, {"text/html": "<u>"}, {"text/plain": "undefined"}]
    assert data[11] == data[12] == {"text/plain": "<image/png>", "image/png": "iVBORw=="}
    assert data[13:] == [{"text/plain": "1"}, {"text/plain": "2"}]
    assert result.data is None, "what display returns is not shown again"


def test_objects_show_themselves(shared):
    assert ok(shared.execute("({ [Symbol.for('Jupyter.display')]() { return { 'text/html': '<p>' } } })")).data == {"text/html": "<p>"}
    code = "({ async [Symbol.for('Jupyter.display')]() { await 1; return { 'application/json': [1] } } })"
    assert ok(shared.execute(code)).data == {"application/json": [1]}
    data = ok(shared.execute("class Plot { toPng() { return Buffer.from('png') } toSvg() { return '<svg/>' } }; new Plot()")).data
    assert data == {"text/plain": "Plot {}", "image/png": "cG5n", "image/svg+xml": "<svg/>"}
    assert ok(shared.execute("({ _toHtml() { return '<q>' } })")).data["text/html"] == "<q>"
    assert failure(shared, "({ toHtml() { throw new Error('broken plot') } })")[1] == "broken plot"
    assert "mime" in failure(shared, "({ [Symbol.for('Jupyter.display')]() { return { html: 1 } } })")[1]
    assert "must be an object" in failure(shared, "display.mime('x')")[1]
    assert "BigInt" in failure(shared, "display.json({ n: 1n })")[1]
    assert value(shared, "new Proxy({}, { get() { throw new Error('touched') } })") == "{}"


def test_displays_are_updated(shared):
    result = ok(shared.execute("const shown = display('one', { id: 'mine' }); shown.update('two'); display.update('mine', 'three')"))
    assert [(e["data"]["text/plain"], e.get("display_id"), e["update"]) for e in result.displays] == [
        ("one", "mine", False), ("two", "mine", True), ("three", "mine", True)]
    result = ok(shared.execute("display.update(shown.id, 'four'); clearOutput(true); console.clear()"))
    assert [e["event"] for e in result.events] == ["display", "clear", "clear"]
    assert [e["wait"] for e in result.events[1:]] == [True, False]


def test_silent_cells_and_user_expressions(shared):
    result = ok(shared.execute("5", silent=True))
    assert result.data is None
    result = ok(shared.execute("let u1 = 2", user_expressions={"a": "u1 * 2", "b": "missing", "c": "undefined", "d": "let ="}))
    found = result.reply["user_expressions"]
    assert found["a"] == {"status": "ok", "data": {"text/plain": "4"}, "metadata": {}}
    assert found["b"]["status"] == "error" and found["b"]["ename"] == "ReferenceError"
    assert found["c"]["status"] == "ok" and found["d"]["ename"] == "SyntaxError"


# Input

def test_prompt(shared):
    result = ok(shared.execute("console.log('hello, ' + prompt('name? ')); [input('a? '), confirm('sure?'), prompt('', 'else')]",
                               stdin=["Zoë", "b", "y", ""]))
    assert result.stdout == "hello, Zoë\n" and result.data["text/plain"] == "[ 'b', true, 'else' ]"
    asked = [(e["prompt"], e["password"]) for e in result.events if e["event"] == "input"]
    assert asked == [("name? ", False), ("a? ", False), ("sure? [y/N] ", False), ("", False)]
    assert "nobody can be asked" in failure(shared, "prompt('x')")[1]
    assert ok(shared.execute("alert('boo')")).stdout == "boo\n"


def test_process_stdin_asks(shared):
    ask = "const rl = require('readline').createInterface({ input: process.stdin, output: process.stdout });\n"
    code = ask + "rl.question('name? ', (name) => { console.log('hello, ' + name); rl.close() })"
    assert ok(shared.execute(code, stdin=["Ada"])).stdout == "name? hello, Ada\n"
    code = ("const rp = require('readline/promises').createInterface({ input: process.stdin, output: process.stdout })\n"
            "const one = await rp.question('1? '), two = await rp.question('2? '); rp.close(); [one, two]")
    assert value(shared, code, stdin=["a", "b"]) == "[ 'a', 'b' ]"
    code = "let all = ''; for await (const chunk of process.stdin) all += chunk; all"
    assert value(shared, code, stdin=["x", "y"]) == "'x\\ny\\n'"
    assert value(shared, code) == "''", "where nobody can be asked there is nothing to read"


# Interrupts

@pytest.mark.parametrize("code", [
    "for (;;);", "await new Promise(() => {})", "await 1; for (;;);", "await new Promise(r => setTimeout(() => { for (;;); }, 10))",
    "for (;;) { try { for (;;); } catch {} finally { } }", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
    "require('child_process').execSync('sleep 60')", "/(a+)+$/.test('a'.repeat(40) + 'b')", "({ toString() { for (;;); } }) + ''",
    "({ [require('util').inspect.custom]() { for (;;); } })", "(async () => { for (;;) await null })(); await new Promise(() => {})",
    "for (;;) display(1)", "for (;;) console.log(1)", "function* g() { for (;;) yield 1 }\nfor (const x of g());",
])
def test_interrupt(shared, code):
    ok(shared.execute("kept = 'kept'"))
    result = shared.request("execute", code=code, silent=False, store_history=True, allow_stdin=False, execution_count=1,
                            interrupt_after=0.4, timeout=30)
    assert (result.reply["status"], result.reply["ename"]) == ("error", "KeyboardInterrupt"), result.reply
    assert value(shared, "kept") == "'kept'"


@pytest.mark.parametrize("code", ["(function f() { Promise.resolve().then(f) })()", "(async () => { for (;;) await null })()"])
def test_interrupt_of_what_keeps_the_next_cell_from_beginning(fresh, code):
    """A loop of promises lets nothing else be done; its own cell has ended."""
    ok(fresh.execute(f"kept = 'kept'; {code}; 1"))
    result = fresh.request("execute", code="2", silent=False, store_history=True, allow_stdin=False, execution_count=2,
                           interrupt_after=0.3, timeout=30)
    assert (result.reply["status"], result.reply["ename"]) == ("error", "KeyboardInterrupt"), result.reply
    assert value(fresh, "kept") == "'kept'"


def test_interrupt_of_ticks_without_end(fresh):
    result = fresh.request("execute", code="(function f() { process.nextTick(f) })(); await 0", silent=False, store_history=True,
                           allow_stdin=False, execution_count=1, interrupt_after=0.3, timeout=30)
    assert result.reply["status"] in ("ok", "error")
    assert value(fresh, "1 + 1") == "2"


def test_interrupt_of_input(shared):
    result = shared.request("execute", code="try { prompt('? ') } finally { }", silent=False, store_history=True, allow_stdin=True,
                            execution_count=1, interrupt_after=0.3, timeout=30)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert value(shared, "prompt('again ')", stdin=["yes"]) == "'yes'"


def test_an_interrupted_cell_leaves_no_timers(shared):
    shared.request("execute", code="setInterval(() => console.log('tick'), 20); await new Promise(() => {})", silent=False,
                   store_history=True, allow_stdin=False, execution_count=1, interrupt_after=0.3, timeout=30)
    assert "tick" not in ok(shared.execute("await new Promise(r => setTimeout(r, 150))")).stdout
    ok(shared.execute("let n2 = 0; const t2 = setInterval(() => n2++, 5)"))
    assert value(shared, "await new Promise(r => setTimeout(r, 100)); clearInterval(t2); n2 > 2") == "true"


def test_interrupts_between_cells_do_nothing(shared):
    for _ in range(3):
        shared.interrupt()
        time.sleep(0.05)
        assert value(shared, "1 + 1") == "2"


def test_an_interrupt_that_comes_before_its_cell_has_begun(shared):
    for _ in range(20):
        result = shared.request("execute", code="for (;;);", silent=False, store_history=True, allow_stdin=False,
                                execution_count=1, interrupt_after=0, timeout=30)
        assert result.reply["ename"] == "KeyboardInterrupt"


def test_many_interrupts(shared):
    for i in range(15):
        result = shared.request("execute", code="for (;;) await null" if i % 2 else "for (;;);", silent=False, store_history=True,
                                allow_stdin=False, execution_count=1, interrupt_after=0.03 + i / 100, timeout=30)
        assert result.reply["status"] == "error"
        assert value(shared, f"{i}") == str(i)


# Processes, its own end

def test_children_have_the_streams_and_nothing_else(shared):
    result = ok(shared.execute("require('child_process').execSync('echo out; echo err >&2; ls -l /proc/self/fd', { stdio: 'inherit' }); "
                               "[3, 4].map(fd => fs.readlinkSync(`/proc/self/fd/${fd}`))"))
    assert result.stdout.startswith("out\n") and result.stderr == "err\n"
    ours = re.findall(r"pipe:\[\d+\]", result.data["text/plain"])
    assert len(ours) == 2 and not any(pipe in result.stdout for pipe in ours), result.stdout
    assert value(shared, "require('child_process').execSync('cat', { input: 'in' }).toString()") == "'in'"
    code = "const { Worker } = require('worker_threads'); const w = new Worker('require(\"worker_threads\").parentPort.postMessage(6*7)', { eval: true }); await new Promise(r => w.on('message', r))"
    assert value(shared, code) == "42"


def test_exit_ends_it_with_its_status(fresh):
    with pytest.raises(Died) as died:
        fresh.execute("process.stdout.write('x'.repeat(200000)); process.exit(3)")
    assert died.value.status == 3 and died.value.result.stdout == "x" * 200000


def test_it_ends_with_the_agent(fresh):
    assert value(fresh, "setInterval(() => {}, 1000); 1") == "1"
    pid = descendants(fresh.proc.pid)[-1]
    os.close(fresh.out_fd)
    fresh.out_fd = os.open("/dev/null", os.O_WRONLY)
    end = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{pid}")


def test_configure(fresh):
    ok(fresh.execute("fs.mkdirSync('/work/sub'); fs.writeFileSync('/work/sub/m.js', 'module.exports = 7')"))
    reply = fresh.request("configure", env={"KGW_X": "é"}, cwd="/work/sub").reply
    assert reply["status"] == "ok"
    assert value(fresh, "[process.env.KGW_X, process.cwd(), require('./m')]") == "[ 'é', '/work/sub', 7 ]"
    assert fresh.request("configure", cwd="/nope").reply["status"] == "error"
    assert fresh.request("dance").reply["status"] == "error"
    assert value(fresh, "1") == "1"


def test_warm_up_leaves_nothing(fresh):
    import json
    from support.evaluator import ROOT
    manifest = json.loads((ROOT / "runtimes/javascript/runtime.json").read_text())
    ok(fresh.execute("globalThis.before = Object.getOwnPropertyNames(globalThis).filter(n => !n.startsWith('__kernelgw'))"))
    result = ok(fresh.execute(manifest["kernel"]["warm_code"], silent=True))
    assert result.events == [] and result.stdout == result.stderr == ""
    assert value(fresh, "Object.getOwnPropertyNames(globalThis).filter(n => !before.includes(n) && !n.startsWith('__kernelgw'))") == "[ 'before' ]"
    assert failure(fresh, "warm")[0] == "ReferenceError"


# Help while typing

def complete(evaluator, code, cursor=None):
    reply = evaluator.request("complete", code=code, cursor_pos=len(code) if cursor is None else cursor).reply
    assert reply["status"] == "ok"
    return reply


@pytest.mark.parametrize("code, some, start", [
    ("Math.ma", {"max"}, 5), ("conso", {"console"}, 0), ("typ", {"typeof"}, 0), ("let abc = 1; ab", {"abc"}, 13),
    ("'x'.toUp", {"toUpperCase"}, 4), ("[1, 2].ma", {"map"}, 7), ("require('f", {"fs"}, 9), ("import x from 'node:pa", {"node:path"}, 15),
    ("comp1.inner.de", {"deep"}, 12), ("comp1?.inn", {"inner"}, 7), ("comp1['in", {"inner"}, 7), ("🎈 = comp1.in", {"inner"}, 10),
    ("new Map([[1, 2]]).si", {"size"}, 18), ("lex", {"lexical1"}, 0), ("require('./comp", {"./compdir/"}, 9),
    ("fs.readFileSync('./compdir/f", {"./compdir/file.txt"}, 17), ("Math.floor(comp1.in", {"inner"}, 17), ("MATH.MAX", set(), 5),
    ("math.", set(), 5), ("CONSO", {"console"}, 0), ("'in a text conso", set(), 11), ("// comment conso", set(), 11),
    ("comp1.boom.", set(), 11), ("`${conso", {"console"}, 3), ("12.to", set(), 3),
])
def test_completion(shared, code, some, start):
    ok(shared.execute("let lexical1 = 1; globalThis.comp1 = { inner: { deep: 1 }, get boom() { globalThis.boomed = true; return {} } };"
                      "fs.mkdirSync('compdir', { recursive: true }); fs.writeFileSync('compdir/file.txt', '')"))
    reply = complete(shared, code)
    assert some <= set(reply["matches"]), reply["matches"][:20]
    assert some or not reply["matches"], reply["matches"][:20]
    assert (reply["cursor_start"], reply["cursor_end"]) == (start, len(code))
    assert value(shared, "globalThis.boomed") is None, "looking has no side effects"


def test_completion_in_the_middle(shared):
    reply = complete(shared, "Math.ma + 1", 7)
    assert "max" in reply["matches"] and reply["cursor_end"] == 7
    kinds = {t["text"]: t["type"] for t in complete(shared, "Math.")["metadata"]["_jupyter_types_experimental"]}
    assert kinds["max"] == "function" and kinds["PI"] == "instance"
    assert not [m for m in complete(shared, "__")["matches"] if "kernelgw" in m]


def inspect(evaluator, code, cursor=None, detail=0):
    reply = evaluator.request("inspect", code=code, cursor_pos=len(code) if cursor is None else cursor, detail_level=detail).reply
    assert reply["status"] == "ok"
    return reply["data"].get("text/plain") if reply["found"] else None


def test_inspection(shared):
    ok(shared.execute("/**\n * Adds two numbers.\n */\nfunction add1(a, b = 2) { return a + b }\n"
                      "// Twice it.\nconst twice = (x) => 2 * x; const one = y => y; class P1 { constructor(x, y) { this.x = x } }\nconst obj1 = new P1(3)"))
    assert inspect(shared, "add1") == "add1(a, b = 2)\n\nAdds two numbers."
    assert inspect(shared, "add1(1, 2)", 7) == inspect(shared, "add1(", 5) == inspect(shared, "add1", 1)
    assert inspect(shared, "twice") == "twice(x)\n\nTwice it." and inspect(shared, "one") == "one(y)"
    assert inspect(shared, "P1").startswith("class P1(x, y)") and inspect(shared, "obj1.x") == "obj1.x: number\n\n3"
    assert inspect(shared, "obj1").startswith("obj1: P1\n\nP1 { x: 3 }")
    assert "return a + b" in inspect(shared, "add1", detail=1)
    assert inspect(shared, "Math.max").startswith("Math.max(...values)")
    assert "callback" in inspect(shared, "[1].map(", 8) and "JSON.parse(text" in inspect(shared, "JSON.parse")
    assert inspect(shared, "no_such_thing") is None and inspect(shared, "") is None


@pytest.mark.parametrize("code, status, indent", [
    ("1", "complete", None), ("let a = {", "incomplete", "  "), ("function f() {\n  if (x) {", "incomplete", "    "), ("f(", "incomplete", "  "),
    ("`open", "incomplete", ""), ("/* open", "incomplete", ""), ("let = = 7", "invalid", None), ("'open", "invalid", None),
    ("await x", "complete", None), ("import fs from 'fs'", "complete", None), ("import {", "incomplete", "  "), ("", "complete", None),
    ("interface A {", "incomplete", "  "), ("let a: number = 1", "complete", None), ("const f = (x: string) => {", "incomplete", "  "),
    ("a +", "incomplete", ""), (")", "invalid", None), ("for (const x of y)", "incomplete", ""), ("// comment", "complete", None),
])
def test_is_complete(shared, code, status, indent):
    reply = shared.request("is_complete", code=code).reply
    assert (reply["status"], reply.get("indent")) == (status, indent)


def test_sigint_of_the_user_is_his(shared):
    """A handler of a cell's own hears SIGINT, too; the cell is interrupted none the less."""
    ok(shared.execute("let heard1 = 0; process.on('SIGINT', () => heard1++)"))
    result = shared.request("execute", code="await new Promise(() => {})", silent=False, store_history=True, allow_stdin=False,
                            execution_count=1, interrupt_after=0.3, timeout=30)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert value(shared, "process.removeAllListeners('SIGINT'); heard1") == "1"
    assert signal.SIGINT == 2
