public class Main {
    public static void main(String[] args) {
        for (String arg : args)
            System.out.println("<" + arg + ">");
        System.out.println(System.getenv("GREETING") + " [" + System.getenv("EMPTY") + "] " + System.getenv("KGW_MAIN_CLASS"));
        System.out.println(new java.io.File("").getAbsolutePath());
    }
}
