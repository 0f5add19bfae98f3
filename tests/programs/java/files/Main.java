import java.io.*;
import java.nio.file.*;
import java.util.List;
import java.util.Properties;

public class Main {
    public static void main(String[] args) throws IOException {
        List<String> lines = Files.readAllLines(Path.of("data/people.csv"));
        int ages = lines.stream().skip(1).mapToInt(line -> Integer.parseInt(line.split(",")[1])).sum();
        try (PrintWriter out = new PrintWriter(new FileWriter("out.txt"))) {
            out.println("sum " + ages);
        }
        System.out.print(Files.readString(Path.of("out.txt")));
        Properties settings = new Properties();
        try (InputStream in = Main.class.getResourceAsStream("/settings.properties")) {
            settings.load(in);
        }
        System.out.println(settings.getProperty("greeting"));
        Files.createDirectories(Path.of("deep/er"));
        Files.copy(Path.of("out.txt"), Path.of("deep/er/copy"));
        System.out.println(new File("deep/er/copy").length());
        try {
            Files.writeString(Path.of("/usr/x"), "no");
        } catch (FileSystemException e) {
            System.out.println("read-only: " + e.getFile());
        }
    }
}
