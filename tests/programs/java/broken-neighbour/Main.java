public class Main {
    public static void main(String[] args) {
        System.out.println("the other file does not matter: " + Helper.twice(21));
    }
}
