package kernelgw.evaluator;

import com.google.gson.JsonObject;
import jdk.jshell.Snippet;

/** Does once what a first cell would otherwise wait for: classes are loaded, hot methods compiled. Leaves nothing that is seen. */
final class WarmUp {
    private static final String[] CELLS = {
        "System.out.print(\"\"); System.err.print(\"\");",
        "int a = 1; String b = \"x\" + a; var c = new ArrayList<Integer>(); c.add(a); a + 1",
        "int square(int n) { return n * n; } square(3);",
        "for (int i = 0; i < 3; i++) { if (i > 1) System.out.print(String.format(\"%s\", \"\")); }",
        "class A { private final int n; A(int n) { this.n = n; } int twice() { return n * 2; } }\n"
            + "record P(String name, int age) { } enum E { ONE, TWO } interface I { int f(int n); }",
        "Map<String, List<P>> m = new HashMap<>(); m.computeIfAbsent(\"k\", k -> new ArrayList<>()).add(new P(\"n\", 3)); m",
        "IntStream.range(0, 5).mapToObj(Integer::toString).collect(Collectors.joining(\", \"))",
        "List.of(3, 1, 2).stream().filter(n -> n > 1).map(n -> n * 2).sorted().toList()",
        "int[] numbers = {1, 2, 3}; numbers",
        "I lambda = n -> n + 1; lambda.f(2)",
        "String bad = 1;",
        "int fails(int n) { return n / 0; } try { fails(1); } finally { a++; } ",
        "new P(\"n\", a).toString() + E.ONE",
    };
    private static final int ROUNDS = 1;

    private WarmUp() {
    }

    static void run(Session session, Assist assist) {
        for (int round = 0; round < ROUNDS; round++) {
            for (String cell : CELLS) {
                JsonObject request = new JsonObject();
                request.addProperty("code", cell);
                session.execute(request, false);
                session.complete(cell);
            }
            assist.complete("m.com", 5);
            assist.complete("Strin", 5);
            assist.inspect("square", 3, 0);
            assist.inspect("m.size()", 4, 0);
            session.shell.snippets().filter(s -> s.kind() != Snippet.Kind.IMPORT && session.shell.status(s).isActive())
                    .toList().forEach(session.shell::drop);
        }
        Traces.ORIGINS.clear();
        session.reserve();
        System.gc();
    }
}
