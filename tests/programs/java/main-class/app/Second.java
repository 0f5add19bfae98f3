package app;

import java.util.Arrays;

class Second {
    static class Inner {
        public static void main(String[] args) {
            System.out.println("the inner one with " + Arrays.toString(args));
        }
    }
}
