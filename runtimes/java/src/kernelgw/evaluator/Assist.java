package kernelgw.evaluator;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jdk.jshell.MethodSnippet;
import jdk.jshell.Snippet;
import jdk.jshell.SourceCodeAnalysis.Documentation;
import jdk.jshell.SourceCodeAnalysis.Suggestion;
import jdk.jshell.TypeDeclSnippet;
import jdk.jshell.VarSnippet;

/** Completion and description of what is being written. */
final class Assist {
    private static final String[] KEYWORDS = {
        "abstract", "assert", "boolean", "break", "byte", "case", "catch", "char", "class", "continue", "default", "double",
        "else", "enum", "extends", "false", "final", "finally", "float", "for", "if", "implements", "import",
        "instanceof", "int", "interface", "long", "new", "null", "package", "private", "protected", "public", "record",
        "return", "short", "static", "super", "switch", "synchronized", "this", "throw", "throws", "true", "try", "var",
        "void", "while", "yield",
    };
    private static final int MOST = 500;
    /** Names that a piece of code declares, as far as can be told from their neighbours: "Type name =", "name ->". */
    private static final Pattern DECLARED = Pattern.compile(
            "[\\w>\\]]\\s+([A-Za-z_$][\\w$]*)\\s*(?=[=;,):])|\\b([A-Za-z_$][\\w$]*)\\s*->");

    private final Session session;

    Assist(Session session) {
        this.session = session;
    }

    /** Positions come and go as counts of code points. */
    private static int chars(String code, int points) {
        return code.offsetByCodePoints(0, Math.max(0, Math.min(points, code.codePointCount(0, code.length()))));
    }

    JsonObject complete(String code, int cursorPoints) {
        int cursor = chars(code, cursorPoints);
        String before = code.substring(0, cursor);
        int word = cursor;
        while (word > 0 && Character.isJavaIdentifierPart(before.charAt(word - 1)))
            word--;
        int start = word;
        Set<String> matches = new LinkedHashSet<>();
        if (!inTextOrComment(before)) {
            Found found = suggest(before);
            start = found.matches.isEmpty() ? word : found.start;
            matches.addAll(found.matches);
            boolean member = word > 0 && before.substring(0, word).stripTrailing().endsWith(".");
            String prefix = before.substring(word);
            if (!member && !prefix.isEmpty() && start == word) {
                locals(before.substring(0, word), prefix, matches);
                for (String keyword : KEYWORDS)
                    if (keyword.startsWith(prefix))
                        matches.add(keyword);
            }
        }
        JsonArray names = new JsonArray();
        matches.stream().limit(MOST).forEach(names::add);
        JsonObject reply = ok();
        reply.add("matches", names);
        reply.addProperty("cursor_start", code.codePointCount(0, start));
        reply.addProperty("cursor_end", code.codePointCount(0, cursor));
        reply.add("metadata", new JsonObject());
        return reply;
    }

    /** JShell proposes no local variables and parameters. */
    private static void locals(String before, String prefix, Set<String> matches) {
        Matcher declared = DECLARED.matcher(before);
        while (declared.find()) {
            String name = declared.group(1) != null ? declared.group(1) : declared.group(2);
            if (name.startsWith(prefix))
                matches.add(name);
        }
    }

    private record Found(Set<String> matches, int start) {
    }

    /** Asks JShell about the piece that is being written; when that needs what the cell declares before it, about all of it. */
    private Found suggest(String before) {
        List<Pieces.Piece> pieces = Pieces.of(session.analysis, before);
        if (pieces.isEmpty())
            return suggest("", before.length());
        Pieces.Piece last = pieces.get(pieces.size() - 1);
        String text = before.substring(last.start());
        Found found = suggest(text, last.start());
        if (!found.matches.isEmpty() || pieces.size() == 1)
            return found;
        StringBuilder block = new StringBuilder("{ ");
        for (Pieces.Piece piece : pieces.subList(0, pieces.size() - 1)) {
            String code = piece.text().strip();
            if (!code.startsWith("import "))
                block.append(code).append(code.endsWith(";") || code.endsWith("}") ? " " : "; ");
        }
        int shift = last.start() - block.length();
        Found inside = suggest(block + text, 0);
        return new Found(inside.matches, inside.start + shift);
    }

    private Found suggest(String text, int offset) {
        int[] anchor = {text.length()};
        Set<String> matches = new LinkedHashSet<>();
        Set<String> others = new LinkedHashSet<>();
        try {
            for (Suggestion s : session.analysis.completionSuggestions(text, text.length(), anchor))
                if (!s.continuation().contains("$"))
                    (s.matchesType() ? matches : others).add(s.continuation());
        } catch (RuntimeException | StackOverflowError e) {
            return new Found(Set.of(), offset + text.length()); // the compiler met what it can't parse
        }
        matches.addAll(others);
        return new Found(matches, offset + Math.max(0, anchor[0]));
    }

