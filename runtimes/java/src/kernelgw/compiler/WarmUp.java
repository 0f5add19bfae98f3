package kernelgw.compiler;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** Compiles programs as users write them, until the compiler is fast. */
final class WarmUp {
    private static final String MAIN = """
            package app;
            import app.model.*;
            import java.io.*;
            import java.nio.file.*;
            import java.util.*;
            import java.util.concurrent.*;
            import java.util.function.*;
            import java.util.stream.*;
            public class Main {
                static final int LIMIT = 3;
                interface Visitor<T> { T visit(Shape shape); }
                private static <T extends Comparable<T>> T max(List<T> all) {
                    T best = all.get(0);
                    for (T one : all) if (one.compareTo(best) > 0) best = one;
                    return best;
                }
                public static void main(String[] args) throws Exception {
                    Map<String, List<Shape>> byName = new TreeMap<>();
                    for (int i = 0; i < LIMIT; i++)
                        byName.computeIfAbsent("n" + i % 2, k -> new ArrayList<>()).add(i > 1 ? new Circle(i) : new Square(i));
                    System.out.println(byName.values().stream().flatMap(List::stream).mapToDouble(Shape::area).sum());
                    try (Scanner in = new Scanner(System.in)) {
                        while (in.hasNextLine()) System.out.printf("%s %d%n", in.nextLine(), 1);
                    } catch (RuntimeException e) { throw new IllegalStateException("x", e); } finally { System.out.flush(); }
                    ExecutorService pool = Executors.newFixedThreadPool(2);
                    Future<Integer> f = pool.submit(() -> max(List.of(1, 2, 3)));
                    synchronized (pool) { System.out.println(f.get()); }
                    pool.shutdown();
                    String kind = switch (Color.RED) { case RED -> "r"; default -> { yield "o"; } };
                    int[][] grid = new int[3][4];
                    StringBuilder sb = new StringBuilder(kind);
                    for (int[] row : grid) for (int cell : row) sb.append(cell).append(',');
                    Object o = new Pair<>("a", 1);
                    if (o instanceof Pair<?, ?> p && p.left() != null) System.out.println(p);
                    Runnable r = new Runnable() { @Override public void run() { System.out.println(sb); } };
                    r.run();
                    var text = List.of("b", "a").stream().sorted(Comparator.reverseOrder()).collect(Collectors.joining(","));
                    System.out.println(text + \"\"\"
                        block
                        \"\"\");
                }
            }
            """;
    private static final String MODEL = """
            package app.model;
            public abstract class Shape {
                private final String name;
                protected Shape(String name) { this.name = name; }
                public abstract double area();
                @Override public String toString() { return String.format("%s %.2f", name, area()); }
            }
            """;
    private static final String CIRCLE = """
            package app.model;
            public class Circle extends Shape {
                private final double r;
                public Circle(double r) { super("circle"); this.r = r; }
                @Override public double area() { return Math.PI * r * r; }
            }
            """;
    private static final String OTHERS = """
            package app.model;
            public class Square extends Shape {
                private final double side;
                public Square(double side) { super("square"); this.side = side; }
                @Override public double area() { return side * side; }
            }
            """;
    private static final String SMALL = "public class Main { public static void main(String[] args) { System.out.println(\"Hello\"); } }\n";

    private WarmUp() {
    }

    private static Source source(String path, String text) {
        return new Source(path, text.getBytes(StandardCharsets.UTF_8));
    }

    static void run() {
        String main = "src/app/Main.java";
        List<Source> good = List.of(source(main, MAIN), source("src/app/model/Shape.java", MODEL),
                source("src/app/model/Circle.java", CIRCLE), source("src/app/model/Square.java", OTHERS),
                source("src/app/model/Color.java", "package app.model; public enum Color { RED, GREEN }"),
                source("src/app/model/Pair.java", "package app.model; public record Pair<A, B>(A left, B right) { }"));
        List<Source> bad = List.of(source("Main.java", SMALL.replace("\"Hello\"", "x + 1").replace("void main", "void main2")));
        for (int i = 0; i < 2; i++) {
            Build.Result result = Build.run(good, main, "");
            if (result.status() != Build.OK)
                throw new IllegalStateException(result.text());
            Build.run(bad, "Main.java", "");
            Build.run(List.of(source("Main.java", SMALL)), "Main.java", "");
        }
        System.gc();
    }
}
