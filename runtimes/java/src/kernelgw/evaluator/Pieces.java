package kernelgw.evaluator;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.Completeness;
import jdk.jshell.SourceCodeAnalysis.CompletionInfo;

/** A cell's text in the pieces that JShell takes one by one. */
final class Pieces {
    /** text: as JShell gets it. start: the place of its first character in the cell; before 0 when it isn't the cell's. */
    record Piece(String text, int start, Completeness completeness) {
    }

    private static final Pattern STATEMENT = Pattern.compile("(throw|assert|do)\\b");

    private Pieces() {
    }

    static List<Piece> of(SourceCodeAnalysis analysis, String code) {
        List<Piece> pieces = new ArrayList<>();
        int start = 0;
        while (true) {
            // JShell counts a snippet's lines from where its text begins
            while (start < code.length() && Character.isWhitespace(code.charAt(start)))
                start++;
            if (start == code.length())
                break;
            String rest = code.substring(start);
            int end = Syntax.endOfSwitch(rest);
            if (end > 0) {
                // JShell takes every switch for an expression, and what follows for its operands
                pieces.add(new Piece("{" + rest.substring(0, end) + "}", start - 1, Completeness.COMPLETE));
                start += end;
                continue;
            }
            CompletionInfo info = analysis.analyzeCompletion(rest);
            Completeness completeness = info.completeness();
            if (completeness == Completeness.EMPTY)
                break;
            String remaining = info.remaining() == null ? "" : info.remaining();
            int length = rest.length() - remaining.length();
            if (!completeness.isComplete() || length <= 0)
                length = rest.length();
            String text = rest.substring(0, length);
            if (completeness == Completeness.COMPLETE_WITH_SEMI && STATEMENT.matcher(text).lookingAt())
                text += ";"; // declarations and expressions go without
            pieces.add(new Piece(text, start, completeness));
            start += length;
        }
        return pieces;
    }

    /** The line (from 1) that an offset lies on. */
    static int line(String code, int offset) {
        int line = 1;
        for (int i = 0; i < offset && i < code.length(); i++)
            if (code.charAt(i) == '\n')
                line++;
        return line;
    }
}
