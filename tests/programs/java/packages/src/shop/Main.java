package shop;

import shop.model.Cart;
import shop.model.Item;
import shop.util.Money;

public class Main {
    public static void main(String[] args) {
        Cart cart = new Cart();
        cart.add(new Item("tea", 250));
        cart.add(new Item("cake", 399));
        System.out.println(cart);
        System.out.println("total " + Money.text(cart.total()));
    }
}
