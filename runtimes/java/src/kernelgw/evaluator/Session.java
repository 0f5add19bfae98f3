package kernelgw.evaluator;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import jdk.jshell.DeclarationSnippet;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;
import jdk.jshell.Snippet.Status;
import jdk.jshell.SnippetEvent;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.Completeness;
import jdk.jshell.UnresolvedReferenceException;
import kernelgw.evaluator.Problems.Stop;

/** The user's state, and cells that change it. */
final class Session {
    // List by its name, so that "import java.awt.*" leaves it what it is
    private static final String[] IMPORTS = {
        "java.io.*", "java.math.*", "java.net.*", "java.nio.file.*", "java.time.*", "java.util.*",
        "java.util.List", "java.util.concurrent.*", "java.util.concurrent.atomic.*", "java.util.function.*", "java.util.regex.*",
        "java.util.stream.*", "kernelgw.notebook.Rich", "kernelgw.notebook.Display", "static kernelgw.notebook.Notebook.*",
    };
    private static final Pattern PACKAGE = Pattern.compile("package\\s+[\\w.]+\\s*;");
    /** Let go when the heap is full, so that a next cell can be compiled and can free what fills it. */
    private static final int RESERVE_BYTES = 4 << 20;

    final JShell shell;
    final SourceCodeAnalysis analysis;
    private final Runner runner;
    private final Wire wire;
    private final Execution execution;
    private byte[] reserve;
    private Traces.Origin origin;
    private int snippets;

    Session(Runner runner, Wire wire) throws ReflectiveOperationException, IOException {
        this.runner = runner;
        this.wire = wire;
        execution = new Execution(runner);
        PackageIndex.prepare();
        shell = JShell.builder().executionEngine(execution, Map.of()).in(System.in).out(System.out).err(System.err)
                .compilerOptions("-g")
                .idGenerator((snippet, i) -> {
                    String id = "s" + ++snippets;
                    if (origin != null)
                        Traces.ORIGINS.put(id, origin);
                    return id;
                }).build();
        for (String jar : System.getProperty("java.class.path").split(":"))
            shell.addToClasspath(jar);
        Traces.attach(shell);
        analysis = shell.sourceCodeAnalysis();
        runner.begin();
        for (String name : IMPORTS)
            for (SnippetEvent event : shell.eval("import " + name + ";"))
                if (event.status() != Status.VALID)
                    throw new IllegalStateException("import " + name + ": " + shell.diagnostics(event.snippet()).toList());
        runner.end();
    }

    /** tell: its result goes to the agent. A silent cell shows none, but makes it. */
    JsonObject execute(JsonObject request, boolean tell) {
        String code = request.get("code").getAsString().replace("\r\n", "\n");
        boolean silent = request.has("silent") && request.get("silent").getAsBoolean();
        String cell = "cell " + (request.has("execution_count") ? request.get("execution_count").getAsInt() : 0);
        JsonObject reply = new JsonObject();
        if (tell && reserve == null)
            reserve();
        runner.begin();
        try {
            JsonObject result = run(code, cell, !silent);
            if (result != null && tell) {
                result.addProperty("event", "result");
                wire.send(result);
            }
            reply.addProperty("status", "ok");
            reply.add("user_expressions", expressions(request.getAsJsonObject("user_expressions")));
            reply.add("payload", new JsonArray());
        } catch (Stop e) {
            reply = error(e);
        } catch (OutOfMemoryError e) {
            reserve = null;
            reply = error(new Stop("java.lang.OutOfMemoryError", "compiling the cell takes more memory than is left",
                    List.of(Traces.header(e), "The cell could not be compiled: too much memory is in use.")));
        } catch (StackOverflowError e) {
            reply = error(new Stop("CompileError", "the compiler's stack is too small for this nesting",
                    List.of(Traces.RED + Traces.BOLD + "error: " + Traces.PLAIN
                            + "the code is nested too deeply for the compiler")));
        } catch (ThreadDeath | RuntimeException | LinkageError e) {
            reply = error(runner.interrupted() ? interrupted(null)
                    : new Stop(e.getClass().getName(), String.valueOf(e.getMessage()), Traces.tell(e)));
        } finally {
            runner.end();
        }
        return reply;
    }

