public class Main {
    public static void main(String[] args) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 20000; i++)
            text.append(i).append(' ').append("x".repeat(i % 60)).append('\n');
        System.out.print(text);
    }
}
