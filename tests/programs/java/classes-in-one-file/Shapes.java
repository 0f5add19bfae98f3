interface Shape {
    double area();

    default String name() {
        return getClass().getSimpleName().toLowerCase();
    }
}

class Circle implements Shape {
    private final double r;

    Circle(double r) {
        this.r = r;
    }

    public double area() {
        return Math.PI * r * r;
    }
}

class Square implements Shape {
    private final double side;

    Square(double side) {
        this.side = side;
    }

    public double area() {
        return side * side;
    }
}
