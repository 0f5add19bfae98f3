public class Main {
    public static void main(String[] args) throws InterruptedException {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("tidied up")));
        System.out.println("working");
        while (true)
            Thread.sleep(100);
    }
}
