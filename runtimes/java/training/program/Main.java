import java.io.*;
import java.math.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.text.*;
import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.concurrent.locks.*;
import java.util.function.*;
import java.util.regex.*;
import java.util.stream.*;

/** What programs of users do first, once: the classes that it loads lie ready in the archive. */
public class Main {
    record Person(String name, int age) { }

    enum Color { RED, GREEN }

    sealed interface Shape permits Circle, Square { }

    record Circle(double r) implements Shape { }

    record Square(double side) implements Shape { }

    static double area(Shape shape) {
        if (shape instanceof Circle c)
            return Math.PI * c.r() * c.r();
        return shape instanceof Square s ? s.side() * s.side() : 0;
    }

    public static void main(String[] args) throws Exception {
        System.out.println("Hello " + args.length + ' ' + 1.5 + true);
        System.out.printf("%5d %-8s %.2f %x%n", 42, "text", 2.5, 255);
        System.err.println(String.join(",", List.of("a", "b")));
        Scanner in = new Scanner(System.in);
        System.out.println(in.nextLine() + in.nextInt() + in.nextDouble());
        BufferedReader reader = new BufferedReader(new InputStreamReader(new ByteArrayInputStream("a\nb".getBytes()), StandardCharsets.UTF_8));
        reader.lines().forEach(System.out::println);
        Map<String, Integer> counts = new TreeMap<>();
        for (String word : "the cat the dog".split("\\s+"))
            counts.merge(word, 1, Integer::sum);
        counts.forEach((k, v) -> System.out.println(k + "=" + v));
        Map<Boolean, List<Person>> parts = Stream.of(new Person("Ann", 30), new Person("Bo", 10))
                .collect(Collectors.partitioningBy(p -> p.age() > 18));
        System.out.println(parts + " " + new LinkedHashMap<>(counts) + new HashSet<>(counts.keySet()) + EnumSet.allOf(Color.class));
        System.out.println(IntStream.rangeClosed(1, 10).filter(i -> i % 2 == 0).mapToObj(Integer::toString).collect(Collectors.joining("-")));
        System.out.println(Stream.of(3, 1, 2).sorted(Comparator.reverseOrder()).map(i -> i * 2).toList());
        System.out.println(Stream.of("b", "a").collect(Collectors.groupingBy(String::length, Collectors.counting())));
        Deque<Integer> stack = new ArrayDeque<>(List.of(1, 2));
        PriorityQueue<Integer> queue = new PriorityQueue<>(stack);
        LinkedList<Integer> linked = new LinkedList<>(queue);
        System.out.println(stack.pop() + queue.poll() + linked.getFirst() + area(new Circle(1)) + area(new Square(2)));
        int[] numbers = {3, 1, 2};
        Arrays.sort(numbers);
        System.out.println(Arrays.toString(numbers) + Arrays.asList(1, 2) + Arrays.deepToString(new int[2][2]));
        StringBuilder text = new StringBuilder("abc").reverse().insert(0, 1).append('x');
        System.out.println(text + "abc".repeat(2).toUpperCase() + " x ".strip() + "a".compareTo("b") + Integer.parseInt("12"));
        System.out.println(new BigInteger("123456789").pow(3) + " " + new BigDecimal("1.10").setScale(1, RoundingMode.HALF_UP));
        Matcher matcher = Pattern.compile("(\\w+)@(\\w+)").matcher("me@here");
        System.out.println(matcher.find() ? matcher.group(1) : "none");
        Path file = Files.createTempFile("a", ".txt");
        Files.writeString(file, "one\ntwo\n");
        try (BufferedWriter writer = Files.newBufferedWriter(file); PrintWriter printer = new PrintWriter(writer)) {
            printer.println("three");
        }
        try (BufferedReader lines = new BufferedReader(new FileReader(file.toFile())); Stream<String> all = Files.lines(file)) {
            System.out.println(lines.readLine() + all.count() + Files.readAllLines(file));
        }
        Files.delete(file);
        System.out.println(LocalDate.of(2024, 2, 29).plusDays(1) + " " + Duration.ofSeconds(90) + new SimpleDateFormat("yyyy").format(new Date(0)));
        System.out.println(new DecimalFormat("#,##0.00").format(1234.5) + Optional.of(1).map(i -> i + 1).orElse(0));
        ExecutorService pool = Executors.newFixedThreadPool(2);
        Future<Integer> future = pool.submit(() -> 42);
        AtomicInteger sum = new AtomicInteger();
        ReentrantLock lock = new ReentrantLock();
        Thread thread = new Thread(() -> {
            lock.lock();
            try {
                sum.incrementAndGet();
            } finally {
                lock.unlock();
            }
        });
        thread.start();
        thread.join();
        CountDownLatch latch = new CountDownLatch(1);
        CompletableFuture.supplyAsync(() -> 1).thenApply(i -> i + 1).thenAccept(i -> latch.countDown()).join();
        latch.await();
        System.out.println(future.get() + sum.get() + new ConcurrentHashMap<>(counts).size());
        pool.shutdown();
        pool.awaitTermination(1, TimeUnit.SECONDS);
        BlockingQueue<Integer> box = new LinkedBlockingQueue<>();
        box.put(1);
        System.out.println(box.take() + new Random(1).nextInt(5) + " " + Objects.hash(1, 2) + Color.valueOf("RED"));
        String kind = switch (Color.GREEN) { case RED -> "r"; case GREEN -> "g"; };
        Function<Integer, Integer> twice = x -> x * 2;
        BiFunction<Integer, Integer, Integer> add = Integer::sum;
        Supplier<String> supplier = () -> kind;
        System.out.println(twice.andThen(x -> x + 1).apply(2) + add.apply(1, 2) + supplier.get());
        try {
            Object nothing = args.length > 5 ? args : null;
            nothing.hashCode();
        } catch (NullPointerException e) {
            System.out.println(e.getMessage());
            e.printStackTrace();
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("bye")));
        throw new IllegalStateException("the end", new IOException("why"));
    }
}
