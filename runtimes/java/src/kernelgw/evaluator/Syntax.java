package kernelgw.evaluator;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.StatementTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.Trees;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticListener;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/** What the parser alone can tell about pieces of a cell, before any of them runs. */
final class Syntax {
    private static final JavaCompiler COMPILER = ToolProvider.getSystemJavaCompiler();

    private static final class Text extends SimpleJavaFileObject {
        private final String text;

        Text(int number, String text) {
            super(URI.create("mem:/A" + number + ".java"), Kind.SOURCE);
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignore) {
            return text;
        }
    }

    private Syntax() {
    }

    private static Iterable<? extends CompilationUnitTree> parse(List<Text> files, Set<JavaFileObject> bad) throws IOException {
        return task(files, d -> {
            if (d.getKind() == Diagnostic.Kind.ERROR)
                bad.add(d.getSource());
        }).parse();
    }

    private static JavacTask task(List<Text> files, DiagnosticListener<JavaFileObject> problems) {
        return (JavacTask) COMPILER.getTask(null, null, problems, List.of("-proc:none"), null, files);
    }

    private static String statement(String code) {
        return "class A { void a() { " + code + "\n;} }";
    }

    /** The pieces that are neither a statement nor a declaration nor an import. */
    static List<Pieces.Piece> broken(List<Pieces.Piece> pieces) {
        List<Text> files = new ArrayList<>();
        for (int i = 0; i < pieces.size(); i++) {
            String code = pieces.get(i).text();
            files.add(new Text(3 * i, statement(code)));
            files.add(new Text(3 * i + 1, "class A { " + code + "\n}"));
            files.add(new Text(3 * i + 2, code + "\n"));
        }
        Set<JavaFileObject> bad = new HashSet<>();
        List<Pieces.Piece> broken = new ArrayList<>();
        try {
            parse(files, bad);
        } catch (IOException | RuntimeException e) {
            return broken; // then each tells when its turn comes
        }
        for (int i = 0; i < pieces.size(); i++)
            if (bad.containsAll(files.subList(3 * i, 3 * i + 3)) && expression(pieces.get(i).text(), bad))
                broken.add(pieces.get(i));
        return broken;
    }

    /** JShell takes expressions as well that Java knows only inside statements. True when it is none of these either. */
    private static boolean expression(String code, Set<JavaFileObject> bad) {
        String bare = code.strip();
        while (bare.endsWith(";"))
            bare = bare.substring(0, bare.length() - 1).strip();
        bad.clear();
        try {
            parse(List.of(new Text(0, "class A { Object a = " + bare + "\n; }")), bad);
        } catch (IOException | RuntimeException e) {
            return false;
        }
        return !bad.isEmpty();
    }

    /** Where the switch statement ends that this text begins with; 0 when it begins with none, or with a switch that is a value. */
    static int endOfSwitch(String text) {
        if (!text.startsWith("switch") || text.length() == 6 || Character.isJavaIdentifierPart(text.charAt(6)))
            return 0;
        int[] end = {Integer.MAX_VALUE};
        String before = "class A { void a() { ";
        try {
            JavacTask task = task(List.of(new Text(0, before + text + "\n;} }")), d -> end[0] = Math.min(end[0], position(d)));
            for (CompilationUnitTree unit : task.parse()) {
                ClassTree type = (ClassTree) unit.getTypeDecls().get(0);
                StatementTree first = ((MethodTree) type.getMembers().get(0)).getBody().getStatements().get(0);
                int stops = (int) Trees.instance(task).getSourcePositions().getEndPosition(unit, first);
                // an error inside it: it is no statement, or none at all, and JShell may say which
                return first.getKind() == Tree.Kind.SWITCH && stops <= end[0] ? stops - before.length() : 0;
            }
        } catch (IOException | RuntimeException e) {
            return 0;
        }
        return 0;
    }

    private static int position(Diagnostic<?> problem) {
        return problem.getKind() == Diagnostic.Kind.ERROR ? (int) problem.getPosition() : Integer.MAX_VALUE;
    }

    /**
     * Whether a cell's last piece has a value to show. An expression without a semicolon has; with one, only when Java
     * knows no such statement: "x;" and "a + b;" are written to see the value, "list.add(5);" is not.
     */
    static boolean shows(String piece) {
        if (!piece.strip().endsWith(";"))
            return true;
        Set<JavaFileObject> bad = new HashSet<>();
        try {
            Iterator<? extends CompilationUnitTree> units = parse(List.of(new Text(0, statement(piece))), bad).iterator();
            if (!bad.isEmpty() || !units.hasNext())
                return true;
            ClassTree type = (ClassTree) units.next().getTypeDecls().get(0);
            List<? extends StatementTree> body = ((MethodTree) type.getMembers().get(0)).getBody().getStatements();
            return body.get(0).getKind() != Tree.Kind.EXPRESSION_STATEMENT;
        } catch (IOException | RuntimeException e) {
            return true;
        }
    }
}
