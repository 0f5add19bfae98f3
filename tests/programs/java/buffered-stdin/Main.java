import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.Map;
import java.util.TreeMap;

public class Main {
    public static void main(String[] args) throws IOException {
        Map<String, Integer> counts = new TreeMap<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null;)
            for (String word : line.split(" "))
                counts.merge(word, 1, Integer::sum);
        counts.forEach((word, n) -> System.out.println(word + ": " + n));
        System.out.println("console: " + System.console());
    }
}
