import java.math.BigInteger;

public class Main {
    static void hanoi(int n, char from, char to, char spare) {
        if (n == 0)
            return;
        hanoi(n - 1, from, spare, to);
        moves++;
        hanoi(n - 1, spare, to, from);
    }

    static int moves;

    static BigInteger factorial(int n) {
        return n < 2 ? BigInteger.ONE : factorial(n - 1).multiply(BigInteger.valueOf(n));
    }

    static int endless(int n) {
        return endless(n + 1) + 1;
    }

    public static void main(String[] args) {
        hanoi(16, 'a', 'b', 'c');
        System.out.println(moves);
        System.out.println(factorial(50));
        try {
            endless(0);
        } catch (StackOverflowError e) {
            System.out.println("too deep");
        }
    }
}
