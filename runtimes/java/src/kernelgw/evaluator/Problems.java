package kernelgw.evaluator;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import jdk.jshell.DeclarationSnippet;
import jdk.jshell.Diag;
import jdk.jshell.JShell;
import jdk.jshell.MethodSnippet;
import jdk.jshell.Snippet;
import jdk.jshell.SourceCodeAnalysis.Completeness;
import jdk.jshell.TypeDeclSnippet;
import jdk.jshell.VarSnippet;

/** What the compiler found wrong, told with the line and a mark below it. */
final class Problems {
    /** The cell can't go on: what its error reply says. */
    static final class Stop extends Exception {
        private static final long serialVersionUID = 1;
        final String name;
        final transient List<String> traceback;

        Stop(String name, String value, List<String> traceback) {
            super(value);
            this.name = name;
            this.traceback = traceback;
        }
    }

    private static final String PUBLIC = "public ";

    private Problems() {
    }

    /**
     * What JShell's own prompt mends before it evaluates, and its interface leaves to us: a piece with what it lacks written in,
     * or null when something else is wrong. A declaration or import at the end of a cell may come without its semicolon. And
     * JShell makes every type public, and then finds constructors of records not public enough that are right in Java.
     */
    static Pieces.Piece mended(List<Diag> problems, Pieces.Piece piece) {
        if (piece.completeness() == Completeness.COMPLETE_WITH_SEMI && !piece.text().endsWith(";"))
            return new Pieces.Piece(piece.text() + ";", piece.start(), piece.completeness());
        for (Diag problem : problems) {
            int at = (int) problem.getStartPosition();
            if ("compiler.err.invalid.canonical.constructor.in.record".equals(problem.getCode()) && at >= 0
                    && at < piece.text().length() && !piece.text().startsWith(PUBLIC, at)
                    && problem.getMessage(Locale.ROOT).contains("was public"))
                return new Pieces.Piece(piece.text().substring(0, at) + PUBLIC + piece.text().substring(at), piece.start(),
                        piece.completeness());
        }
        return null;
    }

    static Stop rejected(List<Diag> problems, String cell, String code, Pieces.Piece piece) {
        List<String> lines = new ArrayList<>();
        String first = null;
        for (Diag problem : problems) {
            if (!problem.isError())
                continue;
            String message = problem.getMessage(Locale.ROOT).strip().replaceAll("\\bjava\\.lang\\.(?=[A-Z])", "");
            if (first == null)
                first = message.lines().findFirst().orElse(message);
            tell(problem, message, cell, code, piece.start(), lines);
        }
        if (first == null) {
            first = "this is not understood";
            lines.add(Traces.RED + Traces.BOLD + "error: " + Traces.PLAIN + first);
        }
        return new Stop("CompileError", first, lines);
    }

    /** What is pasted from a file begins with it. */
    static Stop noPackages(String cell, String code, Pieces.Piece piece) {
        String said = "cells are in no package: leave this line out";
        int number = Pieces.line(code, piece.start());
        return new Stop("CompileError", said, List.of(
                Traces.BOLD + cell + ", line " + number + ": " + Traces.RED + "error: " + Traces.PLAIN + said,
                "    " + code.split("\n", -1)[number - 1]));
    }

    private static void tell(Diag problem, String message, String cell, String code, int start, List<String> out) {
        int at = clamp(start + (int) Math.max(0, problem.getPosition()), code);
        // at the end of the text: the last character that says something
        int place = at;
        while (place > 0 && (place >= code.length() || Character.isWhitespace(code.charAt(place))))
            place--;
        if (problem.getPosition() < 0)
            place = at;
        int number = Pieces.line(code, place);
        int begin = code.lastIndexOf('\n', Math.max(place - 1, 0)) + 1;
        if (place < code.length() && code.charAt(place) == '\n' && place > 0)
            begin = code.lastIndexOf('\n', place - 1) + 1;
        int end = code.indexOf('\n', place);
        String line = code.substring(begin, end < 0 ? code.length() : end);
        int from = clamp(start + (int) Math.max(0, problem.getStartPosition()), code);
        int to = clamp(start + (int) Math.max(0, problem.getEndPosition()), code);
        if (from < begin || from > place)
            from = place;
        to = Math.min(Math.max(to, place + 1), begin + line.length());
        String[] said = message.split("\n", -1);
        out.add(Traces.BOLD + cell + ", line " + number + ": " + Traces.RED + "error: " + Traces.PLAIN + said[0]);
        out.add("    " + line);
        StringBuilder mark = new StringBuilder("    ");
        for (int i = begin; i < from; i++)
            mark.append(code.charAt(i) == '\t' ? '\t' : ' ');
        for (int i = from; i < Math.max(to, from + 1); i++)
            mark.append(i == place ? '^' : '~');
        out.add(Traces.GREEN + mark + Traces.PLAIN);
        for (int i = 1; i < said.length; i++)
            if (!said[i].strip().matches("location: class\\s*(\\$JShell.*)?"))
                out.add("    " + said[i].strip());
    }

    private static int clamp(int at, String code) {
        return Math.max(0, Math.min(at, code.length()));
    }

    /** What code can't be run yet for want of, "method g() and class A"; empty when nothing. */
    static String missing(JShell shell, DeclarationSnippet snippet) {
        List<String> names = shell.unresolvedDependencies(snippet).distinct().collect(Collectors.toList());
        if (names.size() < 2)
            return String.join("", names);
        int last = names.size() - 1;
        return String.join(", ", names.subList(0, last)) + " and " + names.get(last);
    }

    static String describe(Snippet snippet) {
        if (snippet instanceof MethodSnippet method)
            return "method " + method.name() + "(" + method.parameterTypes() + ")";
        if (snippet instanceof TypeDeclSnippet type)
            return switch (snippet.subKind()) {
                case INTERFACE_SUBKIND -> "interface ";
                case ENUM_SUBKIND -> "enum ";
                case RECORD_SUBKIND -> "record ";
                case ANNOTATION_TYPE_SUBKIND -> "@interface ";
                default -> "class ";
            } + type.name();
        if (snippet instanceof VarSnippet variable)
            return "variable " + variable.name();
        return "this";
    }
}
