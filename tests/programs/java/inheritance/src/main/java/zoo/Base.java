package zoo;

class Base {
    public static void main(String... args) {
        for (var animal : Main.all())
            System.out.println(animal.speak());
    }
}
