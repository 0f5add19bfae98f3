package kernelgw.evaluator;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.List;
import kernelgw.notebook.Notebook;
import sun.misc.Signal;

/** The evaluator for Java (docs/EVALUATORS.md). */
public final class Main {
    /** javac recurses over what it compiles. */
    private static final long STACK_BYTES = 16 << 20;

    private Main() {
    }

    public static void main(String[] args) throws Exception {
        Wire wire = new Wire();
        Runner runner = new Runner();
        Signal.handle(new Signal("INT"), s -> runner.interrupt());
        CellInput input = new CellInput(wire);
        System.setIn(input);
        Notebook.attach(input);
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> {
            if (!(thrown instanceof ThreadDeath))
                System.err.println("Exception in thread \"" + thread.getName() + "\" " + String.join("\n", Traces.tell(thrown)));
        });
        Thread requests = new Thread(null, () -> serve(wire, runner, input), "kernelgw-requests", STACK_BYTES);
        requests.start();
    }

    private static void serve(Wire wire, Runner runner, CellInput input) {
        try {
            Session session = new Session(runner, wire);
            Assist assist = new Assist(session);
            WarmUp.run(session, assist);
            wire.send(ready());
            while (true) {
                JsonObject request = wire.request();
                JsonObject reply = answer(request, session, assist, input);
                reply.add("reply", request.get("id"));
                System.out.flush();
                System.err.flush();
                wire.send(reply);
            }
        } catch (Throwable e) {
            e.printStackTrace();
            System.exit(1);
        }
    }

    private static JsonObject answer(JsonObject request, Session session, Assist assist, CellInput input) {
        String op = request.get("op").getAsString();
        try {
            switch (op) {
                case "execute":
                    input.begin(request.has("allow_stdin") && request.get("allow_stdin").getAsBoolean());
                    return session.execute(request, true);
                case "complete":
                    return assist.complete(request.get("code").getAsString(), request.get("cursor_pos").getAsInt());
                case "inspect":
                    return assist.inspect(request.get("code").getAsString(), request.get("cursor_pos").getAsInt(),
                            request.has("detail_level") ? request.get("detail_level").getAsInt() : 0);
                case "is_complete":
                    return session.complete(request.get("code").getAsString());
                case "configure":
                    Surroundings.configure(request);
                    JsonObject ok = new JsonObject();
                    ok.addProperty("status", "ok");
                    return ok;
                default:
                    throw new IllegalArgumentException("no such request: " + op);
            }
        } catch (Exception | OutOfMemoryError | StackOverflowError e) {
            return Session.error(new Problems.Stop(e.getClass().getName(), String.valueOf(e.getMessage()), List.of(
                    op + ": " + e)));
        }
    }

    private static JsonObject ready() {
        String version = System.getProperty("java.version");
        JsonObject language = new JsonObject();
        language.addProperty("name", "java");
        language.addProperty("version", version);
        language.addProperty("mimetype", "text/x-java");
        language.addProperty("file_extension", ".java");
        language.addProperty("pygments_lexer", "java");
        language.addProperty("codemirror_mode", "text/x-java");
        language.addProperty("nbconvert_exporter", "script");
        JsonObject ready = new JsonObject();
        ready.addProperty("event", "ready");
        ready.addProperty("implementation", "kernelgw-java");
        ready.addProperty("implementation_version", "1.0");
        ready.addProperty("banner", "Java " + version + " (JShell)");
        ready.add("language_info", language);
        ready.addProperty("help", true);
        ready.add("help_links", new JsonArray());
        return ready;
    }
}
