package zoo;

import zoo.animals.*;

public class Main extends Base {
    static Animal[] all() {
        return new Animal[] {new Dog("Rex"), new Cat("Tom") {
            @Override
            public String sound() {
                return super.sound() + "!";
            }
        }};
    }
}
