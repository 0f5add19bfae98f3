public class Main {
    static int depth(int n) {
        if (n == 0)
            throw new IllegalStateException("at the bottom", new java.io.IOException("the cause"));
        return depth(n - 1);
    }

    public static void main(String[] args) {
        try {
            Object nothing = args.length > 9 ? args : null;
            nothing.toString();
        } catch (NullPointerException e) {
            System.out.println(e.getMessage());
        } finally {
            System.out.println("finally");
        }
        depth(2);
    }
}
