package kernelgw.evaluator;

import com.google.gson.JsonObject;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Map;
import jdk.jshell.execution.DirectExecutionControl;
import jdk.jshell.spi.ExecutionControl;
import jdk.jshell.spi.ExecutionControlProvider;
import jdk.jshell.spi.ExecutionEnv;
import jdk.jshell.spi.SPIResolutionException;
import kernelgw.notebook.Display;
import kernelgw.notebook.Mime;
import kernelgw.notebook.Rich;

/** JShell's way to run a snippet: here, in this JVM, on a thread of the runner; values and exceptions are kept whole. */
final class Execution extends DirectExecutionControl implements ExecutionControlProvider {
    private static final StackTraceElement[] NOTHING = {};

    private final Runner runner;
    /** The next snippet's value is to be shown: its mime bundle is in data afterwards, or null for what shows nothing. */
    boolean wanted;
    JsonObject data;
    JsonObject metadata;
    /** What the snippet threw, or null. */
    Throwable failure;
    /** Nothing is to run: code is only checked. */
    boolean dry;

    Execution(Runner runner) {
        this.runner = runner;
    }

    @Override
    public String name() {
        return "kernelgw";
    }

    @Override
    public ExecutionControl generate(ExecutionEnv env, Map<String, String> parameters) {
        return this;
    }

    void forget() {
        wanted = false;
        data = null;
        metadata = null;
        failure = null;
    }

    @Override
    protected String invoke(Method snippet) throws Exception {
        if (dry)
            throw new StoppedException();
        boolean show = wanted;
        try {
            runner.call(() -> {
                Object value = snippet.invoke(null);
                if (show && snippet.getReturnType() != void.class && !(value instanceof Display) && !isConsole(value)) {
                    data = bundle(value); // calls toString(), which is user code
                    metadata = Mime.metadata(value);
                }
                return null;
            });
        } catch (Runner.Interrupted e) {
            failure = e;
            throw new StoppedException();
        } catch (InvocationTargetException e) {
            failure = e.getCause();
            throw e;
        } catch (Exception | Error e) {
            failure = e;
            throw new InvocationTargetException(e);
        } catch (Throwable e) {
            throw new AssertionError(e);
        } finally {
            release(snippet.getDeclaringClass());
        }
        return "";
    }

    /** What System.out.printf() and append() return: who wrote "printf" without a semicolon wanted no value. */
    private static boolean isConsole(Object value) {
        return value != null && (value == System.out || value == System.err);
    }

    static JsonObject bundle(Object value) {
        if (value instanceof Rich)
            return Mime.bundle(value);
        JsonObject bundle = Mime.bundle(value);
        if (bundle.size() == 1)
            bundle.addProperty("text/plain", Mime.cut(Traces.plain(valueString(value))));
        return bundle;
    }

    /** JShell keeps an expression's value in a variable $1, $2...: nobody knows its name here, and memory is short. */
    private static void release(Class<?> snippet) {
        for (Field field : snippet.getDeclaredFields()) {
            if (!field.getName().startsWith("$") || field.getType().isPrimitive()
                    || !Modifier.isStatic(field.getModifiers()))
                continue;
            try {
                field.setAccessible(true);
                field.set(null, null);
            } catch (ReflectiveOperationException | RuntimeException e) {
                continue; // then it stays
            }
        }
    }

    // JShell fails on frames without a file; the whole exception is in failure anyway.
    @Override
    protected String throwConvertedInvocationException(Throwable cause) throws RunException, InternalException {
        if (cause instanceof SPIResolutionException unresolved)
            throw new ResolutionException(unresolved.id(), NOTHING);
        throw new UserException(String.valueOf(cause.getClass()), cause.getClass().getName(), NOTHING);
    }

    @Override
    protected String throwConvertedOtherException(Throwable thrown) throws RunException, InternalException {
        return throwConvertedInvocationException(thrown);
    }

    /** A variable's value for its description: only what needs no user code. */
    @Override
    public String varValue(String className, String varName) throws RunException, InternalException {
        try {
            Field field = findClass(className).getDeclaredField(varName);
            field.setAccessible(true);
            Object value = field.get(null);
            boolean plain = value == null || value instanceof String || value instanceof Character
                    || (value instanceof Number && value.getClass().getName().startsWith("java."))
                    || value instanceof Boolean;
            return plain ? valueString(value) : "";
        } catch (ReflectiveOperationException e) {
            throw new InternalException(e.toString());
        }
    }

    @Override
    public void stop() {
        runner.interrupt();
    }
}
