public class Main {
    public static void main(String[] args) {
        for (Shape s : new Shape[] {new Circle(1), new Square(2)})
            System.out.printf("%s %.2f%n", s.name(), s.area());
    }
}
