package kernelgw.compiler;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Reads of a source file what can be known without a parser: its package and the names of its top-level types. Never fails: of a
 * broken file it finds what it can.
 */
final class Scan {
    private static final Set<String> TYPE_WORDS = Set.of("class", "interface", "enum", "record");

    final String packageName;
    final List<String> types = new ArrayList<>();

    private final String text;
    private int at;

    Scan(String text) {
        this.text = text;
        String found = "";
        int depth = 0;
        String previous = "";
        String token;
        while ((token = next()) != null) {
            if (token.equals("{"))
                depth++;
            else if (token.equals("}"))
                depth--;
            else if (depth == 0 && token.equals("package") && types.isEmpty() && found.isEmpty())
                found = name();
            else if (depth == 0 && TYPE_WORDS.contains(previous) && Character.isJavaIdentifierStart(token.charAt(0)))
                types.add(token);
            previous = token;
        }
        packageName = found;
    }

    /** The dotted name that follows. */
    private String name() {
        StringBuilder name = new StringBuilder();
        String token;
        while ((token = next()) != null && !token.equals(";") && !token.equals("{"))
            name.append(token);
        return name.toString();
    }

    /** The next word or sign; comments, strings and characters are passed over. */
    private String next() {
        while (at < text.length()) {
            char c = text.charAt(at);
            if (Character.isWhitespace(c)) {
                at++;
            } else if (text.startsWith("//", at)) {
                skipPast("\n");
            } else if (text.startsWith("/*", at)) {
                at += 2;
                skipPast("*/");
            } else if (text.startsWith("\"\"\"", at)) {
                at += 3;
                quoted("\"\"\"", false);
            } else if (c == '"' || c == '\'') {
                at++;
                quoted(String.valueOf(c), true);
            } else if (Character.isJavaIdentifierPart(c)) {
                int start = at;
                while (at < text.length() && Character.isJavaIdentifierPart(text.charAt(at)))
                    at++;
                return text.substring(start, at);
            } else {
                at++;
                return String.valueOf(c);
            }
        }
        return null;
    }

    private void skipPast(String end) {
        int found = text.indexOf(end, at);
        at = found < 0 ? text.length() : found + end.length();
    }

    private void quoted(String end, boolean oneLine) {
        while (at < text.length() && !text.startsWith(end, at)) {
            if (oneLine && text.charAt(at) == '\n')
                return; // not closed: the compiler will say so
            at += text.charAt(at) == '\\' ? 2 : 1;
        }
        at += end.length();
    }
}