    /** True inside a string or comment that begins in this text. */
    private static boolean inTextOrComment(String code) {
        int i = 0;
        while (i < code.length()) {
            if (code.startsWith("//", i)) {
                int end = code.indexOf('\n', i);
                if (end < 0)
                    return true;
                i = end;
            } else if (code.startsWith("/*", i)) {
                int end = code.indexOf("*/", i + 2);
                if (end < 0)
                    return true;
                i = end + 2;
            } else if (code.startsWith("\"\"\"", i)) {
                int end = code.indexOf("\"\"\"", i + 3);
                if (end < 0)
                    return true;
                i = end + 3;
            } else if (code.charAt(i) == '"' || code.charAt(i) == '\'') {
                char quote = code.charAt(i++);
                while (i < code.length() && code.charAt(i) != quote && code.charAt(i) != '\n')
                    i += code.charAt(i) == '\\' ? 2 : 1;
                if (i >= code.length())
                    return true;
                i++;
            } else {
                i++;
            }
        }
        return false;
    }

    JsonObject inspect(String code, int cursorPoints, int detail) {
        int cursor = chars(code, cursorPoints);
        int start = cursor;
        int end = cursor;
        while (end < code.length() && Character.isJavaIdentifierPart(code.charAt(end)))
            end++;
        while (start > 0 && Character.isJavaIdentifierPart(code.charAt(start - 1)))
            start--;
        if (start == end || !Character.isJavaIdentifierStart(code.charAt(start))) { // in the brackets: the name before them is meant
            int open = callee(code, cursor);
            if (open < 0)
                return found(null);
            end = open;
            start = end;
            while (start > 0 && Character.isJavaIdentifierPart(code.charAt(start - 1)))
                start--;
        }
        String name = code.substring(start, end);
        boolean member = start > 0 && code.charAt(start - 1) == '.';
        List<String> said = new ArrayList<>();
        if (!member)
            own(name, detail, said);
        if (said.isEmpty())
            documented(code, end, said);
        return found(said.isEmpty() ? null : String.join("\n\n", said));
    }

    /** Where the name of the call ends whose arguments the cursor is in, or -1. */
    private static int callee(String code, int cursor) {
        int depth = 0;
        for (int i = cursor - 1; i >= 0; i--) {
            char c = code.charAt(i);
            if (c == ')')
                depth++;
            else if (c == '(' && depth-- == 0)
                return i > 0 && Character.isJavaIdentifierPart(code.charAt(i - 1)) ? i : -1;
            else if (c == ';' || c == '{' || c == '}')
                return -1;
        }
        return -1;
    }

    /** What the notebook itself declared under this name. */
    private void own(String name, int detail, List<String> said) {
        session.shell.snippets().filter(s -> session.shell.status(s).isActive()).forEach(s -> {
            if (s instanceof VarSnippet v && v.name().equals(name)) {
                String value = session.shell.status(s) == Snippet.Status.VALID ? session.shell.varValue(v) : "";
                said.add(v.typeName() + " " + name + (value.isEmpty() ? "" : " = " + value));
            } else if (s instanceof MethodSnippet m && m.name().equals(name)) {
                said.add(detail > 0 ? m.source().strip() : signature(m));
            } else if (s instanceof TypeDeclSnippet t && t.name().equals(name)) {
                said.add(t.source().strip());
            }
        });
    }

    private static String signature(MethodSnippet method) {
        String source = method.source().strip();
        int body = source.indexOf('{');
        return body > 0 ? source.substring(0, body).strip() : source;
    }

    private void documented(String code, int end, List<String> said) {
        List<Pieces.Piece> pieces = Pieces.of(session.analysis, code.substring(0, end));
        int start = pieces.isEmpty() ? 0 : pieces.get(pieces.size() - 1).start();
        String text = code.substring(start, end);
        Set<String> seen = new LinkedHashSet<>();
        for (String asked : new String[] {text + "(", text}) {
            try {
                for (Documentation d : session.analysis.documentation(asked, asked.length(), true)) {
                    String doc = d.javadoc() == null ? "" : Javadoc.text(d.javadoc());
                    seen.add(doc.isEmpty() ? d.signature() : d.signature() + "\n" + doc);
                }
            } catch (RuntimeException e) {
                continue; // not parseable in this form
            }
            if (!seen.isEmpty())
                break;
        }
        said.addAll(seen);
    }

    private static JsonObject found(String text) {
        JsonObject reply = ok();
        reply.addProperty("found", text != null);
        JsonObject data = new JsonObject();
        if (text != null)
            data.addProperty("text/plain", text);
        reply.add("data", data);
        reply.add("metadata", new JsonObject());
        return reply;
    }

    private static JsonObject ok() {
        JsonObject reply = new JsonObject();
        reply.addProperty("status", "ok");
        return reply;
    }
}
