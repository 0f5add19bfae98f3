public class Main {
    public static void main(String[] args) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("last words")));
        System.out.println("leaving");
        System.exit(42);
    }
}
