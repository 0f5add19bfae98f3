package shop.model;

import java.util.ArrayList;
import java.util.List;

public class Cart {
    private final List<Item> items = new ArrayList<>();

    public void add(Item item) {
        items.add(item);
    }

    public int total() {
        return items.stream().mapToInt(Item::cents).sum();
    }

    @Override
    public String toString() {
        return items.toString();
    }
}