    void reserve() {
        try {
            reserve = new byte[RESERVE_BYTES];
        } catch (OutOfMemoryError e) {
            reserve = null; // this cell needs it, a later one gets it
        }
    }

    static JsonObject error(Stop stop) {
        JsonObject reply = new JsonObject();
        reply.addProperty("status", "error");
        reply.addProperty("ename", stop.name);
        reply.addProperty("evalue", stop.getMessage() == null ? "" : stop.getMessage());
        JsonArray lines = new JsonArray();
        stop.traceback.forEach(lines::add);
        reply.add("traceback", lines);
        return reply;
    }

    /** Runs a cell; its result is {data, metadata}, or null. */
    private JsonObject run(String code, String cell, boolean show) throws Stop {
        List<Pieces.Piece> pieces = Pieces.of(analysis, code);
        if (pieces.isEmpty())
            return null;
        if (PACKAGE.matcher(pieces.get(0).text()).lookingAt())
            throw Problems.noPackages(cell, code, pieces.get(0));
        int last = pieces.size() - 1;
        // What can't be parsed stops the cell before its first line runs, as in any compiled language.
        if (last > 0)
            for (Pieces.Piece piece : Syntax.broken(pieces))
                check(piece, code, cell);
        List<Snippet> declared = new ArrayList<>();
        for (int i = 0; i <= last; i++) {
            boolean wanted = show && i == last && Syntax.shows(pieces.get(i).text());
            eval(pieces.get(i), code, cell, wanted, declared);
            if (runner.interrupted())
                throw interrupted(null);
            if (wanted && execution.data != null) {
                JsonObject result = new JsonObject();
                result.add("data", execution.data);
                result.add("metadata", execution.metadata);
                execution.forget();
                tellWaiting(declared);
                return result;
            }
        }
        execution.forget();
        tellWaiting(declared);
        return null;
    }

    private void check(Pieces.Piece piece, String code, String cell) throws Stop {
        execution.dry = true;
        try {
            eval(piece, code, cell, false, new ArrayList<>());
        } finally {
            execution.dry = false;
        }
    }

    private void eval(Pieces.Piece piece, String code, String cell, boolean wanted, List<Snippet> declared) throws Stop {
        origin = new Traces.Origin(cell, code, Pieces.line(code, piece.start()));
        execution.forget();
        execution.wanted = wanted;
        List<SnippetEvent> events;
        try {
            events = shell.eval(piece.text());
        } finally {
            execution.wanted = false;
            origin = null;
        }
        Throwable failure = execution.failure;
        for (SnippetEvent event : events) {
            Snippet snippet = event.snippet();
            if (event.causeSnippet() == null && event.status() == Status.REJECTED) {
                Pieces.Piece again = Problems.mended(shell.diagnostics(snippet).toList(), piece);
                if (again == null)
                    throw Problems.rejected(shell.diagnostics(snippet).toList(), cell, code, piece);
                eval(again, code, cell, wanted, declared);
                return;
            }
            if (event.exception() instanceof UnresolvedReferenceException unresolved)
                throw unresolved(unresolved, failure);
            if (event.causeSnippet() == null) {
                switch (snippet.subKind()) {
                    case TEMP_VAR_EXPRESSION_SUBKIND -> shell.drop(snippet);
                    case VAR_VALUE_SUBKIND, OTHER_EXPRESSION_SUBKIND -> { }
                    default -> execution.data = null; // not an expression, or an assignment
                }
                if (snippet instanceof DeclarationSnippet)
                    declared.add(snippet);
            }
        }
        if (failure instanceof Runner.Interrupted stopped)
            throw interrupted(stopped);
        if (failure != null)
            throw thrown(failure);
    }

