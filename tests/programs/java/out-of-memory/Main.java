import java.util.ArrayList;
import java.util.List;

public class Main {
    public static void main(String[] args) {
        List<byte[]> all = new ArrayList<>();
        try {
            while (true)
                all.add(new byte[1 << 20]);
        } catch (OutOfMemoryError e) {
            int n = all.size();
            all = null;
            System.out.println(n > 50 ? "caught, and enough was there" : "only " + n + " MB");
        }
        int[] more = new int[Integer.MAX_VALUE];
    }
}
