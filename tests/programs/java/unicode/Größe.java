public class Größe {
    static final String ÜBER = "naïve Ω 日本語 🎈";

    public static void main(String[] args) {
        System.out.println(ÜBER + " " + ÜBER.codePointCount(0, ÜBER.length()) + " " + args[0] + " " + System.getenv("WORT"));
        System.err.println("Fehler: ä");
    }
}
