package kernelgw.evaluator;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * The pipes to the agent (docs/EVALUATORS.md). One thread of ours writes all of them: threads of user code, which
 * an interrupt may end between any two instructions, only fill buffers and wait, and so never leave half a line.
 */
final class Wire {
    private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().serializeNulls().create();
    private static final int LINE_LIMIT = 64 << 20;
    private static final int SOON = 16 << 10;
    private static final int FULL = 256 << 10;
    private static final long PAUSE_NS = 15_000_000;
    private static final long ACK_MS = 5_000;

    /** What goes to descriptor 3; done is set when it is written and, where one is due, acknowledged. */
    private static final class Line {
        final byte[] bytes;
        final boolean wantsAck;
        boolean done;

        Line(byte[] bytes, boolean wantsAck) {
            this.bytes = bytes;
            this.wantsAck = wantsAck;
        }
    }

    /** Text of the user's code on its way to 1 or 2. */
    private final class Stream extends OutputStream {
        private final FileOutputStream to;
        private byte[] bytes = new byte[8 << 10];
        private int length;

        Stream(FileDescriptor fd) {
            to = new FileOutputStream(fd);
        }

        @Override
        public void write(int b) {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] from, int offset, int n) {
            synchronized (lock) {
                boolean interrupted = false;
                while (length >= FULL && !closed) {
                    try {
                        lock.wait();
                    } catch (InterruptedException e) {
                        interrupted = true;
                    }
                }
                int room = length + n;
                if (room > bytes.length)
                    bytes = java.util.Arrays.copyOf(bytes, Math.max(room, Math.min(bytes.length * 2, FULL)));
                System.arraycopy(from, offset, bytes, length, n);
                boolean wake = length == 0 || (length < SOON && room >= SOON);
                length = room;
                if (wake)
                    lock.notifyAll();
                if (interrupted)
                    Thread.currentThread().interrupt();
            }
        }

        byte[] take() {
            if (length == 0)
                return null;
            byte[] taken = java.util.Arrays.copyOf(bytes, length);
            length = 0;
            if (bytes.length > FULL)
                bytes = new byte[8 << 10];
            return taken;
        }
    }

    private final Object lock = new Object();
    private final ArrayDeque<Line> lines = new ArrayDeque<>();
    private final Stream out = new Stream(FileDescriptor.out);
    private final Stream err = new Stream(FileDescriptor.err);
    private final FileOutputStream events;
    private final Thread writer;
    private final BlockingQueue<JsonObject> requests = new LinkedBlockingQueue<>();
    private int acks;
    private int answers;
    private String answer;
    private boolean closed;

    Wire() throws ReflectiveOperationException {
        events = new FileOutputStream(descriptor(3));
        BufferedReader from = new BufferedReader(
                new InputStreamReader(new FileInputStream(descriptor(4)), StandardCharsets.UTF_8));
        System.setOut(new Console(out));
        System.setErr(new Console(err));
        writer = start("kernelgw-writer", this::write);
        start("kernelgw-reader", () -> read(from));
        Runtime.getRuntime().addShutdownHook(new Thread(this::end, "kernelgw-end"));
    }

    /** By number: opening /dev/fd/3 would ask whether this user may open what another made. */
    private static FileDescriptor descriptor(int number) throws ReflectiveOperationException {
        Constructor<FileDescriptor> made = FileDescriptor.class.getDeclaredConstructor(int.class);
        made.setAccessible(true);
        return made.newInstance(number);
    }

    private static Thread start(String name, Runnable body) {
        Thread thread = new Thread(body, name);
        thread.setDaemon(true);
        thread.setPriority(Thread.MAX_PRIORITY);
        thread.start();
        return thread;
    }

    JsonObject request() throws InterruptedException {
        return requests.take();
    }

    void send(JsonObject line) {
        synchronized (lock) {
            lines.add(new Line(bytes(line), false));
            lock.notifyAll();
        }
    }

    /** Returns when the agent has taken the event, and with it all text before it. */
    void show(JsonObject event) {
        Line line = new Line(bytes(event), true);
        synchronized (lock) {
            lines.add(line);
            lock.notifyAll();
            boolean interrupted = false;
            while (!line.done && !closed) {
                try {
                    lock.wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted)
                Thread.currentThread().interrupt();
        }
    }

    /** Asks for a line; null when there is none. An interrupt of the thread ends the wait. */
    String ask(JsonObject event) throws InterruptedException {
        synchronized (lock) {
            int before = answers;
            lines.add(new Line(bytes(event), false));
            lock.notifyAll();
            while (answers == before && !closed)
                lock.wait();
            return closed ? null : answer;
        }
    }

    private static byte[] bytes(JsonObject line) {
        byte[] bytes = (GSON.toJson(line) + "\n").getBytes(StandardCharsets.UTF_8);
        if (bytes.length > LINE_LIMIT)
            throw new IllegalArgumentException("this is " + (bytes.length >> 20) + " MB, and 64 MB can be shown at most");
        return bytes;
    }

    private void write() {
        long last = 0;
        while (true) {
            try {
                byte[] text;
                byte[] errors;
                Line line;
                synchronized (lock) {
                    while (true) {
                        long left = last + PAUSE_NS - System.nanoTime();
                        int length = Math.max(out.length, err.length);
                        if (!lines.isEmpty() || length >= SOON || (length > 0 && left <= 0) || closed)
                            break;
                        if (length > 0)
                            lock.wait(left / 1_000_000 + 1);
                        else
                            lock.wait();
                    }
                    text = out.take();
                    errors = err.take();
                    line = lines.poll();
                    if (closed && text == null && errors == null && line == null)
                        return;
                    lock.notifyAll();
                }
                if (text != null)
                    out.to.write(text);
                if (errors != null)
                    err.to.write(errors);
                last = System.nanoTime();
                if (line != null)
                    write(line);
            } catch (InterruptedException | OutOfMemoryError e) {
                continue; // user code may do either to any thread
            } catch (IOException e) {
                Runtime.getRuntime().halt(0); // nobody is left to talk to
            }
        }
    }

    private void write(Line line) throws IOException {
        synchronized (lock) {
            acks = 0;
        }
        events.write(line.bytes);
        synchronized (lock) {
            long end = System.currentTimeMillis() + ACK_MS;
            while (line.wantsAck && acks == 0 && !closed) {
                long left = end - System.currentTimeMillis();
                if (left <= 0)
                    break;
                try {
                    lock.wait(left);
                } catch (InterruptedException e) {
                    continue;
                }
            }
            line.done = true;
            lock.notifyAll();
        }
    }

    private void read(BufferedReader from) {
        try {
            String text;
            while ((text = from.readLine()) != null) {
                JsonObject line = JsonParser.parseString(text).getAsJsonObject();
                String op = line.has("op") ? line.get("op").getAsString() : "";
                synchronized (lock) {
                    switch (op) {
                        case "ack" -> acks++;
                        case "input" -> {
                            answers++;
                            answer = line.get("value").isJsonNull() ? null : line.get("value").getAsString();
                        }
                        default -> requests.add(line);
                    }
                    lock.notifyAll();
                }
            }
        } catch (IOException | RuntimeException e) {
            System.err.println("kernelgw: the agent's line can't be read: " + e);
        }
        end();
        Runtime.getRuntime().halt(0);
    }

    /** Writes what is left; at the end of the process. */
    private void end() {
        System.out.flush();
        System.err.flush();
        synchronized (lock) {
            closed = true;
            lock.notifyAll();
        }
        try {
            writer.join(1000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
