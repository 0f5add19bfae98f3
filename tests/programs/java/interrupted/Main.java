public class Main {
    public static void main(String[] args) throws InterruptedException {
        System.out.println("waiting");
        Thread.sleep(80_000);
    }
}
