import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

public class Main {
    public static void main(String[] args) throws Exception {
        AtomicInteger count = new AtomicInteger();
        Thread[] threads = new Thread[20];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = new Thread(() -> IntStream.range(0, 1000).forEach(n -> count.incrementAndGet()));
            threads[i].start();
        }
        for (Thread t : threads)
            t.join();
        System.out.println(count);
        ExecutorService pool = Executors.newFixedThreadPool(4);
        BlockingQueue<Integer> queue = new ArrayBlockingQueue<>(2);
        Future<Integer> sum = pool.submit(() -> {
            int total = 0;
            for (int next; (next = queue.take()) >= 0;)
                total += next;
            return total;
        });
        for (int i = 1; i <= 10; i++)
            queue.put(i);
        queue.put(-1);
        System.out.println(sum.get(20, TimeUnit.SECONDS));
        pool.shutdown();
        System.out.println(CompletableFuture.supplyAsync(() -> 20).thenCombine(CompletableFuture.supplyAsync(() -> 22), Integer::sum).get());
        System.out.println(IntStream.rangeClosed(1, 1000).parallel().sum());
    }
}
