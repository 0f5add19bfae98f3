package zoo.animals;

public abstract class Animal {
    protected final String name;

    protected Animal(String name) {
        this.name = name;
    }

    public abstract String sound();

    public String speak() {
        return name + " says " + sound();
    }
}
