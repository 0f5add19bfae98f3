package kernelgw.evaluator;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;

/**
 * Stack traces as a reader of the notebook knows their places: "divide (cell 2, line 3)". Which line of a class made by
 * JShell is which line of a snippet, only JShell knows, and tells nobody but itself: hence the look into its fields
 * (the image pins the JDK; a test would see it change).
 */
final class Traces {
    private static final Pattern MADE = Pattern.compile("^REPL\\.\\$JShell\\$\\w+");
    private static final Pattern INSIDE = Pattern.compile("(?:\\bREPL\\.)?\\$JShell\\$\\w+[.$](?=\\w)");
    private static final Pattern FRAME = Pattern.compile("^\\tat (?:\\S+//?)?([\\w.$]+)\\.([\\w$<>]+)\\(([^:)]*):?(\\d*)\\)$");
    private static final Pattern LAMBDA = Pattern.compile("^lambda\\$(.*)\\$\\d+$");
    private static final int HEAD = 24;
    private static final int TAIL = 8;

    static final String RED = "\u001b[31m";
    static final String GREEN = "\u001b[32m";
    static final String CYAN = "\u001b[36m";
    static final String BOLD = "\u001b[1m";
    static final String PLAIN = "\u001b[0m";

    /** Where a snippet stands: its cell's name and whole text, and the line of the cell that it begins on (from 1). */
    record Origin(String cell, String text, int line) {
    }

    /** A place in a cell. */
    record Place(Origin origin, int line) {
        String source() {
            String[] lines = origin.text.split("\n", -1);
            return line >= 1 && line <= lines.length ? lines[line - 1] : "";
        }

        @Override
        public String toString() {
            return origin.cell + ", line " + line;
        }
    }

    static final Map<String, Origin> ORIGINS = new ConcurrentHashMap<>();
    private static Object outerMap;
    private static Method getOuter;
    private static Method lineOf;
    private static Method snippetOf;

    private Traces() {
    }

    static void attach(JShell shell) throws ReflectiveOperationException {
        Field field = JShell.class.getDeclaredField("outerMap");
        field.setAccessible(true);
        Object map = field.get(shell);
        getOuter = map.getClass().getDeclaredMethod("getOuter", String.class);
        getOuter.setAccessible(true);
        Class<?> wrap = Class.forName("jdk.jshell.OuterSnippetsClassWrap");
        lineOf = wrap.getMethod("wrapLineToSnippetLine", int.class);
        lineOf.setAccessible(true);
        snippetOf = wrap.getDeclaredMethod("wrapLineToSnippet", int.class);
        snippetOf.setAccessible(true);
        outerMap = map;
    }

    /** The place of a line of a class that JShell made, or null. */
    static Place place(String className, int line) {
        Matcher made = MADE.matcher(className);
        if (outerMap == null || line < 1 || !made.find())
            return null;
        try {
            Object outer = getOuter.invoke(outerMap, made.group());
            if (outer == null)
                return null;
            Snippet snippet = (Snippet) snippetOf.invoke(outer, line - 1);
            Origin origin = snippet == null ? null : ORIGINS.get(snippet.id());
            return origin == null ? null : new Place(origin, (int) lineOf.invoke(outer, line - 1) + origin.line);
        } catch (ReflectiveOperationException | RuntimeException e) {
            return null;
        }
    }

    /** "Point.move", "square", "lambda", or "" for what stands in no method. */
    private static String method(String className, String method) {
        Matcher made = MADE.matcher(className);
        String type = made.find() ? className.substring(made.end()) : className;
        type = type.startsWith("$") ? type.substring(1).replace('$', '.') : type;
        Matcher lambda = LAMBDA.matcher(method);
        if (lambda.matches())
            return type.isEmpty() ? "lambda" : type + ", lambda";
        if (method.equals("do_it$"))
            return "";
        if (method.equals("<clinit>"))
            return type.isEmpty() ? "" : type + " (static)";
        if (method.equals("<init>"))
            return "new " + type;
        return type.isEmpty() ? method : type + "." + method;
    }

