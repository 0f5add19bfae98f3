import java.util.Scanner;

public class Main {
    public static void main(String[] args) {
        System.out.print("number? ");
        int number = new Scanner(System.in).nextInt();
        System.out.println("twice that is " + 2 * number);
        Runtime.getRuntime().halt(3);
    }
}
