public class Lib {
    static void main() {
    }
}