    private Stop thrown(Throwable failure) {
        boolean full = failure instanceof OutOfMemoryError;
        if (full)
            reserve = null;
        List<String> lines = Traces.tell(failure);
        if (full)
            lines.add("Memory is full: what variables hold stays. Set big ones to null to go on.");
        String message;
        try {
            message = failure.getLocalizedMessage();
        } catch (RuntimeException e) {
            message = "";
        }
        return new Stop(Traces.typeName(failure.getClass().getName()), message == null ? null : Traces.plain(message), lines);
    }

    private static Stop interrupted(Runner.Interrupted stopped) {
        List<String> lines = new ArrayList<>();
        lines.add(Traces.RED + Traces.BOLD + "KeyboardInterrupt" + Traces.PLAIN);
        if (stopped != null) {
            Traces.places(stopped.getStackTrace(), "", lines);
            if (stopped.goesOn)
                lines.add("Its thread can't be ended, and goes on behind the scenes. Restart the kernel to be rid of it.");
        }
        return new Stop("KeyboardInterrupt", "interrupted", lines);
    }

    private Stop unresolved(UnresolvedReferenceException e, Throwable failure) {
        DeclarationSnippet snippet = e.getSnippet();
        String what = Problems.describe(snippet) + " can't be used until " + Problems.missing(shell, snippet) + " is declared";
        List<String> lines = new ArrayList<>();
        lines.add(Traces.RED + Traces.BOLD + "UnresolvedReference" + Traces.PLAIN + ": " + what);
        if (failure != null)
            Traces.places(failure.getStackTrace(), "", lines);
        return new Stop("UnresolvedReference", what, lines);
    }

    /** Tells what this cell declared and nobody can use yet. */
    private void tellWaiting(List<Snippet> declared) {
        for (Snippet snippet : declared) {
            Status status = shell.status(snippet);
            if (status != Status.RECOVERABLE_DEFINED && status != Status.RECOVERABLE_NOT_DEFINED)
                continue;
            String missing = Problems.missing(shell, (DeclarationSnippet) snippet);
            if (!missing.isEmpty())
                System.err.println(Problems.describe(snippet) + " is declared, but can't be used until " + missing
                        + " is declared");
        }
    }

    private JsonObject expressions(JsonObject wanted) {
        JsonObject values = new JsonObject();
        if (wanted == null)
            return values;
        for (String name : wanted.keySet()) {
            JsonObject value = new JsonObject();
            try {
                JsonObject result = run(wanted.get(name).getAsString(), "expression " + name, true);
                if (result == null)
                    throw new Stop("NoValue", "this is not an expression with a value", List.of());
                value.addProperty("status", "ok");
                value.add("data", result.get("data"));
                value.add("metadata", result.get("metadata"));
            } catch (Stop e) {
                value = error(e);
            }
            values.add(name, value);
        }
        return values;
    }

    JsonObject complete(String code) {
        String indent = "    ";
        JsonObject reply = new JsonObject();
        String status = "complete";
        for (Pieces.Piece piece : Pieces.of(analysis, code)) {
            Completeness completeness = piece.completeness();
            if (completeness == Completeness.DEFINITELY_INCOMPLETE || completeness == Completeness.CONSIDERED_INCOMPLETE)
                status = "incomplete";
            else if (completeness == Completeness.UNKNOWN)
                status = "invalid";
        }
        reply.addProperty("status", status);
        if (status.equals("incomplete")) {
            String line = code.substring(code.lastIndexOf('\n') + 1);
            String lead = line.substring(0, line.length() - line.stripLeading().length());
            String end = line.stripTrailing();
            reply.add("indent", new JsonPrimitive(end.endsWith("{") || end.endsWith("(") ? lead + indent : lead));
        }
        return reply;
    }
}
