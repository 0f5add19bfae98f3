import java.util.List;

record Start(String name) {
    enum Level { LOW, HIGH }

    sealed interface Node permits Leaf, Pair { }

    record Leaf(int value) implements Node { }

    record Pair(Node left, Node right) implements Node { }

    static int sum(Node node) {
        if (node instanceof Leaf leaf)
            return leaf.value();
        Pair pair = (Pair) node;
        return sum(pair.left()) + sum(pair.right());
    }

    public static void main(String[] args) {
        var starts = List.of(new Start("a"), new Start("b"));
        System.out.println(starts + " " + sum(new Pair(new Leaf(1), new Pair(new Leaf(2), new Leaf(3)))));
        System.out.println(switch (Level.HIGH) {
            case LOW -> "low";
            case HIGH -> """
                high
                and "quoted\"""";
        });
    }
}
