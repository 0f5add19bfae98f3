public class Draft {
    public static void main(String[] args) {
        int unfinished = ;
