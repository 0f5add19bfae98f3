package shop.model;

import shop.util.Money;

public record Item(String name, int cents) {
    @Override
    public String toString() {
        return name + " " + Money.text(cents);
    }
}
