package shop.util;

public final class Money {
    private Money() {
    }

    public static String text(int cents) {
        return "%d.%02d".formatted(cents / 100, cents % 100);
    }
}