    /** A class's name without what JShell put around it. */
    static String typeName(String className) {
        Matcher made = MADE.matcher(className);
        return made.find() ? className.substring(Math.min(made.end() + 1, className.length())).replace('$', '.') : className;
    }

    /** A text of the JVM's or the user's, with types and variables of cells as they are written there. */
    static String plain(String text) {
        return text.contains("$JShell$") ? INSIDE.matcher(text).replaceAll("") : text;
    }

    private static boolean ours(String className) {
        return className.startsWith("kernelgw.evaluator.") || className.startsWith("jdk.internal.reflect.")
                || className.startsWith("java.lang.reflect.") || className.startsWith("jdk.jshell.");
    }

    private static String frame(StackTraceElement e, Place place) {
        String name = method(e.getClassName(), e.getMethodName());
        if (place != null)
            return name.isEmpty() ? place.toString() : name + " (" + place + ")";
        String file = e.getFileName() == null ? "" : " (" + e.getFileName()
                + (e.getLineNumber() > 0 ? ":" + e.getLineNumber() : "") + ")";
        return name + file;
    }

    /** One line of Throwable.printStackTrace, told anew; null when it says nothing to a reader. */
    static String line(String text) {
        Matcher m = FRAME.matcher(text);
        if (!m.matches())
            return text;
        if (ours(m.group(1)))
            return null;
        if (!m.group(1).startsWith("REPL.$JShell$"))
            return text;
        int number = m.group(4).isEmpty() ? 0 : Integer.parseInt(m.group(4));
        StackTraceElement e = new StackTraceElement(m.group(1), m.group(2), m.group(3), number);
        return "\tat " + frame(e, place(e.getClassName(), number));
    }

    /** The frames of a trace down to the last one of a cell. */
    static List<StackTraceElement> frames(StackTraceElement[] trace) {
        List<StackTraceElement> kept = new ArrayList<>();
        int last = trace.length - 1;
        while (last >= 0 && !trace[last].getClassName().startsWith("REPL.$JShell$"))
            last--;
        for (int i = 0; i <= (last < 0 ? trace.length - 1 : last); i++)
            if (!ours(trace[i].getClassName()) && !trace[i].getClassName().startsWith("kernelgw.notebook."))
                kept.add(trace[i]);
        return kept;
    }

    static List<String> tell(Throwable thrown) {
        List<String> out = new ArrayList<>();
        tell(thrown, "", out, Collections.newSetFromMap(new IdentityHashMap<>()));
        return out;
    }

    static String header(Throwable thrown) {
        String message;
        try {
            message = thrown.getLocalizedMessage();
        } catch (RuntimeException e) {
            message = "(its message can't be had: " + e.getClass().getName() + ")";
        }
        String name = typeName(thrown.getClass().getName());
        return RED + BOLD + name + PLAIN + (message == null ? "" : ": " + plain(message));
    }

    private static void tell(Throwable thrown, String indent, List<String> out, Set<Throwable> seen) {
        if (!seen.add(thrown))
            return;
        out.add(header(thrown));
        places(thrown.getStackTrace(), indent, out);
        for (Throwable suppressed : thrown.getSuppressed()) {
            out.add(indent + "Suppressed:");
            tell(suppressed, indent + "    ", out, seen);
        }
        if (thrown.getCause() != null) {
            out.add(indent + "Caused by:");
            tell(thrown.getCause(), indent, out, seen);
        }
    }

    static void places(StackTraceElement[] trace, String indent, List<String> out) {
        List<StackTraceElement> frames = frames(trace);
        boolean shown = false;
        for (int i = 0; i < frames.size(); i++) {
            if (i == HEAD && frames.size() > HEAD + TAIL + 1) {
                int left = frames.size() - HEAD - TAIL;
                out.add(indent + "    ... " + left + " more ...");
                i += left - 1;
                continue;
            }
            StackTraceElement e = frames.get(i);
            Place place = place(e.getClassName(), e.getLineNumber());
            out.add(indent + "    at " + (place != null ? GREEN : "") + frame(e, place) + (place != null ? PLAIN : ""));
            if (place != null && !shown) {
                out.add(indent + "       " + CYAN + place.source().strip() + PLAIN);
                shown = true;
            }
        }
    }
}
